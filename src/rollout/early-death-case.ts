// What the early death of a worker would be at this moment: `earlyDeath` has an answer to each.
import type { EarlyDeathCase } from '../lifecycle/early-death.ts'
import { type Live, type SlotState, slotHasEnded } from '../lifecycle/slot-state.ts'
import { isConcerned, isOutdated } from './reconcile.ts'
import { isRolling, type ServiceState } from './service-state.ts'

export function earlyDeathCase(service: ServiceState, slot: SlotState, live: Live): EarlyDeathCase {
  const isNew = isRolling(service.rollout) && isConcerned(service, slot) && !isOutdated(service, slot, live)
  return isNew ? 'newGeneration' : oldCase(service)
}

/** False where all that is there has ended: what starts from then on boots anew. */
export function hasServedSoFar({ hasServed, slots }: ServiceState): boolean {
  return (
    hasServed &&
    !slots.every(({ phase, other }) => other === null && (phase.is === 'stopped' || slotHasEnded({ phase })))
  )
}

/** Of one that no rollout has started. */
export function oldCase({ hasServed }: ServiceState): EarlyDeathCase {
  return hasServed ? 'steady' : 'firstBoot'
}
