import type { ReforkOrder } from '../wire/command-messages.ts'
import type { Worker, WorkerLogger } from './worker.ts'

/** A worker that its server can end without ending the process. */
export interface EndableWorker extends Worker {
  /** At once: what it has open is closed, what is under way is cut off. @param code default: `process.exitCode`, else 0 */
  leave(code?: number): void
  /** The configuration that it starts with, which a SIGHUP without a message is about. */
  begin(config: unknown): void
}

/** One that may make room for what its process becomes next. */
export interface ForkedWorker extends EndableWorker {
  /**
   * Carries out a stop, but ends nothing. `end` is called once: with `stopped` where somebody asks for a real stop meanwhile, which is
   * carried out then.
   */
  finishFor(reason: string, end: (how: 'finished' | 'time-up' | 'stopped') => void): void
  /** After its work: what it has open is closed. The process goes on without it. */
  letGo(): void
}

export interface ForkedWorkerParts {
  /** What the program has taken of `worker` before the fork. */
  readonly logger: WorkerLogger
  readonly aborter: AbortController
  readonly onRefork: (order: ReforkOrder) => void
  /** The process came to be by a fork in which this package was loaded already. False: it may have been started cold. */
  readonly forked: boolean
}
