// What a worker of a server does.
import type { Worker } from '../worker/worker.ts'
import type {
  ListenTcpOptions,
  ListenUdpOptions,
  ListenUnixOptions,
  SocketOnDemand,
  UnixSocketOnDemand,
} from './listen-on-demand.ts'

/**
 * What `run` is given: the SDK's worker, and what it has of its server.
 * @example
 * ```ts
 * import { createServer } from 'node:http'
 * import { defineServer, type WorkerContext } from 'holdfast'
 *
 * async function serve(ctx: WorkerContext<{ port: number }>): Promise<void> {
 *   const http = createServer((_, response) => response.end(`worker ${ctx.workerId} of ${ctx.server.name}\n`))
 *   const { address, port } = await ctx.listenTcp('127.0.0.1', ctx.config.port, { server: http })
 *   ctx.logger.info(`listens on ${address}:${port}`)
 * }
 *
 * export const server = defineServer({ name: 'shop', config: { port: 8080 }, worker: { run: serve } })
 * ```
 */
export interface WorkerContext<Config = unknown> extends Worker {
  /** Number of this worker, from 0. */
  readonly workerId: number
  /** The configuration in force: what the server's `config` returned last. */
  readonly config: Config
  /** Name and process of the server that has started it. */
  readonly server: { readonly name: string; readonly pid: number }
  /**
   * A socket that the server opens now and owns: every worker that asks for the same address gets the same one, and it outlives them.
   * IPv6 is IPv6 alone. With port 0: a free port, the same for all who ask with the same host and `name`.
   * @throws Error with code (EADDRINUSE …), syscall, address and port
   */
  listenTcp(host: string, port: number, options?: ListenTcpOptions): Promise<SocketOnDemand>
  /** As `listenTcp`, for datagrams. @throws Error with code, syscall, address and port */
  listenUdp(host: string, port: number, options?: ListenUdpOptions): Promise<SocketOnDemand>
  /** As `listenTcp`, on a path; a relative one is relative to the worker's directory. @throws Error with code, syscall and address */
  listenUnix(path: string, options?: ListenUnixOptions): Promise<UnixSocketOnDemand>
}

/** Where a worker is about to be started, or has been. */
export interface WorkerStart {
  /** Number of the worker, from 0. */
  readonly workerId: number
  /** Null before it is there, and where it is no process. */
  readonly pid: number | null
}

/**
 * `initialize`, `run`, `stop` and `reload` are called in the worker, `beforeFork` and `afterStart` in the server: not those of a
 * module, which workers alone load. A worker whose `initialize` or `run` throws says why, and exits with code 1.
 * With `workerType: 'fork'` two of them are called in the forkserver, which has loaded the program or the module: `initialize`, once for
 * all workers that are forked from it, and `beforeFork` (where ServerEngine calls them, in the process that forks).
 * @example
 * ```ts
 * // shop-worker.mts, for `worker: new URL('./shop-worker.mjs', import.meta.url)`
 * import { createServer } from 'node:http'
 * import type { WorkerDefinition } from 'holdfast'
 *
 * let greeting = ''
 *
 * export default {
 *   initialize(ctx) {
 *     greeting = ctx.config.greeting
 *   },
 *   async run(ctx) {
 *     await ctx.listen('http', createServer((_, response) => response.end(greeting)))
 *   },
 *   reload(config) {
 *     greeting = config.greeting
 *   },
 * } satisfies WorkerDefinition<{ greeting: string }>
 * ```
 */
export interface WorkerDefinition<Config = unknown> {
  /**
   * Before `run`. With `workerType: 'fork'` in the forkserver: what it loads is shared by all workers, and what only a worker can do or
   * know (`ctx.listen`, `ctx.workerId` …) throws a BeforeForkError there. `ctx` is the same in the worker.
   */
  initialize?(ctx: WorkerContext<Config>): unknown
  /**
   * In the server, before each start of a worker. With `workerType: 'fork'` in the forkserver, awaited: close what must not be shared. One
   * that throws there lets that start fail. It is not called where a worker starts cold.
   */
  beforeFork?(start: WorkerStart): unknown
  /**
   * The work. It may return while servers that it opened go on; a worker with nothing left to do ends, and is started again.
   * Ready is said at `ctx.ready()`, else when the first `ctx.listen` is bound, else a second after `run` was entered.
   */
  run(ctx: WorkerContext<Config>): unknown
  /** A stop was asked: at once, beside `ctx.signal`. The worker ends when this, `run` and all connections have. */
  stop?(ctx: WorkerContext<Config>): unknown
  /** With the new configuration. One that throws is reported, and the worker keeps the old one. */
  reload?(config: Config, ctx: WorkerContext<Config>): unknown
  /** In the server, when the process of a worker is there. */
  afterStart?(start: WorkerStart): unknown
}
