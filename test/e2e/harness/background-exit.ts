// The exit code of what `start` leaves in the background, which the kernel tells to init alone.
import { join } from 'node:path'
import type { LibraryScene } from './library-scene.ts'
import { PROGRAMS } from './scene.ts'
import { waitFor } from './wait-for.ts'

export interface BackgroundServer {
  /** Resolves when it has ended; -9 is a death by SIGKILL. */
  exitCode(): Promise<number>
}

/** Starts the server, which must succeed. Needs Python. */
export async function startUnderInit(scene: LibraryScene): Promise<BackgroundServer> {
  const program = join(PROGRAMS, 'background-exit.py')
  const init = scene.launch('python3', [program, process.execPath, scene.program, 'start'])
  let said = ''
  for (const stream of [init.stdout, init.stderr]) stream?.on('data', (chunk) => (said += chunk))
  const ended = new Promise<void>((resolve) => init.on('close', () => resolve()))
  await waitFor(() => said.includes('start exited with 0\n'), { what: 'the start of the server' })
  return {
    async exitCode() {
      await ended
      return Number(/^what it started exited with (-?\d+)$/m.exec(said)?.[1])
    },
  }
}
