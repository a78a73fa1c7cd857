// What a program can do at the turns of its server's life. All of them run in the server's process.
import type { RunningServer } from './running-server.ts'

/** A worker to which something happened. */
export interface WorkerEvent {
  /** Number of the worker, from 0. */
  readonly workerId: number
  /** Null: it is no process (a thread, or in the server's own event loop). */
  readonly pid: number | null
}

/** A worker that has ended. */
export interface WorkerEnd extends WorkerEvent {
  /** `exited with code 1`, `killed by SIGKILL` … */
  readonly reason: string
}

/**
 * A hook that throws is reported in the server's log, and nothing else changes, with two exceptions: when `initialize` or
 * `beforeRun` throws the server does not start, and when `reloadConfig` throws the reload is refused. These three are awaited, and
 * `afterRun` is for four seconds.
 * @example
 * ```ts
 * import { createLogger, defineServer } from 'holdfast'
 *
 * const log = createLogger({ to: 'shop-events.log' })
 *
 * export const server = defineServer({
 *   name: 'shop',
 *   config: () => ({ database: process.env.DATABASE ?? '' }),
 *   server: {
 *     reloadConfig(config) {
 *       if (config.database === '') throw new Error('DATABASE is missing') // the old configuration stays in force
 *     },
 *     afterStart: (running) => log.info(`${running.healthy()} workers ready`),
 *     onReap: ({ workerId, pid, reason }) => log.warn(`worker ${workerId} (pid ${pid}): ${reason}`),
 *     afterRun: () => log.close(),
 *   },
 *   worker: new URL('./shop-worker.mjs', import.meta.url),
 * })
 * ```
 */
export interface ServerHooks<Config = unknown> {
  /** First of all, before anything is opened. */
  initialize?(config: Config): unknown
  /** Sockets and directories are there; before the first worker starts. */
  beforeRun?(server: RunningServer<Config>): unknown
  /** Every worker is ready for the first time. */
  afterStart?(server: RunningServer<Config>): unknown
  /** After everything has ended, however it did. */
  afterRun?(server: RunningServer<Config>): unknown
  /** A stop was asked. */
  stop?(graceful: boolean): unknown
  /** A restart of all workers was asked. */
  restart?(graceful: boolean): unknown
  /**
   * In a main: the file of `upgrade` is there. When this returns it is removed, which says that a standby may follow; to make room
   * for it, `await server.stop()`. Throwing leaves the file, and the command says at the end of its time that nothing happened.
   */
  upgrade?(server: RunningServer<Config>): unknown
  /** With the new configuration, before it is in force; throwing refuses it. */
  reloadConfig?(config: Config): unknown
  /** A worker's process was started. */
  onSpawn?(worker: WorkerEvent): unknown
  /** A worker has said that it lives. */
  onHeartbeat?(worker: WorkerEvent): unknown
  /** A worker's process has ended. */
  onReap?(worker: WorkerEnd): unknown
  /** Something happened, and everything that follows from it at once is done. */
  onWait?(server: RunningServer<Config>): unknown
  /** The server is about to end its workers, or a worker's exit code ended it. */
  onFinish?(graceful: boolean): unknown
}
