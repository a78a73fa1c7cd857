import type { Millis } from '../config/effective.ts'
import type { Instant, ProcessIdentity, StopReason } from './process-state.ts'

export type ProcessEvent =
  | { readonly is: 'spawned'; readonly at: Instant; readonly process: ProcessIdentity }
  /** Its process has to wait for something else than its turn. */
  | { readonly is: 'parked'; readonly at: Instant }
  /** `gotNoLock`: no process was asked for yet. */
  | { readonly is: 'spawn-failed'; readonly at: Instant; readonly error: string; readonly gotNoLock?: boolean }
  /** The answer to `cancel-spawn` that came in time; otherwise `spawned` or `spawn-failed` is on its way. */
  | { readonly is: 'spawn-cancelled'; readonly at: Instant }
  /** READY=1, a bare newline, a probe that succeeded, a line that matched. */
  | { readonly is: 'ready'; readonly at: Instant }
  /** RELOADING=1 */
  | { readonly is: 'reloading'; readonly at: Instant }
  /** STOPPING=1, or the finishing flag in the heartbeat slot. */
  | { readonly is: 'finishing'; readonly at: Instant }
  /** EXTEND_TIMEOUT_USEC: the deadline under way ends no earlier than `by` from now. */
  | { readonly is: 'extend'; readonly at: Instant; readonly by: Millis }
  /** A deadline that the worker writes itself has passed. */
  | { readonly is: 'overdue'; readonly at: Instant; readonly which: 'heartbeat' | 'request'; readonly late: Millis }
  | { readonly is: 'reload'; readonly at: Instant }
  /** How the engine's part of a reload came out: the signal was sent, the command ended. */
  | { readonly is: 'reload-sent'; readonly at: Instant; readonly error: string | null }
  | { readonly is: 'stop'; readonly at: Instant; readonly why: StopReason }
  /** A second stop request: on to the next rung at once. */
  | { readonly is: 'hurry'; readonly at: Instant }
  /** An immediate stop: KILL now. */
  | { readonly is: 'kill'; readonly at: Instant; readonly why: StopReason }
  | {
      readonly is: 'exited'
      readonly at: Instant
      readonly code: number | null
      readonly signal: string | null
      /** Members of its process group are still there. */
      readonly leftover: boolean
    }
  /** Nothing of the group is left. */
  | { readonly is: 'swept'; readonly at: Instant }
  /** The state's deadline has passed, and one full turn of the event loop brought nothing else. */
  | { readonly is: 'tick'; readonly at: Instant }

export type ProcessEventName = ProcessEvent['is']
export type ProcessEventOf<E extends ProcessEventName> = Extract<ProcessEvent, { is: E }>
