// What hooks and the embedding program can ask of a server while it runs.
import type { ApplyReport, JournalEntry, OperationOutcome } from '../supervisor/engine-api.ts'
import type { StatusReport } from '../supervisor/status-report.ts'

/**
 * A server while it runs: what hooks are given, and what `open()` returns.
 * @example
 * ```ts
 * import assert from 'node:assert'
 * import { defineServer } from 'holdfast'
 *
 * const server = defineServer({ name: 'shop', workers: 2, worker: new URL('./shop-worker.mjs', import.meta.url) })
 *
 * const running = await server.open() // a guest in this process, as in a test
 * await running.settled()
 * assert.equal(running.healthy(), 2)
 * running.onEvent(({ worker, to, reason }) => console.log(worker, to, reason))
 * await running.scale('+1')
 * await running.restart() // one by one
 * assert.equal(await running.stop(), 0)
 * ```
 */
export interface RunningServer<Config = unknown> {
  /** As given in the options. */
  readonly name: string
  /** In force: what `config` returned when it was last evaluated with success. */
  readonly config: Config
  /** Supervisor, services and workers, as `holdfast status --json` shows them. */
  status(): StatusReport
  /** Workers that are ready now. */
  healthy(): number
  /** `4`, `'+1'`, `'-2'`. Resolves when they are ready, or gone. @throws HoldfastError for a count that can not be */
  scale(count: number | string): Promise<OperationOutcome>
  /**
   * Evaluates `config` again, and hands it to every worker.
   * @throws HoldfastError; HF_HOOK_FAILED, with what was thrown as `cause`, where `config` or `reloadConfig` did: nothing changed
   */
  reload(): Promise<ApplyReport>
  /**
   * `rolling` (the default): one after the other, no gap. Otherwise all at once: `graceful` lets each finish what it has,
   * else they are killed.
   */
  restart(how?: { readonly rolling?: boolean; readonly graceful?: boolean }): Promise<OperationOutcome>
  /** The log files were moved away: opens them anew. */
  reopenLogs(): void
  /** Resolves to the exit code (as `ended`) when everything has ended. A second call hurries. Default: graceful. */
  stop(how?: { readonly graceful?: boolean }): Promise<number>
  /** Resolves when every worker is ready, or has failed to be. */
  settled(): Promise<OperationOutcome>
  /** Each change of state, with its cause. A listener that throws is reported as a hook is. @returns the unsubscription */
  onEvent(listener: (entry: JournalEntry) => void): () => void
  /** Resolves to the exit code: 0, or that of a worker with a code of `restart.unrecoverable`. */
  readonly ended: Promise<number>
}
