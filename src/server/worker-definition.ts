// What a worker of a server does.
import type { Worker } from '../worker/worker.ts'
import type {
  ListenTcpOptions,
  ListenUdpOptions,
  ListenUnixOptions,
  SocketOnDemand,
  UnixSocketOnDemand,
} from './listen-on-demand.ts'

/** What `run` is given: the SDK's worker, and what it has of its server. */
export interface WorkerContext<Config = unknown> extends Worker {
  /** Number of this worker, from 0. */
  readonly workerId: number
  /** The configuration in force: what the server's `config` returned last. */
  readonly config: Config
  readonly server: { readonly name: string; readonly pid: number }
  /**
   * A socket that the server opens now and owns: every worker that asks for the same address gets the same one, and it outlives them.
   * IPv6 is IPv6 alone. With port 0: a free port, the same for all who ask with the same host and `name`.
   * @throws Error with code (EADDRINUSE …), syscall, address and port
   */
  listenTcp(host: string, port: number, options?: ListenTcpOptions): Promise<SocketOnDemand>
  listenUdp(host: string, port: number, options?: ListenUdpOptions): Promise<SocketOnDemand>
  listenUnix(path: string, options?: ListenUnixOptions): Promise<UnixSocketOnDemand>
}

/** Where a worker is about to be started, or has been. */
export interface WorkerStart {
  readonly workerId: number
  /** Null before it is there, and where it is no process. */
  readonly pid: number | null
}

/**
 * `initialize`, `run`, `stop` and `reload` are called in the worker, `beforeFork` and `afterStart` in the server. A worker whose
 * `initialize` or `run` throws says why, and exits with code 1.
 */
export interface WorkerDefinition<Config = unknown> {
  /** Before `run`. */
  initialize?(ctx: WorkerContext<Config>): unknown
  /** In the server, before each start of a worker. */
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
