// Removes a directory that other users may write to, as root: by descriptors, so that nobody can put a link in the way between
// the look and the removal and have us remove something else. Node's rmSync goes by paths.
import { chmodSync, closeSync, constants, openSync, readdirSync, renameSync, rmdirSync, unlinkSync } from 'node:fs'

const DIRECTORY = constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NOFOLLOW
/** Each level holds a descriptor and a piece of the stack: what lies deeper is first moved up. */
const DEEPEST = 32

/** Does nothing where there is none; what is no directory (a link too) is removed itself. @throws what the system says otherwise */
export function removeTree(path: string): void {
  const top = openDirectory(path)
  if (top === null) return unlinkIfThere(path)
  try {
    const moved = { to: inside(top), count: 0 }
    do {
      moved.count = 0
      removeEntries(top, DEEPEST, moved)
    } while (moved.count > 0)
  } finally {
    closeSync(top)
  }
  ignoring('ENOENT', () => rmdirSync(path))
}

interface Moved {
  readonly to: string
  count: number
}

/** The path of an open directory stays its own, whatever its name is by now. */
function inside(fd: number): string {
  return `/proc/self/fd/${fd}`
}

function removeEntries(fd: number, levels: number, moved: Moved): void {
  for (const entry of readdirSync(inside(fd), { withFileTypes: true })) {
    const path = `${inside(fd)}/${entry.name}`
    if (!entry.isDirectory()) unlinkIfThere(path)
    else if (levels > 0) removeDirectory(path, levels, moved)
    else renameSync(path, `${moved.to}/.deep-${process.hrtime.bigint()}-${moved.count++}`)
  }
}

function removeDirectory(path: string, levels: number, moved: Moved): void {
  const fd = openDirectory(path)
  if (fd === null) return unlinkIfThere(path)
  try {
    removeEntries(fd, levels - 1, moved)
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
    if (code !== 'EACCES' || process.getuid?.() === 0) throw error
    // Our own, with its rights taken away. (For root nothing is out of reach, and a link must not be followed.)
    chmodSync(path, 0o700)
    return openSync(path, DIRECTORY)
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
