// Every child is waited for in one place, whoever started it: spawned, forked by a forkserver, orphaned to us.
import { constants } from 'node:os'
import { guarded } from './guarded.ts'
import { errno, libcFunction } from './libc.ts'
import { checked, lastOsError } from './os-error.ts'
import { closePidfd, pidfdOpen } from './pidfd-syscalls.ts'
import { type PollHandle, pollReadable } from './poll-handle.ts'
import { signalName } from './signals.ts'

/** How a process ended: exactly one of the two is not null. `signal` is `SIGKILL`. */
export interface WaitStatus {
  readonly code: number | null
  readonly signal: string | null
}

/**
 * `subreaper`: all children and all orphans below us, by SIGCHLD; for a process that is ours alone.
 * `own-children`: only what is watched, by pidfd; touches nothing that belongs to the whole process.
 */
export type ReapMode = 'subreaper' | 'own-children'

/** Milliseconds. */
const LONGEST_HOLD = 1_000
const P_ALL = 0
const P_PID = 1
const WNOHANG = 1
const WEXITED = 4
const WNOWAIT = 0x0100_0000
const PR_SET_CHILD_SUBREAPER = 36
/** siginfo_t: si_pid stands at 16 on 64-bit machines. */
const SI_PID = 16

const waitid = libcFunction<[number, number, Buffer, number], number>(
  'int waitid(int idtype, uint32_t id, void *info, int options)',
)
const waitpid = libcFunction<[number, Buffer, number], number>('int waitpid(int pid, void *status, int options)')
const prctl = libcFunction<[number, number, number, number, number], number>(
  'int prctl(int option, unsigned long a, unsigned long b, unsigned long c, unsigned long d)',
)

export class ChildReaper {
  readonly #mode: ReapMode
  readonly #onExit: (pid: number, status: WaitStatus) => void
  readonly #beforeReap: (pid: number) => void
  readonly #info = Buffer.alloc(128)
  readonly #status = Buffer.alloc(4)
  readonly #watched = new Map<number, { pidfd: number; handle: PollHandle }>()
  readonly #onSigchld = () => this.poll()
  #closed = false
  #held: { readonly known: () => Iterable<number>; readonly timer: NodeJS.Timeout } | null = null
  #missed = false

  /**
   * `beforeReap` is called while the process is dead but still holds its pid: its group may be signalled safely then.
   * `onExit` is called when the pid is free. Children that died before are reported in the next turn of the loop.
   */
  constructor(
    mode: ReapMode,
    onExit: (pid: number, status: WaitStatus) => void,
    beforeReap: (pid: number) => void = () => {},
  ) {
    this.#mode = mode
    this.#onExit = onExit
    this.#beforeReap = beforeReap
    if (mode === 'subreaper') {
      checked(prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0), 'prctl PR_SET_CHILD_SUBREAPER')
      process.on('SIGCHLD', this.#onSigchld)
      setImmediate(this.#onSigchld)
    }
  }

  /**
   * Waits for this child of ours. Has nothing to do for a subreaper, which waits for all. Without `keepsLoop` the process may end
   * meanwhile.
   */
  watch(pid: number, { keepsLoop = true } = {}): void {
    if (this.#mode === 'subreaper' || this.#closed || this.#watched.has(pid)) return
    const pidfd = pidfdOpen(pid)
    if (pidfd === null) throw new Error(`process ${pid} was reaped by somebody else`)
    const handle = pollReadable(pidfd, () => this.#reapOne(P_PID, pid))
    if (!keepsLoop) handle.unref()
    this.#watched.set(pid, { pidfd, handle })
  }

  /**
   * Nobody is reaped until `release`: for children whose pids are not known yet. When that lasts longer than a second (an exec that
   * hangs on a dead disk), those of the known ones are reaped all the same.
   */
  hold(known: () => Iterable<number>): void {
    if (this.#held !== null) return
    this.#held = { known, timer: setInterval(() => this.#reapKnown(known), LONGEST_HOLD).unref() }
  }

  /** Whether somebody has died since `hold`. */
  get isAwaited(): boolean {
    return this.#missed
  }

  release(): void {
    this.#letGo()
    this.poll()
  }

  /** Reaps at once what is dead, without waiting for the event loop. */
  poll(): void {
    if (this.#held !== null) this.#missed = true
    if (this.#closed || this.#held !== null) return
    if (this.#mode === 'subreaper') {
      while (this.#reapOne(P_ALL, 0)) {}
      return
    }
    for (const pid of [...this.#watched.keys()]) this.#reapOne(P_PID, pid)
  }

  /** Stops waiting; children that die from now on stay zombies. */
  close(): void {
    if (this.#closed) return
    this.#closed = true
    this.#letGo()
    for (const pid of [...this.#watched.keys()]) this.#unwatch(pid)
    if (this.#mode === 'subreaper') {
      process.off('SIGCHLD', this.#onSigchld)
      prctl(PR_SET_CHILD_SUBREAPER, 0, 0, 0, 0)
    }
  }

  #letGo(): void {
    if (this.#held !== null) clearInterval(this.#held.timer)
    this.#held = null
    this.#missed = false
  }

  #reapKnown(known: () => Iterable<number>): void {
    for (const pid of [...known()]) this.#reapOne(P_PID, pid)
  }

  /** Whether there was one. An exception in a callback comes out on the loop, so that the next child is still reaped. */
  #reapOne(idType: number, id: number): boolean {
    if (this.#closed) return false
    const pid = this.#deadChild(idType, id)
    if (pid === null) return false
    guarded(() => this.#beforeReap(pid))
    const reaped = waitpid(pid, this.#status, WNOHANG)
    if (idType === P_PID) this.#unwatch(pid)
    if (reaped === pid) {
      const status = decodeWaitStatus(this.#status.readInt32LE(0))
      guarded(() => this.#onExit(pid, status))
    }
    return true
  }

  /** Who is dead and not reaped yet, of all or of one. */
  #deadChild(idType: number, id: number): number | null {
    // With WNOHANG and nobody dead the kernel may leave the buffer as it is.
    this.#info.writeInt32LE(0, SI_PID)
    while (waitid(idType, id, this.#info, WEXITED | WNOWAIT | WNOHANG) === -1) {
      const number = errno()
      if (number === constants.errno.EINTR) continue
      if (number !== constants.errno.ECHILD) throw lastOsError('waitid')
      // Watched, but not there any more: somebody else in this process has waited for it.
      if (idType === P_PID && this.#watched.has(id)) this.#unwatch(id)
      return null
    }
    const pid = this.#info.readInt32LE(SI_PID)
    return pid === 0 ? null : pid
  }

  #unwatch(pid: number): void {
    const watch = this.#watched.get(pid)
    if (watch === undefined) return
    this.#watched.delete(pid)
    watch.handle.close()
    closePidfd(watch.pidfd)
  }
}

/** What waitpid(2) wrote. */
export function decodeWaitStatus(status: number): WaitStatus {
  const signal = status & 0x7f
  return signal === 0 ? { code: (status >> 8) & 0xff, signal: null } : { code: null, signal: signalName(signal) }
}
