// The planner: compares what a service is with what it should be, and names the next command for one of its slots.
// It keeps no memory of its own; asked again after each command it converges, whatever died meanwhile.
import type { RolloutSpec } from '../config/effective.ts'
import { type Instant, isAskedToStop, type StopReason } from '../lifecycle/process-state.ts'
import type { SlotEvent } from '../lifecycle/slot-event.ts'
import { currentOf, type Live, type SlotState, slotIsUp } from '../lifecycle/slot-state.ts'
import { isRolling, isWanted, mayStart, provenAt, type ServiceState, specOf, wantedSlots } from './service-state.ts'

export interface SlotCommand {
  readonly slot: number
  readonly event: SlotEvent
}

/** The next command, null when there is nothing to do at this moment. */
export function nextCommand(service: ServiceState, at: Instant): SlotCommand | null {
  return (
    bringDownUnwanted(service, at) ??
    callBackSuperseded(service, at) ??
    dropUnwantedComing(service, at) ??
    acceptProven(service, at) ??
    emptyGivenUp(service, at) ??
    fillVacant(service, at) ??
    startSpare(service, at) ??
    replaceOutdated(service, at)
  )
}

/** The process is to be replaced: of another generation than the goal, or older than the restart that was asked for. */
export function isOutdated(service: ServiceState, slot: SlotState, live: Live): boolean {
  if (live.generation !== service.goal) return true
  return isRolling(service.rollout) && live.number < (service.rollout.renewBelow[slot.slot] ?? 0)
}

/** The same for a process of a slot by its number; one that is not there any more is not. */
export function isOutdatedNumber(service: ServiceState, slot: number, number: number): boolean {
  const state = service.slots.find((one) => one.slot === slot)
  if (state === undefined) return false
  const current = currentOf(state.phase)
  const live = [current, state.other?.live].find((one) => one?.number === number)
  return live != null && isOutdated(service, state, live)
}

/** The same for what has ended in the slot. */
export function isEndOutdated(service: ServiceState, slot: SlotState, generation: number): boolean {
  if (generation !== service.goal) return true
  return isRolling(service.rollout) && slot.lastNumber < (service.rollout.renewBelow[slot.slot] ?? 0)
}

/** False for what a rollout of some slots only leaves alone. */
export function isConcerned({ rollout, goal }: ServiceState, slot: SlotState): boolean {
  if (!isRolling(rollout) || Object.keys(rollout.renewBelow).length === 0 || slot.slot in rollout.renewBelow)
    return true
  const live = currentOf(slot.phase)
  return live !== null && live.generation !== goal
}

/** Every wanted slot has what the goal asks for, and nothing is under way. */
export function isConverged(service: ServiceState): boolean {
  return wantedSlots(service).every((slot) => {
    if (!isConcerned(service, slot)) return true
    if (slot.other !== null) return false
    if (slot.phase.is === 'exited') return !isEndOutdated(service, slot, slot.phase.generation)
    return (
      slotIsUp(slot) &&
      slot.phase.is === 'running' &&
      !slot.phase.live.trial &&
      !isOutdated(service, slot, slot.phase.live)
    )
  })
}

/** What the operator stops is told so at once; here is what is left of a scale. */
function bringDownUnwanted(service: ServiceState, at: Instant): SlotCommand | null {
  for (const slot of service.slots) {
    if (isWanted(service, slot.slot) || isBroughtDown(slot)) continue
    return { slot: slot.slot, event: { is: 'stop', at, why: { kind: 'stop', text: 'scaled down' } } }
  }
  return null
}

/** Who still waits for a turn need not be started for a generation that nobody wants any more. */
function callBackSuperseded({ queue, goal, generation: inService }: ServiceState, at: Instant): SlotCommand | null {
  const superseded = queue.find(({ generation }) => generation !== goal && generation !== inService)
  if (superseded === undefined) return null
  const text = `makes room for generation ${goal}`
  return { slot: superseded.slot, event: { is: 'retire', at, why: replaced(text) } }
}

function isBroughtDown({ phase, other }: SlotState): boolean {
  const down = phase.is === 'stopped' || (phase.is === 'stopping' && phase.next === 'down')
  return down && (other === null || isAskedToStop(other.live.state))
}

/** Only a slot whose process is to be replaced may have a successor coming. */
function dropUnwantedComing(service: ServiceState, at: Instant): SlotCommand | null {
  for (const slot of service.slots) {
    if (slot.other?.is !== 'coming') continue
    const current = currentOf(slot.phase)
    const expected =
      slot.other.live.generation === service.goal && current !== null && isOutdated(service, slot, current)
    if (expected && (isRolling(service.rollout) || isGoingBack(service))) continue
    return { slot: slot.slot, event: { is: 'drop-coming', at, why: replaced('the rollout has ended') } }
  }
  return null
}

function acceptProven(service: ServiceState, at: Instant): SlotCommand | null {
  for (const slot of service.slots) {
    const proven = provenAt(service, slot)
    if (proven === null || at < proven) continue
    if (slot.other?.is !== 'coming') return { slot: slot.slot, event: { is: 'settle', at } }
    const why = replaced(`replaced by generation ${slot.other.live.generation}`)
    return { slot: slot.slot, event: { is: 'swap', at, why } }
  }
  return null
}

/** During a rollout an end of the old generation is not the end: the slot is filled with the new one. */
function emptyGivenUp(service: ServiceState, at: Instant): SlotCommand | null {
  const rolling = isRolling(service.rollout)
  if (!rolling && !isGoingBack(service)) return null
  for (const slot of wantedSlots(service)) {
    // A job that has run is not run again because other workers of the new generation failed.
    if (slot.phase.is !== 'fatal' && !(rolling && slot.phase.is === 'exited')) continue
    if (!isEndOutdated(service, slot, slot.phase.generation)) continue
    return { slot: slot.slot, event: { is: 'retire', at, why: replaced(`makes room for generation ${service.goal}`) } }
  }
  return null
}

function fillVacant(service: ServiceState, at: Instant): SlotCommand | null {
  const { rollout, goal, waitsFor } = service
  const cold = isRolling(rollout) && rollout.mode === 'cold'
  const held =
    (cold && service.slots.some((slot) => hasOutdated(service, slot))) ||
    (rollout.is === 'canary' && inProgress(service) > 0)
  for (const slot of wantedSlots(service)) {
    if (slot.phase.is !== 'stopped' && slot.phase.is !== 'waiting') continue
    // A worker that makes room for its successor has been up: a dependency that went away since does not matter.
    const replaced = isRolling(rollout) && slot.lastNumber > 0
    if (waitsFor.length > 0 && !replaced) {
      if (slot.phase.is === 'waiting' && sameNames(slot.phase.on, waitsFor)) continue
      return { slot: slot.slot, event: { is: 'wait', at, on: waitsFor } }
    }
    const trial = isRolling(rollout) && isConcerned(service, slot)
    if (trial && held) continue
    return { slot: slot.slot, event: { is: 'start', at, generation: goal, trial } }
  }
  return null
}

function startSpare(service: ServiceState, at: Instant): SlotCommand | null {
  const spec = specOf(service, service.generation)
  if (surgeUsed(service) >= spec.rollout.maxSurge) return null
  for (const slot of wantedSlots(service)) {
    const live = currentOf(slot.phase)
    if (live === null || live.trial || slot.other !== null || isOutdated(service, slot, live)) continue
    if (slot.phase.is === 'stopping' && slot.phase.next !== 'decide') continue
    const { state } = live
    if (state.is !== 'finishing' && state.is !== 'stopping') continue
    // One that never worked, or not for long, is a failure: its slot waits for the end and the back-off.
    if (state.readyAt === null || at - state.readyAt < spec.restart.resetAfter) continue
    return { slot: slot.slot, event: { is: 'spare', at } }
  }
  return null
}

function replaceOutdated(service: ServiceState, at: Instant): SlotCommand | null {
  const { rollout } = service
  if (!isRolling(rollout) && !isGoingBack(service)) return null
  const bounds = specOf(service, service.goal).rollout
  if (isRolling(rollout) && rollout.mode !== 'rolling') return retireAll(service, rollout.mode, at)
  if (rollout.is === 'canary' && inProgress(service) > 0) return null
  for (const slot of slotsToReplace(service)) {
    const live = replaceable(slot)
    if (live === null || slot.other !== null || !isOutdated(service, slot, live)) continue
    const command = replaceOne(service, slot, live, bounds, at)
    if (command !== null) return command
  }
  return null
}

/** In their order; with mains and standbys the election has the word. */
function slotsToReplace(service: ServiceState): SlotState[] {
  const wanted = wantedSlots(service)
  return service.replaceable?.flatMap((slot) => wanted.filter((one) => one.slot === slot)) ?? wanted
}

function replaceOne(
  service: ServiceState,
  slot: SlotState,
  live: Live,
  bounds: RolloutSpec,
  at: Instant,
): SlotCommand | null {
  const retire: SlotCommand = {
    slot: slot.slot,
    event: { is: 'retire', at, why: replaced(`makes room for generation ${service.goal}`) },
  }
  const leaving = live.state.is === 'finishing'
  const available = isAvailable(service, slot, at)
  if ((available || leaving) && surgeUsed(service) < bounds.maxSurge) {
    if (!mayStart(service, at)) return null
    return { slot: slot.slot, event: { is: 'start-beside', at, generation: service.goal } }
  }
  // One that announced its end works on what it has left, and needs no telling.
  if (leaving) return null
  // Who serves nobody is missed by nobody.
  if (!available) return retire
  const missing = wantedSlots(service).filter((other) => isMissing(service, other, at)).length
  // Its place is not left empty before another one may start in it.
  return missing < bounds.maxUnavailable && mayStart(service, at) ? retire : null
}

function retireAll(service: ServiceState, mode: keyof typeof ALL_STOP, at: Instant): SlotCommand | null {
  for (const slot of wantedSlots(service)) {
    const live = replaceable(slot)
    if (live === null || !isOutdated(service, slot, live)) continue
    return { slot: slot.slot, event: { is: 'retire', at, why: replaced(ALL_STOP[mode]) } }
  }
  return null
}

const ALL_STOP = {
  cold: 'cold restart: all stop, then all start',
  'at-once': 'restart of all at once: each starts again as it ends',
} as const

/** The process in service, unless what follows it is settled already. */
function replaceable({ phase }: SlotState): Live | null {
  return phase.is === 'stopping' && phase.next !== 'decide' ? null : currentOf(phase)
}

/** A failed rollout: slots that were taken from the old generation return to it. */
function isGoingBack(service: ServiceState): boolean {
  return service.rollout.is === 'failed' && service.rollout.converging
}

function hasOutdated(service: ServiceState, slot: SlotState): boolean {
  const live = currentOf(slot.phase)
  return slot.other !== null || (live !== null && isOutdated(service, slot, live))
}

/** Processes beside the ones in service. */
function surgeUsed(service: ServiceState): number {
  return service.slots.filter((slot) => slot.other !== null).length
}

/** Slots in which the rollout has something under way that can still fail. */
function inProgress(service: ServiceState): number {
  return service.slots.filter((slot) => {
    if (slot.other?.is === 'coming') return true
    const live = currentOf(slot.phase)
    if (live === null) return false
    const onTrial = live.trial && !isOutdated(service, slot, live)
    return onTrial || (slot.phase.is === 'stopping' && slot.phase.next === 'vacant')
  }).length
}

function isAvailable(service: ServiceState, slot: SlotState, at: Instant): boolean {
  if (!slotIsUp(slot)) return false
  const proven = provenAt(service, slot)
  return slot.other?.is === 'coming' || proven === null || at >= proven
}

/** What has ended or is given up does not come back by waiting for it. */
function isMissing(service: ServiceState, slot: SlotState, at: Instant): boolean {
  return slot.phase.is !== 'exited' && slot.phase.is !== 'fatal' && !isAvailable(service, slot, at)
}

function replaced(text: string): StopReason {
  return { kind: 'replace', text }
}

function sameNames(a: readonly string[], b: readonly string[]): boolean {
  return a.length === b.length && a.every((name, index) => name === b[index])
}
