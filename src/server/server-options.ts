// What `defineServer` takes. The keys of the supervisor and of a service are those of the config file, under the same names.
import type { Written } from '../config/setting.ts'
import type { serviceSettings } from '../config/settings/service.ts'
import type { slotSettings } from '../config/settings/slots.ts'
import type { supervisorSettings } from '../config/settings/supervisor.ts'
import type { LogLevelChoice } from './log-levels.ts'
import type { ServerHooks } from './server-hooks.ts'
import type { OwnSignalMap, SignalMapName } from './signal-maps.ts'
import type { WorkerDefinition } from './worker-definition.ts'

/**
 * How a worker runs: a Node process of its own, a thread of the server, in the event loop of the server; any program; forked from a
 * process that has loaded the program once.
 */
export type WorkerType = 'process' | 'thread' | 'embedded' | 'spawn' | 'fork'

/** What the server gives each worker by itself. */
type GivenByServer = 'instances' | 'command' | 'forkserver' | 'entry' | 'sockets' | 'autostart' | 'dependsOn' | 'slots'

/**
 * Keys of the config file that a server may set, as they are written there, with the same meaning. Durations are `'500ms'`, `'10s'`,
 * `'5m'` or a number of seconds, sizes `'10MB'` or a number of bytes. Other defaults than there: relative paths are relative to the
 * program; `cwd` of a worker of its own process is the directory that the program was started in, `ready` is `'notify'` (but not with
 * `workerType: 'spawn'`), `reload` the signal HUP, `stateDir` `<logDir>/<name>.state`.
 * @example
 * ```ts
 * import { defineServer } from 'holdfast'
 *
 * export const server = defineServer({
 *   name: 'shop',
 *   heartbeat: { interval: '1s', timeout: '10s' },
 *   restart: { immediate: 3, initial: '100ms', max: '30s', unrecoverable: [64] },
 *   stop: { signals: ['TERM/20s', 'INT/5s', 'KILL'] },
 *   worker: new URL('./shop-worker.mjs', import.meta.url),
 * })
 * ```
 */
export type ServerSettings = Omit<Written<typeof serviceSettings>, GivenByServer> &
  Pick<Written<typeof supervisorSettings>, 'runtimeDir' | 'logDir' | 'stateDir' | 'control' | 'sockets'>

/**
 * Keys that `config()` may give as well: it is evaluated again at each reload, and what it says of them is in force from then on.
 * Everything else that it returns is the program's own.
 * @example
 * ```ts
 * import { readFileSync } from 'node:fs'
 * import { type DynamicSettings, defineServer } from 'holdfast'
 *
 * interface ShopConfig extends DynamicSettings {
 *   greeting: string
 * }
 *
 * export const server = defineServer({
 *   name: 'shop',
 *   config: (): ShopConfig => JSON.parse(readFileSync('shop.json', 'utf8')), // { "greeting": "hello", "workers": 8 }
 *   worker: { run: (ctx) => ctx.logger.info(ctx.config.greeting) },
 * })
 * ```
 */
export type DynamicSettings = Pick<
  ServerOptions,
  | 'workers'
  | 'startTimeout'
  | 'heartbeat'
  | 'requestTimeout'
  | 'restart'
  | 'pace'
  | 'earlyDeath'
  | 'stop'
  | 'rollout'
  | 'env'
  | 'nice'
  | 'umask'
  | 'stdout'
  | 'stderr'
  | 'logLevel'
  | 'logRotation'
>

/**
 * The server's own process, as its supervisor sees it.
 * @example
 * ```ts
 * import { defineServer, type ServerProcessSettings } from 'holdfast'
 *
 * const serverProcess: ServerProcessSettings = {
 *   heartbeat: { timeout: '30s' }, // one whose event loop hangs is replaced
 *   restart: { delay: '1s' },
 *   detachWait: '10m', // beside the new one, at a live restart
 * }
 *
 * await defineServer({ name: 'shop', supervised: true, serverProcess, worker: { run() {} } }).run()
 * ```
 */
export interface ServerProcessSettings {
  /** As of a worker: a server whose event loop shows no sign of life for so long is ended and replaced. Default off. */
  readonly heartbeat?: Exclude<ServerSettings['heartbeat'], undefined>
  /** As of a worker: what follows its death. */
  readonly restart?: Exclude<ServerSettings['restart'], undefined>
  /**
   * As of a worker. Default: the signal that its map has for `stop`, then KILL, when its workers have had what they may take, and 5 s
   * more. With `file` (`%p` is its pid) it stops when the file is there.
   */
  readonly stop?: Exclude<ServerSettings['stop'], undefined>
  /**
   * How long a server that is replaced by a live restart may finish its work beside the new one. Default: as long as its workers
   * may take to stop, and 5 s.
   */
  readonly detachWait?: string | number
  /** What a signal with the action `detach` does: a live restart (`true`, the default), or a graceful stop. */
  readonly enableDetach?: boolean
  /** `detach` starts no new server: the supervisor ends, and the server finishes its work by itself. Default false. */
  readonly exitOnDetach?: boolean
}

/**
 * The process that has loaded the program, and forks the workers. As keys of a forkserver in the config file.
 * @example
 * ```ts
 * import { defineServer, type ForkserverSettings } from 'holdfast'
 *
 * const forkserver: ForkserverSettings = { startTimeout: '2m', allow: ['timers'] }
 *
 * await defineServer({ name: 'shop', workerType: 'fork', forkserver, worker: { run() {} } }).run()
 * ```
 */
export interface ForkserverSettings {
  /** What the program may hold open when it is loaded, although all workers share it: `sockets`, `timers`, `threads`. Default: nothing. */
  readonly allow?: 'sockets' | 'timers' | 'threads' | readonly ('sockets' | 'timers' | 'threads')[]
  /** How long loading and `initialize` may take. Default: the `startTimeout` of the workers, else 60 s. */
  readonly startTimeout?: string | number
  /** How long a fork may take; then that worker starts cold. Default 5 s. */
  readonly forkTimeout?: string | number
  /** What follows the death of the forkserver, as of a worker. The workers live on. */
  readonly restart?: Exclude<ServerSettings['restart'], undefined>
}

/**
 * How `upgrade` asks a main to make room.
 * @example
 * ```ts
 * import { defineServer, type UpgradeSettings } from 'holdfast'
 *
 * const upgrade: UpgradeSettings = { file: '/run/shop/upgrade.%p', timeout: '2m' }
 *
 * await defineServer({
 *   name: 'shop',
 *   slots: { mains: 1, standbys: 1 },
 *   upgrade,
 *   server: { upgrade: (running) => running.stop() }, // the fresh standby follows
 *   worker: new URL('./shop-worker.mjs', import.meta.url),
 * }).run()
 * ```
 */
export interface UpgradeSettings {
  /** Made for each main, one after the other; `%p` is the pid of its server. The program removes it when it is done. */
  readonly file: string
  /** How long that may take. Default 30 s. */
  readonly timeout?: string | number
}

/**
 * What ps and top show. `%n` is the server's name, `%s` the number of the worker or of the server, from 0; in `standby` `%t` is the
 * title as main. Node has as much room for it as the command line took. An empty one leaves the command line as it is.
 * @example
 * ```ts
 * import { defineServer, type TitleSettings } from 'holdfast'
 *
 * const titles: TitleSettings = { server: '%n', worker: '%n[%s]' } // shop, shop[0], shop[1]
 *
 * await defineServer({ name: 'shop', workers: 2, titles, worker: { run() {} } }).run()
 * ```
 */
export interface TitleSettings {
  /** Default `%n: supervisor`. */
  readonly supervisor?: string
  /** Default `%n: server`. */
  readonly server?: string
  /** With workers of type `fork`. Default `%n: forkserver`. */
  readonly forkserver?: string
  /** Of workers of type `process` and `fork`. Default `%n: worker %s`. */
  readonly worker?: string
  /** Of a server that waits for its promotion, and of its workers. Default `%t - standby`. */
  readonly standby?: string
}

/**
 * When a log file is rotated: FILE becomes FILE.1, and that FILE.2.
 * @example
 * ```ts
 * import { defineServer, type LogRotationSettings } from 'holdfast'
 *
 * const logRotation: LogRotationSettings = { maxSize: '1MB', keep: 20 }
 *
 * await defineServer({ name: 'shop', logRotation, worker: { run() {} } }).run()
 * ```
 */
export interface LogRotationSettings {
  /** `64KB`, `10MB`, a number of bytes, or `never`: the file is rotated before it would become larger. Default `10MB`. */
  readonly maxSize?: string | number
  /** Rotated files kept. Default 5. */
  readonly keep?: number
}

/**
 * What stands in the file that starts the server at boot.
 * @example
 * ```ts
 * import { defineServer } from 'holdfast'
 *
 * export const server = defineServer({
 *   name: 'shop',
 *   initFile: { description: 'the shop', requiredStart: ['$network', 'postgresql'], config: '/etc/default/shop' },
 *   worker: new URL('./shop-worker.mjs', import.meta.url),
 * })
 *
 * await server.command('init-file', ['systemd']) // prints it
 * ```
 */
export interface InitFileOptions {
  /** Default: the server's name. */
  readonly description?: string
  /** LSB facilities, or names of other services. Default `['$remote_fs', '$network']`. */
  readonly requiredStart?: readonly string[]
  /** Default `['$remote_fs', '$network']`. */
  readonly requiredStop?: readonly string[]
  /** A shell file that is read first, if it is there: `/etc/default/shop`. */
  readonly config?: string
  /** Shell code that runs before the program; put in as it is. */
  readonly code?: string
  /** Path of the program, where it is not the file that runs now (a link that a deployment moves). */
  readonly program?: string
}

/**
 * What `defineServer` takes. A key that does not exist is refused, by the compiler and at the start.
 * @example
 * ```ts
 * import { createServer } from 'node:http'
 * import { defineServer, type ServerOptions } from 'holdfast'
 *
 * const options: ServerOptions<{ greeting: string }> = {
 *   name: 'shop',
 *   workers: 'cpus',
 *   sockets: { http: 'tcp://0.0.0.0:8080' },
 *   config: { greeting: 'hello' },
 *   pidFile: 'shop.pid',
 *   slots: { mains: 1, standbys: 1 },
 *   signals: { USR2: ['reopen-logs', 'reload'] },
 *   server: { onReap: ({ workerId, reason }) => console.log(`worker ${workerId} ${reason}`) },
 *   worker: {
 *     async run(ctx) {
 *       await ctx.listen('http', createServer((_, response) => response.end(ctx.config.greeting)))
 *     },
 *   },
 * }
 *
 * export const server = defineServer(options)
 * ```
 */
export interface ServerOptions<Config = unknown> extends ServerSettings {
  /** Of the server, its workers (`shop/0`), its log and its runtime directory. */
  readonly name: string
  /** How many; `cpus` is one for each core. Default 1; 0 is allowed. */
  readonly workers?: number | 'cpus' | 'cpus-1'
  /** Default `process`. */
  readonly workerType?: WorkerType
  /**
   * Evaluated at the start and at each reload, in the server; every worker sees the same (`ctx.config`), as JSON. One that
   * throws at a reload changes nothing.
   */
  readonly config?: (() => Config | Promise<Config>) | Config
  /**
   * A supervisor above the server: it owns the sockets, restarts a server that dies, and makes `live-restart` possible. Only for
   * `start`; in the foreground the terminal is above the server.
   */
  readonly supervised?: boolean
  /**
   * Main and standby: so many whole servers, each with its workers, of which `mains` work and the others wait to take over. Implies
   * `supervised`. In a standby `ctx.listen` waits for the promotion; `ctx.onPromote`, `ctx.fencingToken()`.
   */
  readonly slots?: Written<Omit<typeof slotSettings, 'lock'>>
  /** With `supervised`: when the server counts as hung, how it is started again, stopped and replaced. */
  readonly serverProcess?: ServerProcessSettings
  /** With `slots`, for the command `upgrade`. */
  readonly upgrade?: UpgradeSettings
  /** False: every process keeps its command line. */
  readonly titles?: TitleSettings | false
  /** What runs in the server at the turns of its life. Default: nothing. */
  readonly server?: ServerHooks<Config>
  /** What a worker does; or the URL of a module whose default export says so. Required but for `workerType: 'spawn'`. */
  readonly worker?: WorkerDefinition<Config> | URL | string
  /** For `workerType: 'spawn'`: what to run. */
  readonly command?: string | readonly (string | number | boolean)[]
  /**
   * For `workerType: 'spawn'`: how a worker is told to stop or to reload. `pipe`: by words on its stdin, one a line
   * (`GRACEFUL_STOP IMMEDIATE_STOP RELOAD DUMP …`). Default `signal`.
   */
  readonly commandSender?: 'signal' | 'pipe'
  /** For `workerType: 'fork'`: how long loading and a fork may take, what may be open meanwhile, what follows its death. */
  readonly forkserver?: ForkserverSettings
  /** What signals mean to the server. Default `holdfast`. */
  readonly signals?: SignalMapName | OwnSignalMap
  /** What workers do when their server dies (`kill -9`): finish what they have and end, or go on. Default `finish`. */
  readonly orphans?: 'finish' | 'stay'
  /**
   * What the workers' `ctx.logger` leaves out: what is below. `trace debug info warn error fatal`, or -1 to 4. What `config()` says of
   * it is in force from the next reload on. Default `debug`.
   */
  readonly logLevel?: LogLevelChoice
  /**
   * When the server's log files are rotated: `<name>.log`, `<name>.server.log`, and files that `stdout` and `stderr` name. What
   * `config()` says of it is in force from the next reload on.
   */
  readonly logRotation?: LogRotationSettings
  /** File that holds the server's pid while it runs. Default: none. */
  readonly pidFile?: string
  /** Exit code of `start` when the server does not come up, or what the program itself throws before that. Default 1. */
  readonly daemonizeErrorExitCode?: number
  /** For `init-file`: what the program does not know of itself. */
  readonly initFile?: InitFileOptions
  /** The commands say nothing but errors. Default false. */
  readonly quiet?: boolean
}
