import type * as dgram from 'node:dgram'
import type * as net from 'node:net'
import type { LogLevel } from '../wire/log-level.ts'

export type { LogLevel }

/** Why and until when this worker is asked to stop. */
export interface StopRequest {
  /** One sentence, as the supervisor says it: `rolling restart, generation 4`. */
  readonly reason: string
  /** When the supervisor goes on to its next signal (KILL, as a rule). */
  readonly deadline: Date
}

/** This worker became main. */
export interface Promotion {
  /** Which of the main slots it holds, from 0. */
  readonly slot: number
  /** Rises with every promotion; null where the service has no lock. */
  readonly token: string | null
}

/** Whether a worker works, or waits to. */
export type Role = 'main' | 'standby'

/**
 * Where `listen` binds outside Holdfast, or in a service that has no sockets at all.
 * @example
 * ```ts
 * import { createServer } from 'node:http'
 * import { type ListenFallback, worker } from 'holdfast/worker'
 *
 * const fallback: ListenFallback = { host: '127.0.0.1', port: 3000 }
 * await worker.listen('http', createServer(), fallback)
 * ```
 */
export interface ListenFallback {
  /** Default: the environment's PORT, else any free port. */
  readonly port?: number
  /** Default: every address, as Node does. */
  readonly host?: string
  /** A unix socket instead of a port. */
  readonly path?: string
  /** Connections that may wait to be accepted, default 1024. */
  readonly backlog?: number
  /** No fallback: a socket that this worker has open already. It is listened on wherever the worker runs. */
  readonly fd?: number
}

/** A framework that has its server in `server` (fastify, restify): `ready()` is called first where it exists. */
export interface FrameworkWithServer {
  /** What listens. */
  readonly server: net.Server
  /** Awaited before it listens. */
  ready?(): unknown
}

/** net, tls, http, https and http2 servers, UDP sockets, and frameworks that show theirs. */
export type Listenable = net.Server | dgram.Socket | FrameworkWithServer

/** `address()` of what listens now: `{ address, family, port }`, or the path of a unix socket. */
export type BoundAddress = net.AddressInfo | string | null

/** One line each, to stdout (trace, debug, info) or stderr (warn, error, fatal); formatted as console.log does. */
export interface WorkerLogger {
  /** What is below is not written. Default `debug`; a server made with the library sets it, at the start and at each reload. */
  level: LogLevel
  /** Whether a line of this level would be written. */
  isEnabled(level: LogLevel): boolean
  /** To stdout. */
  trace(...values: readonly unknown[]): void
  /** To stdout. */
  debug(...values: readonly unknown[]): void
  /** To stdout. */
  info(...values: readonly unknown[]): void
  /** To stderr. */
  warn(...values: readonly unknown[]): void
  /** To stderr. */
  error(...values: readonly unknown[]): void
  /** To stderr. */
  fatal(...values: readonly unknown[]): void
}

/**
 * What a Node worker says to its supervisor, and hears from it. Outside Holdfast every call is harmless: `listen` binds a
 * port of its own, `tick` is true, the rest does nothing. In a forkserver it is there before there is a worker: what is registered
 * and set then counts for every worker that is forked, and what only a worker can do or know throws a BeforeForkError.
 * @example
 * ```ts
 * import { worker } from 'holdfast/worker'
 *
 * worker.onPromote(async ({ token }) => {
 *   worker.status('main')
 *   while (worker.tick()) {
 *     worker.assertMain()
 *     await worker.request(() => fetch('http://queue/next', { headers: { 'x-token': token ?? '' } }))
 *   }
 * })
 * worker.ready()
 * ```
 */
export interface Worker {
  /** Started by Holdfast (HOLDFAST=1). */
  readonly supervised: boolean
  /** Name of the service, '' outside Holdfast. */
  readonly service: string
  /** Number of this worker in its service, from 0. */
  readonly slot: number
  /** Rises with every deployment of the service, 0 outside Holdfast. */
  readonly generation: number
  /** `standby` waits for its promotion; without main and standby processes it is always `main`. */
  readonly role: Role
  /** Unique per process, '' outside Holdfast. */
  readonly id: string
  /** Aborted as soon as a stop is asked for; its `reason` is an AbortError whose `cause` is the StopRequest. */
  readonly signal: AbortSignal
  /** What the supervisor sent last with a reload; before, what a server made with the library has started it with, else undefined. */
  readonly config: unknown
  /** Lines for the service's log. */
  readonly logger: WorkerLogger

  /** Write the heartbeat from the event loop where the service has `heartbeat`. Default true. */
  autoHeartbeat: boolean
  /** End the process with process.exit() once a stop is carried out. Default true. */
  exitOnStop: boolean

  /**
   * Makes `server` accept on the socket `name` of the service, and drains it at the stop. Resolves when it listens.
   * @throws Error when the service has other sockets but not this one, when it is not open in this process, or when this
   * worker listens on it already.
   */
  listen(name: string, server: Listenable, fallback?: ListenFallback | number): Promise<BoundAddress>

  /** This worker is ready for work. Say it after `listen`; a second call does nothing. */
  ready(): void
  /** Sign of life, for those who set `autoHeartbeat = false`: the deadline moves to now + the heartbeat's timeout. */
  heartbeat(): void
  /**
   * For a loop: `while (worker.tick()) { … }`. Writes the heartbeat and is false once a stop is asked for; sees that also in
   * a loop that never returns to the event loop.
   */
  tick(): boolean
  /** A sentence for `holdfast status`; one line of at most 1024 characters. */
  status(text: string): void
  /** This worker will end by itself soon (it leaks, its lease is over …): a replacement may start now. */
  finishing(): void
  /**
   * Counts `fn` as a request: it is under way until `fn` returns or its promise settles, and a stop waits for it.
   * Where the service has `requestTimeout` the supervisor replaces a worker whose request takes longer. Requests of HTTP
   * servers given to `listen` count by themselves.
   */
  request<T>(fn: () => T): T

  /** Carries out a stop as if the supervisor had asked for it. Resolves when it is done, if `exitOnStop` is false. */
  stop(reason?: string): Promise<void>
  /** Called, and awaited, when all connections have ended: close databases, flush. Last registered, first called. */
  onStop(fn: (request: StopRequest) => unknown): void
  /** Called, and awaited, with the new configuration. On SIGHUP too, then with the one in force. */
  onReload(fn: (config: unknown) => unknown): void
  /** Called once this worker is main: at once where it is main from the start. Until then the process does not end for want of work. */
  onPromote(fn: (promotion: Promotion) => unknown): void

  /**
   * For a program that a forkserver loads: called there before each fork, and awaited. Close what must not be shared: connections,
   * watchers. Last registered, first called. When it throws, the start of that worker fails. Nowhere else is it ever called.
   * (before_fork of unicorn and pitchfork.)
   */
  beforeFork(fn: () => unknown): void
  /**
   * For a program that a forkserver loads: called in each of its workers, and awaited, before its entry runs: open what each needs for
   * itself. In order of registration; one that throws ends the worker with code 1. Also in a worker that is started cold because it
   * could not be forked; in one that has no forkserver it is never called. (after_fork of unicorn and pitchfork.)
   */
  afterFork(fn: () => unknown): void

  /** Hand it to what you write to, so that it can refuse a former main. Null without a lock. */
  fencingToken(): string | null
  /** @throws NotMainError when this worker is a standby, or has lost its lock. */
  assertMain(): void
}
