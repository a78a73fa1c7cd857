// Named pipes that outlive the supervisor: whoever writes holds an O_RDWR fd, and so a reading end of its own.
import {
  chmodSync,
  closeSync,
  fchmodSync,
  fchownSync,
  constants as fsConstants,
  fstatSync,
  openSync,
  readFileSync,
} from 'node:fs'
import { constants } from 'node:os'
import { errno, libcFunction } from './libc.ts'
import { lastOsError, OsError, withOsErrors } from './os-error.ts'

export interface FifoOptions {
  readonly mode: number
  /** null: ours. */
  readonly uid: number | null
  readonly gid: number | null
}

const F_SETPIPE_SZ = 1031
const F_GETPIPE_SZ = 1032

const mkfifo = libcFunction<[string, number], number>('int mkfifo(const char *path, uint32_t mode)')
const read = libcFunction<[number, Buffer, number], number>('long read(int fd, void *buffer, size_t length)')
const fcntl = libcFunction<[number, number, number], number>('int fcntl(int fd, int command, long argument)')

/** Makes a FIFO with exactly this mode and owner. One that is there already is kept; anything else there is EEXIST. */
export function makeFifo(path: string, { mode, uid, gid }: FifoOptions): void {
  const isNew = mkfifo(path, mode) === 0
  const number = isNew ? 0 : errno()
  if (!isNew && number !== constants.errno.EEXIST) throw new OsError('mkfifo', number, { subject: path })
  withOsErrors(() => {
    // mkfifo takes the umask off, of which 0077 and less leave an owner's rights alone.
    if (isNew && uid === null && gid === null)
      return (mode & ~0o700) === 0 && umaskIsUsual() ? undefined : chmodSync(path, mode)
    const fd = openExisting(path)
    try {
      const stats = fstatSync(fd)
      const owner = uid ?? stats.uid
      const group = gid ?? stats.gid
      if (owner !== stats.uid || group !== stats.gid) fchownSync(fd, owner, group)
      if ((stats.mode & 0o7777) !== mode) fchmodSync(fd, mode)
    } finally {
      closeSync(fd)
    }
  })
}

let usual: boolean | null = null

/** Looked at once, in /proc: process.umask() changes it for a moment, for all threads. */
function umaskIsUsual(): boolean {
  usual ??= /^Umask:\s*00[0-7]{2}$/m.test(readFileSync('/proc/self/status', 'latin1'))
  return usual
}

function openExisting(path: string): number {
  try {
    return openFifo(path)
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code
    if (code !== 'ELOOP' && code !== 'EISDIR' && code !== 'ENXIO' && code !== 'EEXIST') throw error
    throw new OsError('mkfifo', constants.errno.EEXIST, { subject: path, explanation: 'something else is there' })
  }
}

export interface OpenFifoOptions {
  /**
   * Nobody but us can put something else at the path: the look at what was opened is left out (4 us). Default: false, for in a
   * directory that belongs to a service's user a link may stand there, and we may be root.
   */
  readonly trusted?: boolean
  /** The path is a link of /proc. Default: false, a link is refused. */
  readonly followed?: boolean
}

/**
 * Our end, non-blocking. O_RDWR, so that it never sees an end: an O_RDONLY one whose last writer is gone is readable
 * for ever and spins. What is no FIFO is EEXIST.
 */
export function openFifo(path: string, options: OpenFifoOptions = {}): number {
  return openEnd(path, fsConstants.O_NONBLOCK, options)
}

/** The child's end, blocking: a description of its own, since O_NONBLOCK is shared. Close ours after the spawn. */
export function openFifoForChild(path: string, options: OpenFifoOptions = {}): number {
  return openEnd(path, 0, options)
}

/** The child's end, blocking, where it is to see the end of those who write. Somebody has to have it open for writing. */
export function openFifoForReading(path: string, options: OpenFifoOptions = {}): number {
  return openEnd(path, 0, options, fsConstants.O_RDONLY)
}

function openEnd(
  path: string,
  flags: number,
  { trusted = false, followed = false }: OpenFifoOptions,
  access = fsConstants.O_RDWR,
): number {
  const noFollow = followed ? 0 : fsConstants.O_NOFOLLOW
  const fd = withOsErrors(() => openSync(path, access | noFollow | flags))
  if (trusted || fstatSync(fd).isFIFO()) return fd
  closeSync(fd)
  throw new OsError('open', constants.errno.EEXIST, { subject: path, explanation: 'it is no FIFO' })
}

/** /dev/null for reading and writing. */
export function openDevNull(): number {
  return withOsErrors(() => openSync('/dev/null', fsConstants.O_RDWR))
}

/** Reads what is there into `buffer`; 0 when there is nothing now (or, for other files, at the end). */
export function readAvailable(fd: number, buffer: Buffer): number {
  for (;;) {
    const count = read(fd, buffer, buffer.length)
    if (count !== -1) return count
    const number = errno()
    if (number === constants.errno.EAGAIN) return 0
    if (number !== constants.errno.EINTR) throw lastOsError('read', `fd ${fd}`)
  }
}

/**
 * Asks for a pipe of `bytes` and returns what it is afterwards. Never throws: an ordinary user gets 1 MiB at most, and
 * after 64 MiB in sum nothing more (every new pipe is then 8 KiB).
 */
export function setPipeSize(fd: number, bytes: number): number {
  const size = fcntl(fd, F_SETPIPE_SZ, bytes)
  return size > 0 ? size : Math.max(0, fcntl(fd, F_GETPIPE_SZ, 0))
}
