import { constants } from 'node:fs'
import { close, errorCode, fstat, open, stat } from '../logs/file-calls.ts'
import type { FileIdentity } from '../logs/open-log.ts'
import { shiftRotatedFiles } from '../logs/rotated-files.ts'

/**
 * Rotates a log that several processes write: one of them does it, under a lock on the file itself, which the kernel lets go
 * of if that process dies. The file's rename comes last, so whoever finds a new file under the name finds the shifting done.
 * @param seen the file that was found to be full
 * @returns `others`: another process is at it; `changed`: it is another file now, or a shorter one
 */
export async function rotateTogether(
  path: string,
  keep: number,
  seen: FileIdentity,
): Promise<'rotated' | 'others' | 'changed'> {
  // Loaded by those who rotate only: it brings koffi with it.
  const { tryLockDescriptor } = await import('../os/flock-descriptor.ts')
  let fd: number
  try {
    fd = await open(path, constants.O_RDONLY | constants.O_NONBLOCK | constants.O_NOCTTY)
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return 'changed'
    throw error
  }
  try {
    if (!tryLockDescriptor(fd)) return 'others'
    const held = await fstat(fd)
    if (!held.isFile()) throw new Error(`${path} is no regular file and can not be rotated`)
    const named = await stat(path).catch(() => null)
    // Between our look and our lock somebody may have rotated it already.
    if (named?.ino !== held.ino || named.dev !== held.dev) return 'changed'
    if (held.ino !== seen.inode || held.dev !== seen.device || held.size < seen.size) return 'changed'
    await shiftRotatedFiles(path, keep)
    return 'rotated'
  } finally {
    await close(fd)
  }
}
