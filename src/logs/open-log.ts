import { constants } from 'node:fs'
import { dirname } from 'node:path'
import { append, close, errorCode, fchown, fstat, mkdir, open, read } from './file-calls.ts'

export interface FileIdentity {
  readonly device: number
  readonly inode: number
  readonly size: number
}

export interface OpenedLog extends FileIdentity {
  readonly fd: number
  /** Only regular files are rotated: not /dev/stdout, a FIFO or a terminal. */
  readonly regular: boolean
  /** It is the file as we left it: a line that was written in part may go on. */
  readonly goesOn: boolean
  /** The owner asked for could not be set. */
  readonly ownerError: Error | null
}

export interface OpenLogOptions {
  readonly path: string
  readonly mode: number
  readonly uid?: number | undefined
  readonly gid?: number | undefined
}

// Read and write: a FIFO then opens without a reader and never fails with EPIPE, and a torn last line can be seen.
const FLAGS = constants.O_RDWR | constants.O_APPEND | constants.O_CREAT | constants.O_NOCTTY

/**
 * Opens a log to append, makes it and its directory if need be. If its last line has no end (whoever wrote it died),
 * it gets one, so that no two lines mix. @param left the file as we last left it
 */
export async function openLog(options: OpenLogOptions, left: FileIdentity | null): Promise<OpenedLog> {
  const fd = await openPatiently(options.path, options.mode)
  try {
    const is = await fstat(fd)
    const goesOn = left !== null && is.dev === left.device && is.ino === left.inode && is.size === left.size
    const mended = !goesOn && is.isFile() && is.size > 0 ? await endLastLine(fd, is.size) : 0
    const ownerError = await giveTo(fd, is, options)
    return { fd, size: is.size + mended, device: is.dev, inode: is.ino, regular: is.isFile(), goesOn, ownerError }
  } catch (error) {
    await close(fd)
    throw error
  }
}

async function openPatiently(path: string, mode: number): Promise<number> {
  let directoryMade = false
  for (let attempt = 0; ; attempt++) {
    try {
      return await open(path, FLAGS, mode)
    } catch (error) {
      const code = errorCode(error)
      if (code === 'ENOENT' && !directoryMade) {
        directoryMade = true
        await mkdir(dirname(path), { recursive: true })
      } else if ((code === 'EMFILE' || code === 'ENFILE') && attempt < 200) {
        // While a process is spawned the limit of open files is a child's for some microseconds, in all threads.
        await new Promise((resolve) => setTimeout(resolve, 1))
      } else {
        throw error
      }
    }
  }
}

async function endLastLine(fd: number, size: number): Promise<number> {
  for (let end = size; await isTornAt(fd, end); ) {
    await untilWritten(fd)
    const now = (await fstat(fd)).size
    // Whoever left it so is dead: it would have gone on by now.
    if (now === end) return await append(fd, [Buffer.from('\n')])
    end = now
  }
  return 0
}

async function isTornAt(fd: number, size: number): Promise<boolean> {
  const last = Buffer.alloc(1)
  return (await read(fd, last, 0, 1, size - 1)) === 1 && last[0] !== 10
}

/**
 * A file grows page by page while another process writes to it, so its end may be in the middle of a line that is not torn. Such a
 * write holds the file's lock in the kernel, and this call, which changes nothing, has to wait for it.
 */
async function untilWritten(fd: number): Promise<void> {
  await fchown(fd, -1, -1).catch(() => {})
}

async function giveTo(
  fd: number,
  is: { readonly uid: number; readonly gid: number },
  { uid = is.uid, gid = is.gid }: OpenLogOptions,
): Promise<Error | null> {
  if (uid === is.uid && gid === is.gid) return null
  try {
    await fchown(fd, uid, gid)
    return null
  } catch (error) {
    return error instanceof Error ? error : new Error(String(error))
  }
}
