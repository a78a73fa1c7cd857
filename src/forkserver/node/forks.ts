// The act of forking: when it may be done, and who waits for whom afterwards. The child returns from it in the middle of this file.
import { closeFd } from '../../os/close-fd.ts'
import { requestsUnderWay } from '../../os/event-loop.ts'
import { forkChild, forkOrphan, rawStatusOf } from '../../os/fork.ts'
import type { NodeThreads } from '../../os/node-threads.ts'
import { openPipe } from '../../os/pipe.ts'
import { Birth, type Outcome } from './birth.ts'
import type { BirthPipes } from './birth-report.ts'

export interface ForkPlan {
  /** Milliseconds within which the child must have said that it is sound. */
  readonly timeout: number
  /** Null, or why nothing must be forked now. */
  readonly refusal: () => string | null
  /** In the child, which is an unfinished copy: it is to say what becomes of it, and to wait for leave. */
  readonly inChild: (pipes: BirthPipes) => void
  /** Of whom the worker is to be the child: of the supervisor, as an orphan, or of this process, which has to reap it then. */
  readonly childOf: 'supervisor' | 'forkserver'
  /** In the parent, right after the fork, or instead of it. `child`: the worker, if that is a child of this process. */
  readonly onward: (child: number | null) => void
  readonly onOutcome: (outcome: Outcome) => void
}

/** How long something may be under way before a fork is given up, in milliseconds. */
const PATIENCE = 2000
/** V8's threads are done with a collection in a fraction of that. */
const SPIN = 5
const LOOK_AGAIN_AFTER = 1
const THREADS_BUSY = "V8's threads were busy"

export class Forks {
  readonly #threads: NodeThreads
  readonly #keepsLoop: boolean
  readonly #births = new Set<Birth>()

  /** @param keepsLoop while a fork is waited for: a worker that becomes a forkserver has nothing else that would keep it there */
  constructor(threads: NodeThreads, { keepsLoop = false } = {}) {
    this.#threads = threads
    this.#keepsLoop = keepsLoop
  }

  /** Soon, not at once, and not from a callback of I/O: libuv would go on with the parent's epoll instance in the child. */
  fork(plan: ForkPlan): void {
    setImmediate(() => this.#whenIdle(plan, Date.now()))
  }

  /** In a child: who waits for which birth is no business of its. */
  abandon(): void {
    for (const birth of this.#births) birth.abandon()
    this.#births.clear()
  }

  /** What V8's threads are in the middle of would stay half done in a child. */
  #whenIdle(plan: ForkPlan, since: number): void {
    const refusal = plan.refusal()
    const work = this.#underWay()
    if (work !== null) this.#lookAgain(plan, since, work)
    else if (refusal !== null) notForked(plan, refusal)
    else this.#forkNow(plan, since)
  }

  #lookAgain(plan: ForkPlan, since: number, work: string): void {
    const waited = Date.now() - since
    const next = (): void => this.#whenIdle(plan, since)
    if (waited > PATIENCE) notForked(plan, `${work} for ${PATIENCE} ms`)
    else if (waited < SPIN) setImmediate(next)
    else {
      // In its own callback a timer counts as running still.
      const again = setTimeout(() => setImmediate(next), LOOK_AGAIN_AFTER)
      // Unreferenced: another fork would take it for a timer of the application.
      if (!this.#keepsLoop) again.unref()
    }
  }

  /** Null, or what a child would wait for in vain. */
  #underWay(): string | null {
    const requests = requestsUnderWay()
    if (requests > 0) return `${requests} file operations, lookups or the like were under way`
    return this.#threads.areIdle() ? null : THREADS_BUSY
  }

  #forkNow(plan: ForkPlan, since: number): void {
    const [report, leave] = [openPipe(), openPipe()]
    const isOurs = plan.childOf === 'forkserver'
    const close = (...fds: readonly number[]): void => fds.forEach(closeFd)
    this.#threads.lookAgain()
    const runs = this.#threads.runs()
    if (!this.#threads.areIdle()) {
      close(report.read, report.write, leave.read, leave.write)
      this.#lookAgain(plan, since, THREADS_BUSY)
      return
    }
    let pid: number
    try {
      pid = isOurs ? forkChild() : forkOrphan()
    } catch (error) {
      close(report.read, report.write, leave.read, leave.write)
      notForked(plan, error instanceof Error ? error.message : String(error))
      return
    }
    if (pid === 0) {
      this.#threads.forget()
      close(report.read, leave.write)
      plan.inChild({ report: report.write, leave: leave.read })
      return
    }
    const stoodStill = this.#threads.areIdle() && this.#threads.runs() === runs
    close(report.write, leave.read)
    const onOutcome = (outcome: Outcome): void => {
      this.#births.delete(birth)
      plan.onOutcome(outcome)
    }
    const { timeout } = plan
    const birth = new Birth({ reportFd: report.read, leaveFd: leave.write, pid, timeout, onOutcome })
    if (!stoodStill) {
      birth.revoke()
      if (isOurs) reap(pid)
      this.#lookAgain(plan, since, THREADS_BUSY)
      return
    }
    this.#births.add(birth)
    plan.onward(isOurs ? pid : null)
  }
}

/** One that was killed. */
function reap(pid: number): void {
  if (rawStatusOf(pid) === null) setTimeout(() => reap(pid), LOOK_AGAIN_AFTER).unref()
}

function notForked(plan: ForkPlan, error: string): void {
  plan.onOutcome({ is: 'failed', error, unsound: false })
  plan.onward(null)
}
