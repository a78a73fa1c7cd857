// The configuration after defaults, includes and substitution: what the engine runs on. Plain JSON data, so that it can be
// handed to a detached supervisor, compared and hashed. Times are milliseconds, sizes bytes, `null` is "never" or "off".

export type Millis = number

/** Where a listener is bound. `port` 0 asks the kernel for a free one. */
export type ListenAddress =
  | { readonly family: 'tcp4' | 'tcp6' | 'udp4' | 'udp6'; readonly host: string; readonly port: number }
  | { readonly family: 'unix'; readonly path: string }

export interface SocketSpec {
  readonly name: string
  readonly listen: ListenAddress
  readonly backlog: number
  /** Permission bits of a unix socket, null: by umask. */
  readonly mode: number | null
  readonly user: string | null
  readonly group: string | null
  readonly nonblocking: boolean
  readonly v6only: boolean
}

export type ReadySpec =
  | { readonly by: 'notify' }
  | { readonly by: 'ipc' }
  | { readonly by: 'delay'; readonly delay: Millis }
  | { readonly by: 'tcp'; readonly host: string; readonly port: number }
  /** `url` is http://HOST:PORT/PATH; any status from 200 to 399 is ready. */
  | { readonly by: 'http'; readonly url: string }
  | { readonly by: 'exec'; readonly command: readonly string[] }
  | { readonly by: 'log'; readonly pattern: string }

export interface HeartbeatSpec {
  readonly interval: Millis
  readonly timeout: Millis
  readonly signals: readonly SignalStep[]
}

export interface RestartSpec {
  readonly when: 'always' | 'on-failure' | 'never'
  readonly immediate: number
  readonly initial: Millis
  readonly factor: number
  readonly max: Millis
  readonly jitter: number
  readonly resetAfter: Millis
  /** null: never give up. */
  readonly maxRetries: number | null
  readonly delay: Millis
  readonly unrecoverable: readonly number[]
  readonly stopAllOnUnrecoverable: boolean
}

/** How starts of one service follow each other. */
export interface PaceSpec {
  /** From one start to the next; 0: as they come. */
  readonly interval: Millis
  /** Share of the interval by which each is varied. */
  readonly jitter: number
}

export type EarlyDeathPolicy = 'back-off' | 'shut-down'

/** What the death of a worker that was not ready yet, or not for long, means to the whole service. */
export interface EarlyDeathSpec {
  /** No worker has been ready since the service was started. */
  readonly firstBoot: EarlyDeathPolicy
  /** It is of the generation that is being rolled out. */
  readonly newGeneration: EarlyDeathPolicy
  readonly steady: EarlyDeathPolicy
}

/** One rung of a stop ladder: send `signal`, then wait at most `wait` for the process to die (null: without end). */
export interface SignalStep {
  /** Without SIG: `TERM`. */
  readonly signal: string
  readonly wait: Millis | null
  /** Send again after `every`, each interval longer by `increment`, until `wait` is over. */
  readonly every: Millis | null
  readonly increment: Millis
}

export interface StopSpec {
  readonly signals: readonly SignalStep[]
  readonly timeout: Millis
  /** The wait of the first signal for a process that is replaced, null: as for any other. */
  readonly drainTimeout: Millis | null
  /** Made before the first signal; `%p` is the worker's pid. */
  readonly file: string | null
  readonly fileTimeout: Millis
  /** Run before the first signal, with HOLDFAST_PID. */
  readonly command: readonly string[] | null
  /** Signals go to the whole process group. */
  readonly group: boolean
}

export type ReloadSpec =
  | { readonly by: 'rolling'; readonly timeout: Millis }
  | { readonly by: 'signal'; readonly signal: string; readonly timeout: Millis }
  | { readonly by: 'command'; readonly command: readonly string[]; readonly timeout: Millis }

export interface RolloutSpec {
  readonly maxSurge: number
  readonly maxUnavailable: number
  readonly minReady: Millis
  readonly canary: boolean
  readonly timeout: Millis
}

export type OutputSpec = 'log' | 'ignore' | 'inherit' | { readonly file: string }

export type DependencyCondition = 'ready' | 'started' | 'exited'

export interface LimitSpec {
  /** null: unlimited. */
  readonly soft: number | null
  readonly hard: number | null
}

/** Main and standby. `instances` is mains + standbys. */
export interface SlotsSpec {
  /** Name of the lock; the service's own where none was given. */
  readonly lock: string
  readonly directory: string
  readonly mains: number
  readonly standbys: number
  readonly warm: boolean
  /** Without SIG. */
  readonly promoteSignal: string | null
  /** While it exists no standby starts, and none becomes main. */
  readonly stopFile: string | null
}

export interface ServiceSpec {
  readonly name: string
  readonly description: string
  readonly tags: readonly string[]
  /** argv; a string that needs a shell is already `['/bin/sh', '-c', TEXT]`. Empty where there is a forkserver. */
  readonly command: readonly string[]
  /** What the workers are forked from. The whole of it: a worker runs what that has loaded. */
  readonly forkserver: ForkserverSpec | null
  /** What a forked worker runs; null: what was loaded says so. */
  readonly entry: string | null
  readonly instances: number
  readonly autostart: boolean
  readonly dependsOn: Readonly<Record<string, DependencyCondition>>
  readonly cwd: string
  /** Name or number, null: the supervisor's own. */
  readonly user: string | null
  readonly group: string | null
  readonly umask: number | null
  readonly nice: number
  /** `env` and `envFile` merged; the supervisor's own environment is added at the spawn. */
  readonly env: Readonly<Record<string, string>>
  readonly limits: Readonly<Record<string, LimitSpec>>
  /** Where it is not false the worker leads a process group. */
  readonly session: boolean | 'group'
  readonly sockets: readonly string[]
  /** `commands`: stop, reload and the like come as words on stdin, in place of signals. */
  readonly stdin: null | 'commands' | { readonly socket: string }
  readonly stdout: OutputSpec
  readonly stderr: OutputSpec
  readonly startTimeout: Millis
  readonly ready: ReadySpec
  readonly heartbeat: HeartbeatSpec | null
  readonly requestTimeout: Millis | null
  readonly restart: RestartSpec
  readonly pace: PaceSpec
  readonly earlyDeath: EarlyDeathSpec
  readonly stop: StopSpec
  readonly reload: ReloadSpec
  readonly rollout: RolloutSpec
  readonly slots: SlotsSpec | null
}

export type ForkserverRuntime = 'node' | 'python' | 'perl' | 'ruby'

/** What runs it, where no `executable` is given. */
export function usualProgramOf(runtime: ForkserverRuntime): string {
  return { node: process.execPath, python: 'python3', perl: 'perl', ruby: 'ruby' }[runtime]
}

/** What the loaded application may hold open although its workers would share it. */
export type Shareable = 'sockets' | 'timers' | 'threads'

export interface ForkserverSpec {
  readonly name: string
  readonly description: string
  readonly runtime: ForkserverRuntime
  readonly preload: readonly string[]
  /** Somebody's own forkserver; null: ours for the runtime. */
  readonly command: readonly string[] | null
  /** Null: the runtime's usual program. */
  readonly executable: string | null
  readonly arguments: readonly string[]
  readonly cwd: string
  readonly env: Readonly<Record<string, string>>
  readonly user: string | null
  readonly group: string | null
  /** False: started and stopped by the operator alone. */
  readonly auto: boolean
  readonly allow: readonly Shareable[]
  /** Requests of one worker after which it becomes the next forkserver: the first number once, then the second … */
  readonly refork: readonly number[]
  readonly startTimeout: Millis
  readonly forkTimeout: Millis
  readonly restart: RestartSpec
}

export interface ControlSpec {
  readonly socket: string
  readonly mode: number
  /** User names or numbers that may drive the supervisor beside its owner and root. */
  readonly allow: readonly string[]
}

export interface SupervisorSpec {
  readonly name: string
  /** Real path of the config file, null for a program's own config. */
  readonly configFile: string | null
  readonly runtimeDir: string
  readonly logDir: string
  readonly stateDir: string
  readonly control: ControlSpec
  readonly sockets: Readonly<Record<string, SocketSpec>>
  readonly forkservers: Readonly<Record<string, ForkserverSpec>>
  readonly services: Readonly<Record<string, ServiceSpec>>
}
