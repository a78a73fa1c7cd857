// The act of forking: when it may be done, and who waits for whom afterwards. The child returns from it in the middle of this file.
import { closeFd } from '../../os/close-fd.ts'
import { requestsUnderWay } from '../../os/event-loop.ts'
import { forkChild, forkOrphan, reap } from '../../os/fork.ts'
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

interface Wait {
  readonly plan: ForkPlan
  /** By Date.now(). */
  readonly since: number
  hasCollected: boolean
}

interface Pipes {
  readonly report: ReturnType<typeof openPipe>
  readonly leave: ReturnType<typeof openPipe>
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
    setImmediate(() => this.#whenIdle({ plan, since: Date.now(), hasCollected: false }))
  }

  /** In a child: who waits for which birth is no business of its. */
  abandon(): void {
    for (const birth of this.#births) birth.abandon()
    this.#births.clear()
  }

  /** What is under way in other threads would stay half done in a child. */
  #whenIdle(wait: Wait): void {
    const requests = requestsUnderWay()
    const refusal = wait.plan.refusal()
    if (requests > 0) this.#lookAgain(wait, `${requests} file operations, lookups or the like were under way`)
    else if (refusal !== null) notForked(wait.plan, refusal)
    else if (this.#comesToRest(wait)) this.#forkNow(wait)
    else this.#lookAgain(wait, THREADS_BUSY)
  }

  #lookAgain(wait: Wait, work: string): void {
    if (Date.now() - wait.since > PATIENCE) {
      notForked(wait.plan, `${work} for ${PATIENCE} ms`)
      return
    }
    // In its own callback a timer counts as running still.
    const again = setTimeout(() => setImmediate(() => this.#whenIdle(wait)), LOOK_AGAIN_AFTER)
    // Unreferenced: another fork would take it for a timer of the application.
    if (!this.#keepsLoop) again.unref()
  }

  /** Waits in place for V8's threads: while nothing runs here nobody gives them more to do. */
  #comesToRest(wait: Wait): boolean {
    const areIdle = (): boolean => this.#threads.areIdle()
    if (areIdle()) return true
    // They have a collection to go on with that does not end by itself.
    if (!wait.hasCollected && Date.now() - wait.since > COLLECT_AFTER) {
      wait.hasCollected = true
      this.#collect()
    }
    const until = performance.now() + REST_WITHIN
    while (!areIdle()) {
      if (performance.now() > until) return false
      yieldProcessor()
    }
    return true
  }

  #forkNow(wait: Wait): void {
    const { plan } = wait
    const isOurs = plan.childOf === 'forkserver'
    let runs: string
    let pipes: Pipes | null = null
    let pid: number
    try {
      pipes = { report: openPipe(), leave: openPipe() }
      runs = this.#threads.runs()
      if (!this.#threads.areIdle()) {
        closeAll(pipes)
        this.#lookAgain(wait, THREADS_BUSY)
        return
      }
      pid = isOurs ? forkChild() : forkOrphan()
    } catch (error) {
      if (pipes !== null) closeAll(pipes)
      notForked(plan, error instanceof Error ? error.message : String(error))
      return
    }
    const { report, leave } = pipes
    if (pid === 0) {
      this.#threads.forget()
      for (const fd of [report.read, leave.write]) closeFd(fd)
      plan.inChild({ report: report.write, leave: leave.read })
      return
    }
    const stoodStill = this.#threads.areIdle() && this.#threads.runs() === runs
    for (const fd of [report.write, leave.read]) closeFd(fd)
    const birth = this.#birthOf(plan, { pid, reportFd: report.read, leaveFd: leave.write })
    if (stoodStill) plan.onward(isOurs ? pid : null)
    else {
      this.#births.delete(birth)
      birth.revoke()
      if (isOurs) reap(pid)
      this.#lookAgain(wait, THREADS_BUSY)
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

function closeAll({ report, leave }: Pipes): void {
  for (const fd of [report.read, report.write, leave.read, leave.write]) closeFd(fd)
}

function notForked(plan: ForkPlan, error: string): void {
  plan.onOutcome({ is: 'failed', error, unsound: false })
  plan.onward(null)
}
