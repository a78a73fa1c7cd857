// The act of forking: when it may be done, and who waits for whom afterwards. The child returns from it in the middle of this file.
import { closeFd } from '../../os/close-fd.ts'
import { requestsUnderWay } from '../../os/event-loop.ts'
import { forkChild, forkOrphan } from '../../os/fork.ts'
import type { NodeThreads } from '../../os/node-threads.ts'
import { openPipe } from '../../os/pipe.ts'
import { Birth, type Outcome } from './birth.ts'
import type { BirthPipes } from './birth-report.ts'
import { garbageCollection } from './collect-garbage.ts'

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
const LOOK_AGAIN_AFTER = 1

export class Forks {
  readonly #threads: NodeThreads
  readonly #keepsLoop: boolean
  readonly #births = new Set<Birth>()
  readonly #collect = garbageCollection()

  /** @param keepsLoop while a fork is waited for: a worker that becomes a forkserver has nothing else that would keep it there */
  constructor(threads: NodeThreads, { keepsLoop = false } = {}) {
    this.#threads = threads
    this.#keepsLoop = keepsLoop
  }

  /** Soon, not at once, and not from a callback of I/O: libuv would go on with the parent's epoll instance in the child. */
  fork(plan: ForkPlan): void {
    setImmediate(() => this.#whenIdle(plan, Date.now() + PATIENCE))
  }

  /** In a child: who waits for which birth is no business of its. */
  abandon(): void {
    for (const birth of this.#births) birth.abandon()
    this.#births.clear()
  }

  /**
   * What a collection gives V8's threads to do would stay half done in a child: with an empty young generation there is none between the
   * look at the threads and the fork.
   */
  #whenIdle(plan: ForkPlan, deadline: number): void {
    const refusal = plan.refusal()
    this.#collect({ type: 'minor' })
    const work = this.#underWay()
    if (work !== null && Date.now() < deadline) {
      // In its own callback a timer counts as running still.
      const again = setTimeout(() => setImmediate(() => this.#whenIdle(plan, deadline)), LOOK_AGAIN_AFTER)
      // Unreferenced: another fork would take it for a timer of the application.
      if (!this.#keepsLoop) again.unref()
    } else if (work === null && refusal === null) this.#forkNow(plan)
    else notForked(plan, work ?? refusal ?? '')
  }

  /** Null, or what a child would wait for in vain. */
  #underWay(): string | null {
    const requests = requestsUnderWay()
    if (requests > 0) return `${requests} file operations, lookups or the like were under way for ${PATIENCE} ms`
    return this.#threads.areIdle() ? null : `V8's threads were busy for ${PATIENCE} ms`
  }

  #forkNow(plan: ForkPlan): void {
    const [report, leave] = [openPipe(), openPipe()]
    const isOurs = plan.childOf === 'forkserver'
    let pid: number
    try {
      this.#threads.lookAgain()
      pid = isOurs ? forkChild() : forkOrphan()
    } catch (error) {
      for (const fd of [report.read, report.write, leave.read, leave.write]) closeFd(fd)
      notForked(plan, error instanceof Error ? error.message : String(error))
      return
    }
    if (pid === 0) {
      this.#threads.forget()
      for (const fd of [report.read, leave.write]) closeFd(fd)
      plan.inChild({ report: report.write, leave: leave.read })
      return
    }
    for (const fd of [report.write, leave.read]) closeFd(fd)
    const onOutcome = (outcome: Outcome): void => {
      this.#births.delete(birth)
      plan.onOutcome(outcome)
    }
    const { timeout } = plan
    const birth = new Birth({ reportFd: report.read, leaveFd: leave.write, pid, timeout, onOutcome })
    this.#births.add(birth)
    plan.onward(isOurs ? pid : null)
  }
}

function notForked(plan: ForkPlan, error: string): void {
  plan.onOutcome({ is: 'failed', error, unsound: false })
  plan.onward(null)
}
