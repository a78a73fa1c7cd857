// Waits for a file that somebody makes. The kernel says when: nobody has to wake up to look.
import { existsSync, type FSWatcher, mkdirSync, watch } from 'node:fs'
import { basename, dirname } from 'node:path'

/**
 * Calls `onThere` each time the file appears, at once if it is there already. Does not keep the process alive.
 * @throws Error: its directory can not be made or watched
 */
export function watchForFile(path: string, onThere: () => void): FSWatcher {
  const directory = dirname(path)
  mkdirSync(directory, { recursive: true })
  let isThere = false
  const look = (): void => {
    const wasThere = isThere
    isThere = existsSync(path)
    if (isThere && !wasThere) onThere()
  }
  const watcher = watch(directory, { persistent: false }, (_event, name) => {
    if (name === null || name === basename(path)) look()
  })
  // Then nobody answers, and whoever has made the file says so at the end of its time.
  watcher.on('error', () => watcher.close())
  look()
  return watcher
}
