// Signals reach the process that was meant, or nobody.
import { constants } from 'node:os'
import { errno, libcFunction } from './libc.ts'
import { OsError } from './os-error.ts'
import { closePidfd, pidfdOpen, pidfdSendSignal } from './pidfd-syscalls.ts'
import { isDead, type ProcessIdentity, startTimeOf, statOf } from './process-identity.ts'

const kill = libcFunction<[number, number], number>('int kill(int pid, int signal)')

/** Sends `signal` (0 to 64) if the pid still is this very process. A zombie is gone. */
export function signalProcess(identity: ProcessIdentity, signal: number): 'sent' | 'gone' {
  const { pid, startTime } = identity
  refuseBelow(pid, 1)
  const stat = statOf(pid)
  if (stat === null || stat.startTime !== startTime || isDead(stat)) return 'gone'
  // Nobody but us can reap our child, so that its pid stays its own until then.
  if (stat.parent === process.pid) return send(pid, signal)
  const pidfd = pidfdOpen(pid)
  if (pidfd === null) return 'gone'
  try {
    return startTimeOf(pid) === startTime ? pidfdSendSignal(pidfd, signal) : 'gone'
  } finally {
    closePidfd(pidfd)
  }
}

/**
 * Sends `signal` to every process of a group. Call it only while the group's leader is our child and not yet reaped
 * (dead or alive): that is what keeps the number from being used again.
 */
export function signalGroup(processGroup: number, signal: number): 'sent' | 'gone' {
  refuseBelow(processGroup, 2)
  return send(-processGroup, signal)
}

/** Whether the group has a process, a zombie included. */
export function groupExists(processGroup: number): boolean {
  refuseBelow(processGroup, 2)
  if (kill(-processGroup, 0) !== -1) return true
  return errno() === constants.errno.EPERM
}

function send(target: number, signal: number): 'sent' | 'gone' {
  if (kill(target, signal) !== -1) return 'sent'
  const number = errno()
  if (number === constants.errno.ESRCH) return 'gone'
  throw new OsError('kill', number, { subject: String(target) })
}

/** kill(0), kill(-1) and kill(1) mean our own group, everybody, and init. */
function refuseBelow(pid: number, lowest: number): void {
  if (!Number.isInteger(pid) || pid < lowest) throw new RangeError(`not a pid to be signalled: ${pid}`)
}
