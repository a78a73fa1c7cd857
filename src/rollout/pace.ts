// Starts of one service, one after the other (`pace`): when the next one may be.
import type { Millis, PaceSpec } from '../config/effective.ts'
import type { Instant } from '../lifecycle/process-state.ts'

/** A process that its slot has asked for, and nobody has spawned yet. */
export interface QueuedStart {
  readonly slot: number
  readonly number: number
  readonly generation: number
  /** Not to be spawned in the step that asked for it. */
  readonly late: boolean
}

/** Of the newest process that was spawned, with the random number that says how far its successor is away. */
export interface LastStart {
  readonly at: Instant
  readonly random: number
}

/** By the pace as it is now, not as it was at the last start. Null: at once. */
export function nextTurn(last: LastStart | null, pace: PaceSpec): Instant | null {
  return last === null || pace.interval === 0 ? null : last.at + variedInterval(pace, last.random)
}

/** The interval ± jitter; never less than a millisecond, whatever the dice say. */
export function variedInterval({ interval, jitter }: PaceSpec, random: number): Millis {
  return Math.max(1, Math.round(interval * (1 + jitter * (2 * random - 1))))
}

/** What so many starts take at most. */
export function longestPace({ interval, jitter }: PaceSpec, starts: number): Millis {
  return Math.ceil(starts * interval * (1 + jitter))
}
