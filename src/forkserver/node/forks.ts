// The act of forking: when it may be done, and who waits for whom afterwards. The child returns from it in the middle of this file.
import { closeFd } from '../../os/close-fd.ts'
import { requestsUnderWay } from '../../os/event-loop.ts'
import { forkChild, forkOrphan, rawStatusOf } from '../../os/fork.ts'
import type { NodeThreads } from '../../os/node-threads.ts'
import { openPipe } from '../../os/pipe.ts'
import { yieldProcessor } from '../../os/thread-record.ts'
import { Birth, type BirthParts, type Outcome } from './birth.ts'
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
/** V8's threads are done with a small collection in a hundredth of that, unless the machine is busy. In milliseconds. */
const REST_WITHIN = 200
/** When a large one is brought to its end, in milliseconds. */
const COLLECT_AFTER = 200
const LOOK_AGAIN_AFTER = 1
const THREADS_BUSY = "V8's threads were busy"

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
    setImmediate(() => this.#whenIdle(plan, Date.now()))
  }

  /** In a child: who waits for which birth is no business of its. */
  abandon(): void {
    for (const birth of this.#births) birth.abandon()
    this.#births.clear()
  }

  /** What is under way in other threads would stay half done in a child. */
  #whenIdle(plan: ForkPlan, since: number): void {
    const requests = requestsUnderWay()
    const refusal = plan.refusal()
    if (requests > 0) this.#lookAgain(plan, since, `${requests} file operations, lookups or the like were under way`)
    else if (refusal !== null) notForked(plan, refusal)
    else if (this.#comesToRest(since)) this.#forkNow(plan, since)
    else this.#lookAgain(plan, since, THREADS_BUSY)
  }

  #lookAgain(plan: ForkPlan, since: number, work: string): void {
    if (Date.now() - since > PATIENCE) {
      notForked(plan, `${work} for ${PATIENCE} ms`)
      return
    }
    // In its own callback a timer counts as running still.
    const again = setTimeout(() => setImmediate(() => this.#whenIdle(plan, since)), LOOK_AGAIN_AFTER)
    // Unreferenced: another fork would take it for a timer of the application.
    if (!this.#keepsLoop) again.unref()
  }

  /** Waits in place for V8's threads: while nothing runs here nobody gives them more to do. */
  #comesToRest(since: number): boolean {
    // They have a collection to go on with that is not to end by itself.
    if (Date.now() - since > COLLECT_AFTER) this.#collect()
    const until = performance.now() + REST_WITHIN
    while (!this.#threads.areIdle()) {
      if (performance.now() > until) return false
      yieldProcessor()
    }
    return true
  }

  #forkNow(plan: ForkPlan, since: number): void {
    const [report, leave] = [openPipe(), openPipe()]
    const isOurs = plan.childOf === 'forkserver'
    this.#threads.lookAgain()
    const runs = this.#threads.runs()
    const wereIdle = this.#threads.areIdle()
    let pid: number
    try {
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
    const stoodStill = wereIdle && this.#threads.areIdle() && this.#threads.runs() === runs
    for (const fd of [report.write, leave.read]) closeFd(fd)
    const birth = this.#birthOf(plan, { pid, reportFd: report.read, leaveFd: leave.write })
    if (stoodStill) plan.onward(isOurs ? pid : null)
    else {
      this.#births.delete(birth)
      birth.revoke()
      if (isOurs) reap(pid)
      this.#lookAgain(plan, since, THREADS_BUSY)
    }
  }

  #birthOf({ timeout, onOutcome }: ForkPlan, parts: Pick<BirthParts, 'pid' | 'reportFd' | 'leaveFd'>): Birth {
    const birth = new Birth({
      ...parts,
      timeout,
      onOutcome: (outcome) => {
        this.#births.delete(birth)
        onOutcome(outcome)
      },
    })
    this.#births.add(birth)
    return birth
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
