import { readProcFile } from './proc-file.ts'

/** Address, references, protocol, flags (__SO_ACCEPTCON), type, state, inode, then the path to the end of the line. */
const LISTENING = /^\S+ \S+ \S+ 00010000 \S+ \S+ +\d+ (.+)$/

/** Whether any process of this network namespace has a socket that listens under this path. */
export function isUnixListening(path: string): boolean {
  const table = readProcFile('/proc/net/unix')
  // Not known: a file too many is mended by whoever binds there next, a missing one by nobody.
  if (table === null) return true
  return table
    .toString('utf8')
    .split('\n')
    .some((line) => LISTENING.exec(line)?.[1] === path)
}
