// Removes a directory that other users may write to, as root: by descriptors, so that nobody can put a link in the way between
// the look and the removal and have us remove something else. Node's rmSync goes by paths.
import { closeSync, constants, openSync, readdirSync, rmdirSync, unlinkSync } from 'node:fs'

const DIRECTORY = constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NOFOLLOW

/** Does nothing where there is none; what is no directory (a link too) is removed itself. @throws what the system says otherwise */
export function removeTree(path: string): void {
  const fd = openDirectory(path)
  if (fd === null) return unlinkIfThere(path)
  try {
    // The path of an open directory stays its own, whatever its name is by now.
    const inside = `/proc/self/fd/${fd}`
    for (const entry of readdirSync(inside, { withFileTypes: true })) {
      if (entry.isDirectory()) removeTree(`${inside}/${entry.name}`)
      else unlinkIfThere(`${inside}/${entry.name}`)
    }
  } finally {
    closeSync(fd)
  }
  ignoring('ENOENT', () => rmdirSync(path))
}

function openDirectory(path: string): number | null {
  try {
    return openSync(path, DIRECTORY)
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    if (code === 'ENOENT' || code === 'ENOTDIR' || code === 'ELOOP') return null
    throw error
  }
}

function unlinkIfThere(path: string): void {
  ignoring('ENOENT', () => unlinkSync(path))
}

function ignoring(code: string, act: () => void): void {
  try {
    act()
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== code) throw error
  }
}
