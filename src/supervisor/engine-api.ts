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
  /** Its name; absent where the entry is of no single service. */
  readonly service?: string
  /** `web/0` */
  readonly worker?: string
  /** Of the process that this is about. */
  readonly pid?: number
  /** Of that process, or that the rollout leads to. */
  readonly generation?: number
  /** State before the change. */
  readonly from?: string
  /** State after it. */
  readonly to?: string
  /** What happened: `exited`, `ready`, `start`, `heartbeat-late` … */
  readonly event: string
  /** One sentence: why. */
  readonly reason: string
}

/** What can be asked of services. */
export type OperationVerb = 'start' | 'stop' | 'restart' | 'reload' | 'scale' | 'signal' | 'failover'

/**
 * What is asked of services, as the command line asks it.
 * @example
 * ```ts
 * import { createSupervisor, type OperationRequest } from 'holdfast'
 *
 * const supervisor = await createSupervisor({ runtimeDir: '/tmp/shop', services: { web: { command: ['node', 'server.mjs'] } } })
 * const request: OperationRequest = { verb: 'scale', targets: ['web'], count: '+1' }
 * const { ok, services } = await supervisor.operate(request, ({ message }) => console.log(message))
 * if (!ok) console.error(services.map(({ message }) => message))
 * await supervisor.down()
 * ```
 */
export interface OperationRequest {
  /** What is to be done. */
  readonly verb: OperationVerb
  /** `web`, `web/2`, `@tag`, `all`, a glob; several are one operation. */
  readonly targets: readonly string[]
  /** restart: stop all, then start. Default false. */
  readonly cold?: boolean
  /** restart: stop all, and start each again as it ends. Default false. */
  readonly atOnce?: boolean
  /** restart: supersede a rollout in progress. Default false: it is refused. */
  readonly replace?: boolean
  /** stop: the dependents too, first. Default false: it is refused while they are up. */
  readonly withDependents?: boolean
  /** scale: `4`, `+1`, `-2`. */
  readonly count?: string
  /** signal: with or without SIG. */
  readonly signal?: string
  /** signal: the whole process group. Default false: the worker's process. */
  readonly group?: boolean
}

/** One line of progress while an operation runs. */
export interface Progress {
  /** Its name. */
  readonly service: string
  /** `web/1`, where it is about one. */
  readonly worker?: string
  /** One short sentence: `web/1 ready (generation 4)`. */
  readonly message: string
  /** Workers done and to do, where it can be counted. */
  readonly done?: number
  /** As `done`. */
  readonly total?: number
}

/** How one service came out of an operation. */
export interface ServiceOutcome {
  /** Its name. */
  readonly service: string
  /** Whether what was asked is done. */
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

/** How an operation came out. One that failed resolves to this, too. */
export interface OperationOutcome {
  /** Whether it is done for every service. */
  readonly ok: boolean
  /** Each that was asked. */
  readonly services: readonly ServiceOutcome[]
  /** The wait for the start: the supervisor was asked to stop meanwhile. */
  readonly goingDown?: true
  /** down: a disk did not take the last output; writes to it may still be under way. */
  readonly unwritten?: true
}

/** What another config means for one service. */
export interface ApplyChange {
  /** Its name. */
  readonly service: string
  /** `added` and `removed`: it stands in one of the two configs. */
  readonly change: 'added' | 'removed' | 'changed' | 'unchanged'
  /** Keys that differ: `command`, `env.PORT`. */
  readonly keys: readonly string[]
  /** What it does: `rolling restart of 4 workers`, `no restart`, `stops 2 workers`. */
  readonly effect: string
}

/** What another config has changed, or would. */
export interface ApplyReport {
  /** One for each service. */
  readonly changes: readonly ApplyChange[]
  /** Those that differ. */
  readonly sockets: readonly { readonly name: string; readonly change: 'added' | 'removed' | 'changed' }[]
  /** Notes for the operator, e.g. that a scale was reset. */
  readonly notes: readonly string[]
  /** Absent with dryRun. */
  readonly outcome?: OperationOutcome
}

/** Why workers are as they are. */
export interface WhyReport {
  /** As it was asked for. */
  readonly target: string
  /** One sentence for each worker asked about. */
  readonly answers: readonly {
    readonly worker: string
    readonly sentence: string
    readonly chain: readonly JournalEntry[]
  }[]
}

/** A line that a worker has written. */
export interface LogLine {
  /** ISO 8601 */
  readonly at: string
  /** `web/0` */
  readonly worker: string
  /** stdout or stderr. */
  readonly stream: 'out' | 'err'
  /** Without its end of line. */
  readonly line: string
}

/** What a status is to show. */
export interface StatusQuery {
  /** As those of an operation. Default: everything. */
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
  /** Everything, or what the query asks for. @throws HoldfastError HF_TARGET_UNKNOWN */
  status(query?: StatusQuery): StatusReport
  /** Looks who holds the main slots that none of ours has; the next `status` shows it. */
  lookAtLocks(): Promise<void>
  /**
   * Does what is asked, and resolves when it is done. A failed operation resolves with `ok: false`.
   * @throws HoldfastError for what can not be asked: an unknown target, a rollout in progress …
   */
  operate(request: OperationRequest, onProgress?: (progress: Progress) => void): Promise<OperationOutcome>
  /** Converges to another spec; touches only what changed. @throws HoldfastError when nothing was changed. */
  apply(
    spec: SupervisorSpec,
    options?: { dryRun?: boolean; replace?: boolean },
    onProgress?: (progress: Progress) => void,
  ): Promise<ApplyReport>
  /** The cause in one sentence, and the chain of events. @throws HoldfastError HF_TARGET_UNKNOWN */
  why(target: string): Promise<WhyReport>
  /**
   * Stops every service in reverse dependency order, then closes everything. A second call hurries.
   * With `immediate` workers are killed instead of asked; `longer` (milliseconds): than their ladders say; `firstSignal` (`QUIT`): in
   * place of their ladders' first; `onlySignals`: by signals alone.
   */
  down(options?: {
    immediate?: boolean
    longer?: number
    onlySignals?: true
    firstSignal?: string
  }): Promise<OperationOutcome>
  /** Asks every process to end, and closes everything without waiting: they finish by themselves, and are not left over. */
  letGo(why: string): Promise<OperationOutcome>
  /** Each new journal entry. @returns the unsubscription */
  onEvent(listener: (entry: JournalEntry) => void): () => void
  /** Each captured line as it is read, of these services (of all if null). @returns the unsubscription */
  onLine(services: readonly string[] | null, listener: (line: LogLine) => void): () => void
  /** The captured output of these services (of all if null), for its history and what follows. */
  serviceLogs(services: readonly string[] | null): readonly ServiceLog[]
  /** Resolves when every entry so far is in the journal's file, or the disk does not answer. */
  journalWritten(): Promise<unknown>
  /** Path of the log file of a service (rotated ones are FILE.1 … FILE.5); null where it has none. */
  logFile(service: string): string | null
  /** Path of the journal. */
  readonly journalFile: string
  /** What target strings name; `slots` null: the whole service. @throws HoldfastError HF_TARGET_UNKNOWN */
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
