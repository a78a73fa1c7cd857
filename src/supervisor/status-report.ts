// The shape of `status --json` and `GET /v1/status`. Fields may be added; these stay.

export type WorkerStateName =
  | 'stopped'
  | 'waiting'
  | 'starting'
  | 'running'
  | 'stopping'
  | 'backoff'
  | 'exited'
  | 'fatal'
export type ServiceStateName = WorkerStateName | 'degraded'
export type RolloutStateName = 'stable' | 'canary' | 'rolling' | 'failed' | 'cancelled'

export interface ExitReport {
  code: number | null
  signal: string | null
  /** ISO 8601 */
  at: string
  reason: string
}

export interface OtherProcessReport {
  /** Null: it is a thread, or runs in the server's own event loop. */
  pid: number | null
  generation: number
  /** `coming` (not yet in service) or `draining` (asked to stop, or announced its end). */
  state: 'coming' | 'draining'
  ready: boolean
}

export interface WorkerReport {
  id: string
  slot: number
  state: WorkerStateName
  ready: boolean
  role: 'main' | 'standby'
  /** Null: it does not run; or it is a thread of the server, or runs in its event loop (then `startedAt` says that it runs). */
  pid: number | null
  /** Clock ticks since boot, field 22 of /proc/PID/stat; with the pid it identifies the process. */
  startTime: number | null
  generation: number
  /** Since when the worker is in `state`, ISO 8601. */
  since: string
  startedAt: string | null
  restarts: number
  failures: number
  nextRetryAt: string | null
  other: OtherProcessReport | null
  lastExit: ExitReport | null
  /** Seconds since the last sign of life, null where no heartbeat is asked for. */
  heartbeatAge: number | null
  requests: number | null
  /** Share of the time spent in requests, 0 to 1, since the worker started. */
  busy: number | null
  /** Bytes. */
  rss: number | null
  /** Bytes, only where memory was asked for. */
  pss?: number | null
  cpuSeconds: number | null
  adopted: boolean
  /** What the worker said with STATUS=, or why it waits. */
  message: string
}

export interface ServiceReport {
  name: string
  description: string
  tags: string[]
  state: ServiceStateName
  desired: number
  ready: number
  generation: number
  target: number
  rollout: { state: RolloutStateName; reason: string }
  workers: WorkerReport[]
}

export interface SocketReport {
  name: string
  /** With the real port. */
  listen: string
  /** Connections waiting in the backlog, null where the kernel does not say. */
  queued: number | null
}

export interface LockReport {
  name: string
  type: 'file'
  service: string
  directory: string
  /** How many may be main. */
  mains: number
  /** Main slots that workers of ours hold. */
  holders: { slot: number; token: string; worker: string }[]
}

export interface StatusReport {
  supervisor: { pid: number; version: string; startedAt: string; config: string | null; node: string; name: string }
  services: ServiceReport[]
  sockets: SocketReport[]
  forkservers: never[]
  locks: LockReport[]
}
