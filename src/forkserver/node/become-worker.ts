// In the child, right after the fork, in one go: from a copy of the forkserver to a worker with everything of its own.
import { closeFd } from '../../os/close-fd.ts'
import { renewEventLoop } from '../../os/event-loop.ts'
import { allowSignals } from '../../os/fork.ts'
import { type BirthPipes, sayErrorAndEnd, saySoundAndWait } from './birth-report.ts'
import { endWithTheLoop } from './end-of-worker.ts'
import { useUpRandomCaches } from './random-caches.ts'
import { refill } from './random-fills.ts'
import { seedMathRandom } from './random-source.ts'
import type { StartOrder } from './start-order.ts'
import { takeFiles } from './worker-files.ts'
import { takeEnvironment, takeProcessFacts } from './worker-process.ts'
import { takeRights } from './worker-rights.ts'

export interface Inheritance {
  /** Descriptors of the sockets that the forkserver was given. */
  readonly sockets: readonly number[]
  /** Closes what belongs to the forkserver alone. */
  readonly abandon: () => void
  readonly reviveThreads: () => void
  readonly collectGarbage: () => void
  readonly hearInspectorSignal: () => void
}

/** Says how it went. Where the order can not be carried out, or nobody waits for the worker any more, the process ends here. */
export function becomeWorker(order: StartOrder, pipes: BirthPipes, inheritance: Inheritance): void {
  try {
    renewEventLoop()
    inheritance.abandon()
    const descriptors = takeFiles(order, inheritance.sockets)
    takeRights(order)
    if (order.cwd !== null) process.chdir(order.cwd)
    inheritance.reviveThreads()
    inheritance.hearInspectorSignal()
    allowSignals()
    takeProcessFacts(order)
    takeEnvironment(order, descriptors)
    seedMathRandom()
    useUpRandomCaches()
    refill()
    endWithTheLoop()
    inheritance.collectGarbage()
  } catch (error) {
    sayErrorAndEnd(pipes, error instanceof Error ? error.message : String(error))
  }
  saySoundAndWait(pipes)
  for (const fd of [pipes.report, pipes.leave]) closeFd(fd)
}
