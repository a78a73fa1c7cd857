// Deadlines that the worker writes itself, read once a tick.
import type { Millis, ServiceSpec } from '../config/effective.ts'
import type { Instant } from './process-state.ts'

/**
 * What is known of one worker's deadlines. Both are in raw CLOCK_MONOTONIC milliseconds, as the worker wrote them.
 * `shift` is the time during which the supervisor itself did not run since the worker last wrote: so long it could not
 * have been heard, and may itself have been stopped with us.
 */
export interface Vitals {
  readonly heartbeatDeadline: Instant
  readonly requestDeadline: Instant | null
  readonly heartbeatShift: Millis
  readonly requestShift: Millis
}

/** A worker that became ready now, and has said nothing yet. */
export function freshVitals(rawNow: Instant, spec: ServiceSpec): Vitals {
  const heartbeatDeadline = rawNow + (spec.heartbeat?.timeout ?? 0)
  return { heartbeatDeadline, requestDeadline: null, heartbeatShift: 0, requestShift: 0 }
}

/** A new word from the worker, by the slot table (0: none) or by WATCHDOG=1. */
export function heard(vitals: Vitals, heartbeatDeadline: Instant, requestDeadline: Instant | null): Vitals {
  const beat = heartbeatDeadline > vitals.heartbeatDeadline
  const sameRequest = requestDeadline === vitals.requestDeadline
  if (!beat && sameRequest) return vitals
  return {
    heartbeatDeadline: beat ? heartbeatDeadline : vitals.heartbeatDeadline,
    heartbeatShift: beat ? 0 : vitals.heartbeatShift,
    requestDeadline,
    requestShift: sameRequest ? vitals.requestShift : 0,
  }
}

/** The supervisor was stopped for `gap`: every deadline moves by it. */
export function shifted(vitals: Vitals, gap: Millis): Vitals {
  return { ...vitals, heartbeatShift: vitals.heartbeatShift + gap, requestShift: vitals.requestShift + gap }
}

export interface Overdue {
  readonly which: 'heartbeat' | 'request'
  readonly late: Millis
}

/** The first deadline that has passed, if any. */
export function overdue(vitals: Vitals, rawNow: Instant, spec: ServiceSpec): Overdue | null {
  if (spec.heartbeat !== null) {
    const late = rawNow - (vitals.heartbeatDeadline + vitals.heartbeatShift)
    if (late > 0) return { which: 'heartbeat', late }
  }
  if (spec.requestTimeout !== null && vitals.requestDeadline !== null) {
    const late = rawNow - (vitals.requestDeadline + vitals.requestShift)
    if (late > 0) return { which: 'request', late }
  }
  return null
}
