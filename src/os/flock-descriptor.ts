// flock on a file that is open already, for work that only one process at a time may do with it.
import { constants } from 'node:os'
import { errno, libcFunction } from './libc.ts'
import { OsError } from './os-error.ts'

const LOCK_SH = 1
const LOCK_EX = 2
const LOCK_NB = 4

const flock = libcFunction<[number, number], number>('int flock(int fd, int operation)')

/**
 * False when somebody else holds it (another fd of our own included): then we have none, of another kind neither. It is let go of when
 * the fd is closed. Never waits.
 */
export function tryLockDescriptor(fd: number, how: 'exclusive' | 'shared' = 'exclusive'): boolean {
  const operation = how === 'shared' ? LOCK_SH : LOCK_EX
  for (;;) {
    if (flock(fd, operation | LOCK_NB) !== -1) return true
    const number = errno()
    if (number === constants.errno.EWOULDBLOCK) return false
    if (number !== constants.errno.EINTR) throw new OsError('flock', number)
  }
}
