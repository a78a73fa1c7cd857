// glibc has wrappers for these only from 2.36 on; the numbers are the same on every architecture.
import { closeSync } from 'node:fs'
import { constants } from 'node:os'
import { errno, libcFunction } from './libc.ts'
import { lastOsError, OsError } from './os-error.ts'

const SYS_PIDFD_SEND_SIGNAL = 424
const SYS_PIDFD_OPEN = 434

const syscall = libcFunction<[number, number, number, number, number], number>(
  'long syscall(long number, long a, long b, long c, long d)',
)

/** A close-on-exec fd for whoever has this pid now (a zombie too), null when there is nobody. */
export function pidfdOpen(pid: number): number | null {
  const fd = syscall(SYS_PIDFD_OPEN, pid, 0, 0, 0)
  if (fd !== -1) return fd
  if (errno() === constants.errno.ESRCH) return null
  throw lastOsError('pidfd_open', String(pid))
}

export function pidfdSendSignal(pidfd: number, signal: number): 'sent' | 'gone' {
  if (syscall(SYS_PIDFD_SEND_SIGNAL, pidfd, signal, 0, 0) !== -1) return 'sent'
  const number = errno()
  if (number === constants.errno.ESRCH) return 'gone'
  throw new OsError('pidfd_send_signal', number)
}

export function closePidfd(fd: number): void {
  closeSync(fd)
}
