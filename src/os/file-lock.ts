// flock: the kernel lets go of it exactly when its last holder is dead.
import {
  closeSync,
  constants as fsConstants,
  fstatSync,
  ftruncateSync,
  openSync,
  readFileSync,
  type Stats,
  statSync,
  writeSync,
} from 'node:fs'
import { constants } from 'node:os'
import { errno, libcFunction } from './libc.ts'
import { OsError, withOsErrors } from './os-error.ts'

export interface HeldLock {
  /** Close-on-exec; the lock lasts as long as this fd or a copy of it is open. */
  readonly fd: number
  release(): void
}

const LOCK_EX = 2
const LOCK_NB = 4

const flock = libcFunction<[number, number], number>('int flock(int fd, int operation)')

/**
 * Takes the lock and writes our pid into the file, null when somebody else holds it (a second fd of our own included).
 * The file is never removed: whoever waits for it would then hold a lock that nobody else sees.
 */
export function lockFile(path: string): HeldLock | null {
  for (;;) {
    const fd = withOsErrors(() =>
      openSync(path, fsConstants.O_RDWR | fsConstants.O_CREAT | fsConstants.O_NOFOLLOW, 0o600),
    )
    try {
      if (!tryLock(fd, path)) {
        closeSync(fd)
        return null
      }
      if (isFileAt(path, fd)) {
        writePid(fd)
        return heldLock(fd)
      }
    } catch (error) {
      closeSync(fd)
      throw error
    }
    // Somebody replaced the file between open and lock: what we locked is not what others will open.
    closeSync(fd)
  }
}

/**
 * Pid of the process that took the lock, null when nobody holds it. Does not touch the lock. Takes up to 20 ms: /proc/locks
 * waits for an RCU grace period, all but the first of several readings in a row are fast.
 */
export function lockHolder(path: string): number | null {
  let stats: Stats | undefined
  let locks: string
  let written: number
  try {
    stats = statSync(path, { throwIfNoEntry: false })
    if (stats === undefined) return null
    written = Number.parseInt(readFileSync(path, 'latin1'), 10)
    locks = readFileSync('/proc/locks', 'latin1')
  } catch {
    return null
  }
  const device = deviceName(stats.dev)
  // 12: FLOCK  ADVISORY  WRITE 4711 00:1a:98765 0 EOF
  for (const [, pid, dev, inode] of locks.matchAll(/FLOCK\s+\w+\s+WRITE\s+(-?\d+)\s+(\w+:\w+):(\d+)\s/g)) {
    if (Number(inode) !== stats.ino) continue
    // Some file systems (overlay, btrfs) show another device number in stat: then the pids must agree.
    if (dev === device || Number(pid) === written) return Number(pid) > 0 ? Number(pid) : written
  }
  return null
}

function tryLock(fd: number, path: string): boolean {
  for (;;) {
    if (flock(fd, LOCK_EX | LOCK_NB) !== -1) return true
    const number = errno()
    if (number === constants.errno.EWOULDBLOCK) return false
    if (number !== constants.errno.EINTR) throw new OsError('flock', number, { subject: path })
  }
}

function isFileAt(path: string, fd: number): boolean {
  const named = statSync(path, { throwIfNoEntry: false })
  const opened = fstatSync(fd)
  return named !== undefined && named.ino === opened.ino && named.dev === opened.dev
}

function writePid(fd: number): void {
  withOsErrors(() => {
    ftruncateSync(fd, 0)
    writeSync(fd, `${process.pid}\n`, 0)
  })
}

function heldLock(fd: number): HeldLock {
  let held = true
  return {
    fd,
    release() {
      if (!held) return
      held = false
      closeSync(fd)
    },
  }
}

/** As /proc/locks prints it: two hexadecimal digits at least, major and minor. */
function deviceName(dev: number): string {
  const device = BigInt(dev)
  const major = ((device >> 8n) & 0xfffn) | ((device >> 32n) & 0xfffff000n)
  const minor = (device & 0xffn) | ((device >> 12n) & 0xffffff00n)
  return `${hex(major)}:${hex(minor)}`
}

function hex(number: bigint): string {
  return number.toString(16).padStart(2, '0')
}
