// What `defineServer` takes. The keys of the supervisor and of a service are those of the config file, under the same names.
import type { Written } from '../config/setting.ts'
import type { serviceSettings } from '../config/settings/service.ts'
import type { slotSettings } from '../config/settings/slots.ts'
import type { supervisorSettings } from '../config/settings/supervisor.ts'
import type { ServerHooks } from './server-hooks.ts'
import type { OwnSignalMap, SignalMapName } from './signal-maps.ts'
import type { WorkerDefinition } from './worker-definition.ts'

/** How a worker runs: a Node process of its own, a thread of the server, in the event loop of the server; any program; a fork. */
export type WorkerType = 'process' | 'thread' | 'embedded' | 'spawn' | 'fork'

/** What the server gives each worker by itself. */
type GivenByServer = 'instances' | 'command' | 'sockets' | 'autostart' | 'dependsOn' | 'slots'

/** Keys of the config file that a server may set, as they are written there. */
export type ServerSettings = Omit<Written<typeof serviceSettings>, GivenByServer> &
  Pick<Written<typeof supervisorSettings>, 'runtimeDir' | 'logDir' | 'stateDir' | 'control' | 'sockets'>

/**
 * Keys that `config()` may give as well: it is evaluated again at each reload, and what it says of them is in force from then on.
 * Everything else that it returns is the program's own.
 */
export type DynamicSettings = Pick<
  ServerOptions,
  | 'workers'
  | 'startTimeout'
  | 'heartbeat'
  | 'requestTimeout'
  | 'restart'
  | 'stop'
  | 'rollout'
  | 'env'
  | 'nice'
  | 'umask'
>

/** What stands in the file that starts the server at boot. */
export interface InitFileOptions {
  /** Default: the server's name. */
  readonly description?: string
  /** LSB facilities, or names of other services. Default `['$remote_fs', '$network']`. */
  readonly requiredStart?: readonly string[]
  readonly requiredStop?: readonly string[]
  /** A shell file that is read first, if it is there: `/etc/default/shop`. */
  readonly config?: string
  /** Shell code that runs before the program; put in as it is. */
  readonly code?: string
  /** Path of the program, where it is not the file that runs now (a link that a deployment moves). */
  readonly program?: string
}

export interface ServerOptions<Config = unknown> extends ServerSettings {
  /** Of the server, its workers (`shop/0`), its log and its runtime directory. */
  readonly name: string
  /** How many. Default 1; 0 is allowed. */
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
  readonly slots?: Written<typeof slotSettings>
  readonly server?: ServerHooks<Config>
  /** What a worker does; or the URL of a module whose default export says so. */
  readonly worker?: WorkerDefinition<Config> | URL | string
  /** For `workerType: 'spawn'`: what to run. */
  readonly command?: Written<typeof serviceSettings>['command']
  /**
   * For `workerType: 'spawn'`: how a worker is told to stop or to reload. `pipe`: by words on its stdin, one a line
   * (`GRACEFUL_STOP IMMEDIATE_STOP RELOAD DUMP …`). Default `signal`.
   */
  readonly commandSender?: 'signal' | 'pipe'
  /** What signals mean to the server. Default `holdfast`. */
  readonly signals?: SignalMapName | OwnSignalMap
  /** What workers do when their server dies (`kill -9`): finish what they have and end, or go on. Default `finish`. */
  readonly orphans?: 'finish' | 'stay'
  /** File that holds the server's pid while it runs. Default: none. */
  readonly pidFile?: string
  /** Exit code of `start` when the server does not come up. Default 1. */
  readonly daemonizeErrorExitCode?: number
  /** For `init-file`: what the program does not know of itself. */
  readonly initFile?: InitFileOptions
  /** Says nothing but errors. */
  readonly quiet?: boolean
}
