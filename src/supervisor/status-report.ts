// The shape of `status --json` and `GET /v1/status`. Fields may be added; these stay.

/** What a worker is doing, or waits for. */
export type WorkerStateName =
  | 'stopped'
  | 'waiting'
  | 'starting'
  | 'running'
  | 'stopping'
  | 'backoff'
  | 'exited'
  | 'fatal'
/** Of a service as a whole; `degraded`: fewer are ready than are wanted. */
export type ServiceStateName = WorkerStateName | 'degraded'
/** Of the last deployment or rolling restart. */
export type RolloutStateName = 'stable' | 'canary' | 'rolling' | 'failed' | 'cancelled'

/** How a process ended. */
export interface ExitReport {
  /** Null where a signal ended it, or nobody knows. */
  code: number | null
  /** `SIGKILL` …; null where it exited by itself. */
  signal: string | null
  /** ISO 8601 */
  at: string
  /** One sentence. */
  reason: string
}

/** The second process of a worker, while one replaces the other. */
export interface OtherProcessReport {
  /** Null: it is a thread, or runs in the server's own event loop. */
  pid: number | null
  /** What it was started from. */
  generation: number
  /** `coming` (not yet in service) or `draining` (asked to stop, or announced its end). */
  state: 'coming' | 'draining'
  /** Whether it has said so. */
  ready: boolean
}

/** One worker: a slot of a service, and the process that fills it now. */
export interface WorkerReport {
  /** `web/0` */
  id: string
  /** Its number in the service, from 0. */
  slot: number
  /** What it is doing, or waits for. */
  state: WorkerStateName
  /** Whether it can work. */
  ready: boolean
  /** `main` in services without `slots`. */
  role: 'main' | 'standby'
  /** Null: it does not run; or it is a thread of the server, or runs in its event loop (then `startedAt` says that it runs). */
  pid: number | null
  /** Clock ticks since boot, field 22 of /proc/PID/stat; with the pid it identifies the process. */
  startTime: number | null
  /** What its process was started from. */
  generation: number
  /** Since when the worker is in `state`, ISO 8601. */
  since: string
  /** When its process was started, ISO 8601. */
  startedAt: string | null
  /** How often a process was started in place of one that had died. */
  restarts: number
  /** Deaths in a row that counted as failures. */
  failures: number
  /** When it is started, ISO 8601: after a back-off, or in its turn (`pace`). */
  nextRetryAt: string | null
  /** A second process, while one replaces the other. */
  other: OtherProcessReport | null
  /** How the process before this one ended. */
  lastExit: ExitReport | null
  /** Seconds since the last sign of life, null where no heartbeat is asked for. */
  heartbeatAge: number | null
  /** Done by its process; null where nobody counts them. */
  requests: number | null
  /** Share of the time spent in requests, 0 to 1, since the worker started. */
  busy: number | null
  /** Bytes. */
  rss: number | null
  /** Bytes, only where memory was asked for. */
  pss?: number | null
  /** Of its process, since its start. */
  cpuSeconds: number | null
  /** Started by a supervisor before this one. */
  adopted: boolean
  /** What the worker said with STATUS=, or why it waits. */
  message: string
}

/** One service. */
export interface ServiceReport {
  /** As in the config. */
  name: string
  /** As in the config, empty where it has none. */
  description: string
  /** As in the config. */
  tags: string[]
  /** Of its workers taken together. */
  state: ServiceStateName
  /** How many workers there should be. */
  desired: number
  /** How many of them are ready. */
  ready: number
  /** In service; a worker that crashes starts again from it. */
  generation: number
  /** What a rollout leads to; else as `generation`. */
  target: number
  /** Of the last deployment or rolling restart; `reason` is empty where all is well. */
  rollout: { state: RolloutStateName; reason: string }
  /** In the order of their numbers. */
  workers: WorkerReport[]
}

/** A listening socket that the supervisor owns. */
export interface SocketReport {
  /** As in the config; of a socket on demand, its address. */
  name: string
  /** With the real port. */
  listen: string
  /** Connections waiting in the backlog, null where the kernel does not say. */
  queued: number | null
}

/** What decides who is main of a service. */
export interface LockReport {
  /** As in the config. */
  name: string
  /** A lock of the kernel. */
  type: 'file'
  /** Whose mains it decides. */
  service: string
  /** Where its files lie. */
  directory: string
  /** How many may be main. */
  mains: number
  /** Main slots that workers of ours hold. */
  holders: { slot: number; token: string; worker: string }[]
  /** Processes that hold a main slot and are none of ours: of another supervisor, or somebody's. */
  strangers: { slot: number; pid: number; command: string }[]
  /** `degraded`: it works, but not as it should; `problem` says why. */
  health: { state: 'ok' | 'degraded' | 'unreachable'; problem: string | null }
}

/** An older generation of a forkserver, that is kept for the workers that were forked from it. */
export interface OtherForkserverReport {
  /** Null: it does not run. */
  pid: number | null
  /** Which one it is. */
  generation: number
  /** Whether it could fork. */
  ready: boolean
  /** That live, and were forked from it. */
  workers: number
}

/** A process that has loaded an application, and forks workers from itself. */
export interface ForkserverReport {
  /** As in the config. */
  name: string
  /** As in the config. */
  description: string
  /** `own`: it has a command of its own. */
  runtime: 'node' | 'python' | 'perl' | 'ruby' | 'own'
  /** False: the operator starts and stops it. */
  auto: boolean
  /** Of the newest one, as all that follows. */
  state: WorkerStateName
  /** Whether it has loaded. */
  ready: boolean
  /** Null: it does not run. */
  pid: number | null
  /** Counts up with each restart; 0: there was none. */
  generation: number
  /** Since when it is in `state`, ISO 8601. */
  since: string | null
  /** When its process was started, ISO 8601. */
  startedAt: string | null
  /** That live, and were forked from it. */
  workers: number
  /** Forks that became workers. */
  forks: number
  /** Forks that came to nothing. */
  failedForks: number
  /** Workers that were started without it, because it could not fork them. */
  coldStarts: number
  /** That it has loaded; null: it has not. */
  modules: number | null
  /** Milliseconds that this took. */
  loadMillis: number | null
  /** How often it was started in place of one that had died. */
  restarts: number
  /** Deaths in a row that counted as failures. */
  failures: number
  /** When it is started after a back-off, ISO 8601. */
  nextRetryAt: string | null
  /** How the process before this one ended. */
  lastExit: ExitReport | null
  /** Bytes. */
  rss: number | null
  /** Bytes, only where memory was asked for. */
  pss?: number | null
  /** Since its start. */
  cpuSeconds: number | null
  /** Why it does not do what it should; empty where all is well. */
  message: string
  /** Older ones that workers still come from. */
  others: OtherForkserverReport[]
}

/** What `holdfast status --json` prints, and `GET /v1/status` answers. */
export interface StatusReport {
  /** Of the server, where it was made with the library; `startedAt` is ISO 8601. */
  supervisor: {
    pid: number
    version: string
    startedAt: string
    config: string | null
    node: string
    name: string
    /** It stops everything, and ends. */
    goingDown?: true
  }
  /** In the order of the config. */
  services: ServiceReport[]
  /** Declared ones, and those on demand. */
  sockets: SocketReport[]
  /** In the order of the config. */
  forkservers: ForkserverReport[]
  /** One for each service with `slots`. */
  locks: LockReport[]
}
