// Whether an operation on a service has come to its end, and how: read off the state, never kept.
import { describeExit } from '../lifecycle/exit-reason.ts'
import type { SlotState } from '../lifecycle/slot-state.ts'
import { slotIsUp } from '../lifecycle/slot-state.ts'
import { unmetDependencies } from '../rollout/dependencies.ts'
import { isRolling, isWanted, readyCount, type ServiceState, specOf, wantedSlots } from '../rollout/service-state.ts'
import type { ServiceOutcome } from './engine-api.ts'
import type { ServiceRuntime } from './service-runtime.ts'

/** Null: not yet. */
export type OutcomeSoFar = ServiceOutcome | null

export function startOutcome(runtime: ServiceRuntime, slots: readonly number[] | null): OutcomeSoFar {
  const { state } = runtime
  const concerned = wantedSlots(state).filter((slot) => slots === null || slots.includes(slot.slot))
  if (concerned.length === 0 && (state.wanted === 'down' || state.desired > 0)) {
    return { service: state.name, ok: false, message: 'stopped meanwhile' }
  }
  const failed = concerned.find((slot) => isGivingUp(slot))
  if (failed !== undefined) return failure(runtime, failed, `start of ${state.name}/${failed.slot}`)
  const done = concerned.every((slot) => slotIsUp(slot) || (slot.phase.is === 'exited' && slot.phase.clean))
  if (!done) return null
  const ended = concerned.length > 0 && concerned.every((slot) => slot.phase.is === 'exited')
  return { service: state.name, ok: true, message: ended ? 'ended as it should' : `${count(concerned.length)} ready` }
}

type RuntimeOf = (name: string) => ServiceRuntime | undefined

/** A service that waits for one that does not come up does not come up either. Null: it need not wait in vain. */
export function blockedOutcome(runtime: ServiceRuntime, runtimeOf: RuntimeOf): OutcomeSoFar {
  const { state } = runtime
  const waiting = wantedSlots(state).find((slot) => slot.phase.is === 'waiting')
  if (waiting === undefined) return null
  for (const name of unmetOf(state, runtimeOf)) {
    const dependency = runtimeOf(name)
    if (dependency === undefined) continue
    const outcome = startOutcome(dependency, null) ?? blockedOutcome(dependency, runtimeOf)
    if (outcome === null || outcome.ok) continue
    const message = `${state.name}/${waiting.slot} waits for ${name}, which does not come up`
    const { step = `start of ${name}`, reason = outcome.message } = outcome
    return { service: state.name, ok: false, message, step, reason }
  }
  return null
}

function unmetOf(state: ServiceState, runtimeOf: RuntimeOf): string[] {
  const { dependsOn } = specOf(state, state.generation)
  return Object.entries(dependsOn)
    .filter(([name, on]) => unmetDependencies({ dependsOn: { [name]: on } }, (of) => runtimeOf(of)?.state).length > 0)
    .map(([name]) => name)
}

export function stopOutcome(runtime: ServiceRuntime, slots: readonly number[] | null): OutcomeSoFar {
  const { state } = runtime
  const concerned = state.slots.filter((slot) => slots === null || slots.includes(slot.slot))
  if (concerned.some((slot) => isWanted(state, slot.slot))) {
    return { service: state.name, ok: false, message: 'started again meanwhile' }
  }
  const down = concerned.every((slot) => slot.phase.is === 'stopped' && slot.other === null)
  if (!down || runtime.strays > 0) return null
  return { service: state.name, ok: true, message: 'stopped' }
}

export function rolloutOutcome(runtime: ServiceRuntime): OutcomeSoFar {
  const { state } = runtime
  const { rollout, name } = state
  if (isRolling(rollout)) return null
  switch (rollout.is) {
    case 'stable':
      return {
        service: name,
        ok: true,
        message: `restarted, ${count(wantedSlots(state).length)} ready (generation ${state.generation})`,
      }
    case 'cancelled':
      return { service: name, ok: false, message: `restart ${rollout.reason}` }
    case 'failed': {
      const { step, reason, slot, generation } = rollout
      const lastOutput = slot === null ? [] : (runtime.slots.get(slot)?.lastOutput ?? [])
      const { maxSurge } = specOf(state, state.generation).rollout
      // Without surge the place of one of the old ones was taken first.
      const rest =
        maxSurge > 0 ? `generation ${state.generation} stays in service` : `back to generation ${state.generation}`
      const message = `generation ${generation} failed; ${rest}`
      return { service: name, ok: false, message, step, reason, lastOutput }
    }
  }
}

export function scaleOutcome(runtime: ServiceRuntime): OutcomeSoFar {
  const { state } = runtime
  const failed = wantedSlots(state).find(isGivingUp)
  if (failed !== undefined) return failure(runtime, failed, `start of ${state.name}/${failed.slot}`)
  const settled = wantedSlots(state).every((slot) => slotIsUp(slot) || slot.phase.is === 'exited')
  const gone = state.slots.every(
    (slot) => isWanted(state, slot.slot) || (slot.phase.is === 'stopped' && slot.other === null),
  )
  if (!settled || !gone || runtime.strays > 0) return null
  return { service: state.name, ok: true, message: `${readyCount(state)} of ${count(state.desired)} ready` }
}

export function count(workers: number): string {
  return workers === 1 ? '1 worker' : `${workers} workers`
}

/** It is not trying any more, or only after a pause. */
function isGivingUp(slot: SlotState): boolean {
  // Again for as long as the first time: the operator need not wait for all the attempts.
  const bootTimedOut = slot.failures > 0 && slot.lastExit?.asked?.kind === 'boot-timeout'
  if (slot.phase.is === 'starting' && bootTimedOut) return true
  return slot.phase.is === 'backoff' || slot.phase.is === 'fatal' || (slot.phase.is === 'exited' && !slot.phase.clean)
}

function failure(runtime: ServiceRuntime, slot: SlotState, step: string): ServiceOutcome {
  const ended = slot.lastExit === null ? 'it did not start' : describeExit(slot.lastExit)
  const reason = slot.phase.is === 'fatal' ? slot.phase.why : ended
  const next = slot.phase.is === 'backoff' || slot.phase.is === 'starting' ? 'it goes on trying' : 'it is given up'
  const lastOutput = runtime.slots.get(slot.slot)?.lastOutput ?? []
  return {
    service: runtime.state.name,
    ok: false,
    message: `${runtime.state.name}/${slot.slot} does not come up; ${next}`,
    step,
    reason,
    lastOutput,
  }
}
