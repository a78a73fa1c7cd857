// What the operator may do with main and standby.
import { HoldfastError } from '../errors/holdfast-error.ts'
import type { Interpreter } from './interpreter.ts'
import type { ResolvedTarget } from './targets.ts'

/** The main that is to make room, of each service. @throws HoldfastError HF_FAILOVER_REFUSED: nothing was done */
export function switchesOf({ elections }: Interpreter, targets: readonly ResolvedTarget[]): ResolvedTarget[] {
  return targets.map(({ service }) => {
    const plan = elections.planSwitch(service)
    if (plan.is === 'refused') throw new HoldfastError('HF_FAILOVER_REFUSED', { service, why: plan.why })
    return { service, slots: [plan.worker] }
  })
}

/** @throws HoldfastError HF_SLOTS_FIXED: how many there are is settled by mains and standbys. */
export function refuseSlots({ services }: Interpreter, targets: readonly ResolvedTarget[]): void {
  const fixed = targets.find(({ service }) => services.get(service)?.state.replaceable != null)
  if (fixed !== undefined) throw new HoldfastError('HF_SLOTS_FIXED', { service: fixed.service })
}
