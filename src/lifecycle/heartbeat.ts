// Deadlines that the worker writes itself, read once a tick.
import type { Millis, ServiceSpec } from '../config/effective.ts'
import type { Instant } from './process-state.ts'

/**
 * What is known of one worker's deadlines. Both are in raw CLOCK_MONOTONIC milliseconds, as the worker wrote them.
 * A shift is the time during which the supervisor itself did not run since the worker last wrote: so long it could not
 * have been heard, and may itself have been stopped with us.
 */
export interface Vitals {
  readonly heartbeatDeadline: Instant
  readonly requestDeadline: Instant | null
  readonly heartbeatShift: Millis
  readonly requestShift: Millis
  /** Gaps since we last looked: a word found at the next look may have been written before them. */
  readonly gapSinceLook: Millis
}

/** A worker that became ready now, and has said nothing yet. */
export function freshVitals(rawNow: Instant, spec: ServiceSpec): Vitals {
  const heartbeatDeadline = rawNow + (spec.heartbeat?.timeout ?? 0)
  return { heartbeatDeadline, requestDeadline: null, heartbeatShift: 0, requestShift: 0, gapSinceLook: 0 }
}

/** A look at what the worker says, in the slot table (0: none) or by WATCHDOG=1; call it also when nothing is new. */
export function heard(vitals: Vitals, heartbeatDeadline: Instant, requestDeadline: Instant | null): Vitals {
  const request = requestDeadline === 0 ? null : requestDeadline
  const beat = heartbeatDeadline > vitals.heartbeatDeadline
  const sameRequest = request === vitals.requestDeadline
  const { gapSinceLook } = vitals
  if (!beat && sameRequest && gapSinceLook === 0) return vitals
  return {
    heartbeatDeadline: beat ? heartbeatDeadline : vitals.heartbeatDeadline,
    heartbeatShift: beat ? gapSinceLook : vitals.heartbeatShift,
    requestDeadline: request,
    requestShift: sameRequest ? vitals.requestShift : gapSinceLook,
    gapSinceLook: 0,
  }
}

/** The supervisor was stopped for `gap`: every deadline moves by it, those not read yet too. */
export function shifted(vitals: Vitals, gap: Millis): Vitals {
  return {
    ...vitals,
    heartbeatShift: vitals.heartbeatShift + gap,
    requestShift: vitals.requestShift + gap,
    gapSinceLook: vitals.gapSinceLook + gap,
  }
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
