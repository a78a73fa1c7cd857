// What the engine offers to the control server, the CLI's foreground mode and the embedding program. Types only.
import type { SupervisorSpec } from '../config/effective.ts'
import type { ServiceLog } from '../logs/service-log.ts'
import type { StatusReport } from './status-report.ts'

/** One state change with its cause, as it stands in the journal (one JSON object a line). */
export interface JournalEntry {
  /** ISO 8601, wall clock. */
  readonly at: string
  /** Counts up by one within a supervisor's life. */
  readonly seq: number
  /** `service` entries are changes of a worker, `rollout` of a whole service, `supervisor` of neither. */
  readonly kind: 'worker' | 'rollout' | 'supervisor'
  readonly service?: string
  /** `web/0` */
  readonly worker?: string
  readonly pid?: number
  readonly generation?: number
  readonly from?: string
  readonly to?: string
  /** What happened: `exited`, `ready`, `start`, `heartbeat-late` … */
  readonly event: string
  /** One sentence: why. */
  readonly reason: string
}

export type OperationVerb = 'start' | 'stop' | 'restart' | 'reload' | 'scale' | 'signal' | 'failover'

export interface OperationRequest {
  readonly verb: OperationVerb
  /** `web`, `web/2`, `@tag`, `all`, a glob; several are one operation. */
  readonly targets: readonly string[]
  /** restart: stop all, then start. */
  readonly cold?: boolean
  /** restart: supersede a rollout in progress. */
  readonly replace?: boolean
  /** stop: the dependents too, first. */
  readonly withDependents?: boolean
  /** scale: `4`, `+1`, `-2`. */
  readonly count?: string
  /** signal: with or without SIG. */
  readonly signal?: string
  /** signal: the whole process group. */
  readonly group?: boolean
}

/** One line of progress while an operation runs. */
export interface Progress {
  readonly service: string
  readonly worker?: string
  /** One short sentence: `web/1 ready (generation 4)`. */
  readonly message: string
  /** Workers done and to do, where it can be counted. */
  readonly done?: number
  readonly total?: number
}

/** How one service came out of an operation. */
export interface ServiceOutcome {
  readonly service: string
  readonly ok: boolean
  /** `restarted 4 workers, generation 3`, `already running`, or why it failed. */
  readonly message: string
  /** Where it failed: `boot of web/0 (generation 4)`. */
  readonly step?: string
  /** `exited with code 1`, `killed: not ready within 30s` … */
  readonly reason?: string
  /** The worker's last lines of output. */
  readonly lastOutput?: readonly string[]
}

export interface OperationOutcome {
  readonly ok: boolean
  readonly services: readonly ServiceOutcome[]
  /** The wait for the start: the supervisor was asked to stop meanwhile. */
  readonly goingDown?: true
  /** down: a disk did not take the last output; writes to it may still be under way. */
  readonly unwritten?: true
}

export interface ApplyChange {
  readonly service: string
  readonly change: 'added' | 'removed' | 'changed' | 'unchanged'
  /** Keys that differ: `command`, `env.PORT`. */
  readonly keys: readonly string[]
  /** What it does: `rolling restart of 4 workers`, `no restart`, `stops 2 workers`. */
  readonly effect: string
}

export interface ApplyReport {
  readonly changes: readonly ApplyChange[]
  readonly sockets: readonly { readonly name: string; readonly change: 'added' | 'removed' | 'changed' }[]
  /** Notes for the operator, e.g. that a scale was reset. */
  readonly notes: readonly string[]
  /** Absent with dryRun. */
  readonly outcome?: OperationOutcome
}

export interface WhyReport {
  readonly target: string
  /** One sentence for each worker asked about. */
  readonly answers: readonly {
    readonly worker: string
    readonly sentence: string
    readonly chain: readonly JournalEntry[]
  }[]
}

export interface LogLine {
  /** ISO 8601 */
  readonly at: string
  readonly worker: string
  readonly stream: 'out' | 'err'
  readonly line: string
}

export interface StatusQuery {
  readonly targets?: readonly string[]
  /** With `pss` of each worker, which takes longer. */
  readonly memory?: boolean
  /** Workers with what a table shows, and no more. */
  readonly brief?: boolean
}

export interface Engine {
  readonly spec: SupervisorSpec
  /** Resolves when every autostart service is ready or ended as allowed; names those that are not. */
  settled(): Promise<OperationOutcome>
  /** @throws HoldfastError HF_TARGET_UNKNOWN */
  status(query?: StatusQuery): StatusReport
  /** @throws HoldfastError for an unknown target, a rollout in progress … ; a failed operation resolves with ok: false. */
  operate(request: OperationRequest, onProgress?: (progress: Progress) => void): Promise<OperationOutcome>
  /** Converges to another spec; touches only what changed. @throws HoldfastError when nothing was changed. */
  apply(
    spec: SupervisorSpec,
    options?: { dryRun?: boolean; replace?: boolean },
    onProgress?: (progress: Progress) => void,
  ): Promise<ApplyReport>
  why(target: string): Promise<WhyReport>
  /** Stops every service in reverse dependency order, then closes everything. A second call hurries. */
  down(options?: { timeout?: number; immediate?: boolean }): Promise<OperationOutcome>
  /** Each new journal entry; returns the unsubscription. */
  onEvent(listener: (entry: JournalEntry) => void): () => void
  /** Each captured line as it is read, for the services given (all if none); returns the unsubscription. */
  onLine(services: readonly string[] | null, listener: (line: LogLine) => void): () => void
  /** The captured output of these services (of all if null), for its history and what follows. */
  serviceLogs(services: readonly string[] | null): readonly ServiceLog[]
  /** Resolves when every entry so far is in the journal's file, or the disk does not answer. */
  journalWritten(): Promise<unknown>
  /** Paths of the log file of a service (rotated ones are FILE.1 … FILE.5) and of the journal. */
  logFile(service: string): string | null
  readonly journalFile: string
  /** Resolves target strings to worker ids, @throws HF_TARGET_UNKNOWN */
  resolve(targets: readonly string[]): { service: string; slots: number[] | null }[]
  /** A line for every worker of the service, on its command channel. */
  tell(service: string, line: string): void
  /** The log files were moved away: opens them anew. */
  reopenLogs(): void
  /** Looks whether somebody removed the runtime directory, and makes it anew; happens by itself where inotify works. */
  checkRuntime(): void
  /** A JSON picture of the internal state, for `dump`. */
  dump(target?: string): unknown
}
