import type { ProcessEffect } from './process-effect.ts'
import type { ProcessEvent } from './process-event.ts'
import type { Instant, ProcessExit, StopReason } from './process-state.ts'

/** Commands come from the planner and the operator, `process` events from the interpreter. */
export type SlotEvent =
  /** From a phase without a process. */
  | { readonly is: 'start'; readonly at: Instant; readonly generation: number; readonly trial: boolean }
  | { readonly is: 'wait'; readonly at: Instant; readonly on: readonly string[] }
  /** Down, and stay down; failures counted so far are forgotten. */
  | { readonly is: 'stop'; readonly at: Instant; readonly why: StopReason }
  /** The current process, or its ended or failed rest, makes room; the planner fills the slot then. */
  | { readonly is: 'retire'; readonly at: Instant; readonly why: StopReason }
  /** A successor beside the current process. */
  | { readonly is: 'start-beside'; readonly at: Instant; readonly generation: number }
  /** The successor has proven itself: it is in service, the predecessor drains. */
  | { readonly is: 'swap'; readonly at: Instant; readonly why: StopReason }
  /** The successor is not wanted any more. */
  | { readonly is: 'drop-coming'; readonly at: Instant; readonly why: StopReason }
  /** The current process is leaving by itself or hangs: a new one starts beside it at once. */
  | { readonly is: 'spare'; readonly at: Instant }
  /** The current process was asked for a while ago, and is spawned only now. */
  | { readonly is: 'turn'; readonly at: Instant }
  /** Down, as one that can not run: the service is shut down for the early death of one of its workers. */
  | { readonly is: 'give-up'; readonly at: Instant; readonly why: string }
  /** The current process is on trial no longer. */
  | { readonly is: 'settle'; readonly at: Instant }
  | { readonly is: 'hurry'; readonly at: Instant }
  | { readonly is: 'kill'; readonly at: Instant; readonly why: StopReason }
  | { readonly is: 'reload'; readonly at: Instant }
  /** What happened to the process of this number. */
  | { readonly is: 'process'; readonly at: Instant; readonly number: number; readonly event: ProcessEvent }
  /** A deadline has passed. */
  | { readonly is: 'tick'; readonly at: Instant }

export type SlotEventName = SlotEvent['is']
export type SlotEventOf<E extends SlotEventName> = Extract<SlotEvent, { is: E }>

export type SlotEffect =
  | { readonly do: 'process'; readonly number: number; readonly generation: number; readonly effect: ProcessEffect }
  | { readonly do: 'spawn'; readonly number: number; readonly generation: number }
  /** A process on trial died, or never came to be: the rollout fails. */
  | { readonly do: 'trial-failed'; readonly number: number; readonly generation: number; readonly exit: ProcessExit }
  /** The slot is down for good: what left the group of its processes ends now. */
  | { readonly do: 'end-strays' }
  | { readonly do: 'stop-all'; readonly why: string; readonly code: number | null }
  /** A worker died early, and the others are not to run without it. */
  | { readonly do: 'shut-down'; readonly number: number; readonly generation: number; readonly why: string }
  | {
      readonly do: 'note'
      readonly event: string
      readonly from: string
      readonly to: string
      readonly reason: string
      readonly number: number | null
      readonly generation: number
    }
