/**
 * Thrown in a forkserver, by what only a worker can do or know: `listen`, `ready`, `tick`, `stop`, `finishing`, `service`, `slot`,
 * `generation`, `role`, `id`, `fencingToken`.
 * @example
 * ```ts
 * import { createServer } from 'node:http'
 * import { BeforeForkError, worker } from 'holdfast/worker'
 *
 * try {
 *   await worker.listen('http', createServer())
 * } catch (error) {
 *   if (!(error instanceof BeforeForkError)) throw error
 *   worker.afterFork(() => worker.listen('http', createServer())) // this process is the forkserver: its workers listen
 * }
 * ```
 */
export class BeforeForkError extends Error {
  /** To be told apart by. */
  readonly code = 'HF_BEFORE_FORK' as const

  /** Made by `worker`. */
  constructor(what: string, forkserver: string) {
    super(
      `worker.${what} is for workers, and this process is the forkserver "${forkserver}", which loads the program and forks them: ` +
        'do it in the worker: in its entry (in `run`, for a server made with the library), or in worker.afterFork(() => { … })',
    )
    this.name = 'BeforeForkError'
  }
}
