// A real fork of this very process. What has to hold before and after it is in inherit-memory.ts and node-threads.ts.
import { errno, libcFunction } from './libc.ts'
import { checked, OsError } from './os-error.ts'

const SIG_SETMASK = 2
const SIGSET_SIZE = 128
const WNOHANG = 1
/** What the one between writes: a zero, by which it can be told from text, then pid and errno, four bytes each. */
export const BIRTH = { mark: 0, pid: 1, errno: 5, length: 9 } as const

const fork = libcFunction<[], number>('int fork()')
const exit = libcFunction<[number], void>('void _exit(int status)')
const write = libcFunction<[number, Buffer, number], number>('long write(int fd, void *bytes, size_t length)')
const waitpid = libcFunction<[number, Buffer | null, number], number>('int waitpid(int pid, void *status, int options)')
const sigmask = libcFunction<[number, Buffer, Buffer | null], number>(
  'int pthread_sigmask(int how, void *set, void *old)',
)

const everySignal = Buffer.alloc(SIGSET_SIZE, 0xff)
const noSignal = Buffer.alloc(SIGSET_SIZE)
const maskBefore = Buffer.alloc(SIGSET_SIZE)
const birth = Buffer.alloc(BIRTH.length)
const rawStatus = Buffer.alloc(4)

/** koffi looks up a function at its first call, and allocates: have that behind us before the first fork. */
export function prepareFork(): void {
  checked(sigmask(SIG_SETMASK, everySignal, maskBefore), 'pthread_sigmask')
  checked(sigmask(SIG_SETMASK, maskBefore, null), 'pthread_sigmask')
  write(-1, birth, 0)
  waitpid(-1, null, WNOHANG)
}

/**
 * Forks twice. Here it returns the pid of the process between, which ends at once, and is to be reaped (hasEnded). It writes to
 * `birthFd` who its child is (BIRTH): the pid, or -1 and errno if it could not fork. The child may have written before.
 * In that child it returns 0, with every signal blocked until allowSignals: libuv's handlers would write into the parent's pipes
 * before uv_loop_fork. `inChild` is called in both new processes first; it must allocate nothing, as `before` must not.
 * @throws OsError where the first fork fails
 */
export function forkGrandchild(birthFd: number, before: () => void, inChild: () => void): number {
  sigmask(SIG_SETMASK, everySignal, maskBefore)
  before()
  const between = fork()
  if (between !== 0) {
    const error = errno()
    sigmask(SIG_SETMASK, maskBefore, null)
    if (between === -1) throw new OsError('fork', error)
    return between
  }
  inChild()
  before()
  const pid = fork()
  if (pid === 0) return 0
  birth.writeInt32LE(pid, BIRTH.pid)
  birth.writeInt32LE(pid === -1 ? errno() : 0, BIRTH.errno)
  write(birthFd, birth, BIRTH.length)
  exit(0)
  return -1
}

/** Forks once: the pid of our child, to be reaped by rawStatusOf; in that child 0. Otherwise as forkGrandchild. @throws OsError */
export function forkChild(before: () => void, inChild: () => void): number {
  sigmask(SIG_SETMASK, everySignal, maskBefore)
  before()
  const pid = fork()
  if (pid === 0) {
    inChild()
    return 0
  }
  const error = errno()
  sigmask(SIG_SETMASK, maskBefore, null)
  if (pid === -1) throw new OsError('fork', error)
  return pid
}

/** For the child, as soon as it can handle them: none is blocked then, whatever the parent blocked. */
export function allowSignals(): void {
  sigmask(SIG_SETMASK, noSignal, null)
}

/** Whether this child of ours is dead; it is reaped then. */
export function hasEnded(pid: number): boolean {
  return waitpid(pid, null, WNOHANG) !== 0
}

/** How this child of ours has ended, as wait(2) says it: it is reaped. Null while it lives. */
export function rawStatusOf(pid: number): number | null {
  return waitpid(pid, rawStatus, WNOHANG) === pid ? rawStatus.readInt32LE(0) : null
}
