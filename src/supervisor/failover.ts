// What the operator may do with main and standby.
import { HoldfastError } from '../errors/holdfast-error.ts'
import { isStopped } from '../os/process-identity.ts'
import type { Interpreter } from './interpreter.ts'
import type { ResolvedTarget } from './targets.ts'

/** The main that is to make room, of each service; or the workers that are named, each of which has to be one. @throws HoldfastError HF_FAILOVER_REFUSED: nothing was done */
export function switchesOf({ elections, services }: Interpreter, targets: readonly ResolvedTarget[]): ResolvedTarget[] {
  return targets.map(({ service, slots }) => {
    const workers = (slots ?? [null]).map((worker) => {
      const plan = elections.planSwitch(service, worker)
      if (plan.is === 'refused') throw new HoldfastError('HF_FAILOVER_REFUSED', { service, why: plan.why })
      const follower = services.get(service)?.slots.get(plan.follower)?.processes.values() ?? []
      const stopped = [...follower].find(({ pid }) => pid !== null && isStopped(pid))
      // It would get the slot, and do nothing with it.
      if (stopped !== undefined) {
        const why = `its standby ${service}/${plan.follower} (pid ${stopped.pid}) is stopped, by SIGSTOP or a debugger`
        throw new HoldfastError('HF_FAILOVER_REFUSED', { service, why })
      }
      return plan.worker
    })
    return { service, slots: workers }
  })
}

/** @throws HoldfastError HF_SLOTS_FIXED: how many there are is settled by mains and standbys. */
export function refuseSlots({ services }: Interpreter, targets: readonly ResolvedTarget[]): void {
  const fixed = targets.find(({ service }) => services.get(service)?.state.replaceable != null)
  if (fixed !== undefined) throw new HoldfastError('HF_SLOTS_FIXED', { service: fixed.service })
}
