// The end of a process in a slot: what is remembered of it, and whether it had done its work.
import { isClean, isFailure, wasCalledBack } from './exit-reason.ts'
import type { Instant, ProcessExit } from './process-state.ts'
import type { Live, SlotContext, SlotState } from './slot-state.ts'

export function lastExitAfter(slot: SlotState, exit: ProcessExit): ProcessExit | null {
  return wasCalledBack(exit) ? slot.lastExit : exit
}

/** Those that got no lock made the waits longer; they are not counted with who died. */
export function failuresBefore(slot: SlotState, exit: ProcessExit): number {
  return slot.lastExit?.gotNoLock && !exit.gotNoLock ? 0 : slot.failures
}

/** A process that leaves by our wish is no failure, and one that was sound ends the row of those before it. */
export function failuresAfter(slot: SlotState, { state, generation }: Live, at: Instant, context: SlotContext): number {
  const { resetAfter } = context.specOf(generation).restart
  const readyAt = 'readyAt' in state ? state.readyAt : null
  return isFailure({ readyAt, at }, resetAfter) ? slot.failures : 0
}

/**
 * A job on trial that ran to its end has proven itself. With `on-failure` it may as well be a server whose new generation
 * exits 0 at boot: what took the place of one that was in service has to get there itself.
 */
export function isDoneJob(slot: SlotState, { generation }: Live, exit: ProcessExit, context: SlotContext): boolean {
  const { when } = context.specOf(generation).restart
  if (when === 'always' || exit.announced || !isClean(exit)) return false
  const before = slot.lastExit
  return when === 'never' || before === null || before.readyAt === null || before.asked?.kind !== 'replace'
}
