import { createWorker } from './create-worker.ts'
import type { Worker } from './worker.ts'

export { NotMainError } from './main-role.ts'
export type {
  BoundAddress,
  FrameworkWithServer,
  Listenable,
  ListenFallback,
  Promotion,
  Role,
  StopRequest,
  Worker,
  WorkerLogger,
} from './worker.ts'

/** One per process, also where the package is loaded both as ES module and as CommonJS, or twice in two versions. */
const key = Symbol.for('holdfast.worker')
const shared = globalThis as { [key]?: Worker }

shared[key] ??= createWorker(process.env)
export const worker: Worker = shared[key]
