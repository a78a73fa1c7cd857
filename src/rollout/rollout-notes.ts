// What a step of a rollout looks like in the journal: from, to, and the cause in words.
import type { Instant } from '../lifecycle/process-state.ts'
import type { ServiceEffect } from './service-event.ts'
import { isRolling, type Rollout, type ServiceState } from './service-state.ts'

/** Null: the rollout is where it was. */
export function noteOnRollout(before: Rollout, service: ServiceState): ServiceEffect | null {
  const { rollout } = service
  if (rollout.is === before.is && beginningOf(rollout) === beginningOf(before)) return null
  const [reason, generation] = causeOf(before, service)
  return { do: 'rollout-note', event: 'rollout', from: before.is, to: rollout.is, slot: null, reason, generation }
}

/** And the generation that it is about. */
function causeOf(before: Rollout, { rollout, generation, goal }: ServiceState): readonly [string, number] {
  switch (rollout.is) {
    case 'stable':
      return [outcome(before), generation]
    case 'canary':
      return [`${rollout.cause}; the first replacement has to prove itself`, goal]
    case 'rolling':
      return [rollout.cause, goal]
    case 'failed':
      return [`${rollout.step}: ${rollout.reason}`, rollout.generation]
    case 'cancelled':
      return [rollout.reason, generation]
  }
}

/** Of a rollout that has converged. */
function outcome(rollout: Rollout): string {
  const some = isRolling(rollout) && Object.keys(rollout.renewBelow).length > 0
  return some ? 'the workers that were named are restarted' : 'every worker is of the new generation'
}

function beginningOf(rollout: Rollout): Instant | null {
  return 'since' in rollout ? rollout.since : 'at' in rollout ? rollout.at : null
}
