import type { Worker } from '../worker/worker.ts'
import type { DeskPlace } from './ask-for-sockets.ts'
import type { WorkerTier } from './tier.ts'
import { ServerWorkerContext } from './worker-context.ts'

/**
 * What `ctx` shows of the worker's server. In a forkserver, where `initialize` is given it, there is no worker yet: it is the forkserver's
 * own, and the worker's from the fork on.
 */
export class WorkerSeat<Config> {
  readonly ctx: ServerWorkerContext<Config>
  config: Config
  server: { readonly name: string; readonly pid: number }
  /** Where sockets are asked for. */
  desk: DeskPlace | null = null
  readonly #worker: Worker

  constructor(worker: Worker, { server, serverPid, config }: Pick<WorkerTier, 'server' | 'serverPid' | 'config'>) {
    this.#worker = worker
    this.config = config as Config
    this.server = { name: server, pid: serverPid }
    this.ctx = new ServerWorkerContext(worker, this)
  }

  take({ server, serverPid, config, desk }: WorkerTier): void {
    this.config = config as Config
    this.server = { name: server, pid: serverPid }
    this.desk = desk
  }

  /** The first `listen` is bound. */
  listens(): void {
    this.#worker.ready()
  }
}
