import { createWorker } from './create-worker.ts'
import { forkMeeting, forkserverName, hasForker } from './fork-meeting.ts'
import { ForkableWorker } from './forkable-worker.ts'
import type { Worker } from './worker.ts'

export { BeforeForkError } from './before-fork-error.ts'
export { NotMainError } from './main-role.ts'
export type {
  BoundAddress,
  FrameworkWithServer,
  Listenable,
  ListenFallback,
  LogLevel,
  Promotion,
  Role,
  StopRequest,
  Worker,
  WorkerLogger,
} from './worker.ts'

/** One per process, also where the package is loaded both as ES module and as CommonJS, or twice in two versions. */
const key = Symbol.for('holdfast.worker')
const shared = globalThis as { [key]?: Worker }

shared[key] ??= workerOfThisProcess()
/**
 * This worker: what it says to its supervisor, and hears from it.
 * @example
 * ```ts
 * import { createServer } from 'node:http'
 * import { worker } from 'holdfast/worker'
 *
 * const server = createServer((_, response) => response.end('hello\n'))
 * await worker.listen('http', server)
 * worker.onStop(() => console.log('the last answer is given'))
 * worker.ready()
 * ```
 */
export const worker: Worker = shared[key]

function workerOfThisProcess(): Worker {
  const forkserver = forkserverName(process.env)
  if (forkserver === null && !hasForker()) return createWorker(process.env)
  const forked = new ForkableWorker(forkserver ?? '')
  // Loaded after the fork: it is a worker already, and may become a forkserver.
  if (forkserver === null) forked.adopt(process.env, false)
  const meeting = forkMeeting()
  meeting.adopt.push(() => forked.adopt(process.env, true))
  meeting.rehearse ??= []
  meeting.rehearse.push((server) => forked.rehearse(server))
  return forked
}
