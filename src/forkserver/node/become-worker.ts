// In the child, right after the fork, in one go: from a copy of the forkserver to a worker with everything of its own.
import { closeFd } from '../../os/close-fd.ts'
import { renewEventLoop } from '../../os/event-loop.ts'
import { allowSignals } from '../../os/fork.ts'
import type { NodeThreads } from '../../os/node-threads.ts'
import { type BirthPipes, sayErrorAndEnd, saySoundAndWait } from './birth-report.ts'
import { endWithTheLoop } from './end-of-worker.ts'
import { useUpRandomCaches } from './random-caches.ts'
import { refill } from './random-fills.ts'
import { seedMathRandom } from './random-source.ts'
import type { StartOrder } from './start-order.ts'
import { takeFiles, type WorkerFiles } from './worker-files.ts'
import { takeEnvironment, takeProcessFacts } from './worker-process.ts'
import { takeRights } from './worker-rights.ts'

export interface Inheritance {
  /** Descriptors of the sockets that the forkserver was given. */
  readonly sockets: readonly number[]
  /** Closes what belongs to the forkserver alone. */
  readonly abandon: () => void
  readonly threads: NodeThreads
  readonly collectGarbage: () => void
  readonly hearInspectorSignal: () => void
}

/** Says how it went. Where the order can not be carried out, or nobody waits for the worker any more, the process ends here. */
export function becomeWorker(order: StartOrder, pipes: BirthPipes, inheritance: Inheritance): WorkerFiles {
  return beBorn(pipes, () => {
    renewEventLoop()
    inheritance.abandon()
    const files = takeFiles(order, inheritance.sockets)
    takeRights(order)
    if (order.cwd !== null) process.chdir(order.cwd)
    inheritance.threads.revive()
    inheritance.hearInspectorSignal()
    allowSignals()
    takeProcessFacts(order)
    takeEnvironment(order, files.variables)
    takeRandomness()
    endWithTheLoop()
    inheritance.collectGarbage()
    return files
  })
}

/** The same for what else is made of a copy. */
export function beBorn<T>(pipes: BirthPipes, become: () => T): T {
  let made: T
  try {
    made = become()
  } catch (error) {
    return sayErrorAndEnd(pipes, error instanceof Error ? error.message : String(error))
  }
  saySoundAndWait(pipes)
  for (const fd of [pipes.report, pipes.leave]) closeFd(fd)
  return made
}

/** From now on no random number is one that a sibling has, too. */
export function takeRandomness(): void {
  seedMathRandom()
  useUpRandomCaches()
  refill()
}
