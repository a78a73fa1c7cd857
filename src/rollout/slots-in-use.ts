// Slots come when they are wanted, and go when they are empty; the specs of their processes with them.
import type { Instant } from '../lifecycle/process-state.ts'
import { currentOf, emptySlot, type SlotState } from '../lifecycle/slot-state.ts'
import type { ServiceState } from './service-state.ts'

/** Makes the slots that are wanted; those that are not go when they are empty (`forgetUnused`). */
export function withSlots(service: ServiceState, at: Instant): ServiceState {
  if (service.wanted === 'down' || service.slots.length >= service.desired) return service
  const slots = [...service.slots]
  while (slots.length < service.desired) slots.push({ ...emptySlot(slots.length, at), lastNumber: service.numbersUsed })
  return { ...service, slots }
}

/** Drops empty slots beyond the number wanted, and specs that no process was started from. */
export function forgetUnused(service: ServiceState): ServiceState {
  return forgetSpecs(forgetSlots(service))
}

function forgetSlots(service: ServiceState): ServiceState {
  let length = service.slots.length
  while (length > service.desired && isEmpty(service.slots[length - 1])) length--
  if (length === service.slots.length) return service
  const numbersUsed = Math.max(service.numbersUsed, ...service.slots.slice(length).map((slot) => slot.lastNumber))
  return { ...service, slots: service.slots.slice(0, length), numbersUsed }
}

function forgetSpecs(service: ServiceState): ServiceState {
  const used = new Set([service.generation, service.goal])
  for (const slot of service.slots) {
    const live = currentOf(slot.phase)
    if (live !== null) used.add(live.generation)
    if (slot.other !== null) used.add(slot.other.live.generation)
  }
  const isUsed = (generation: string): boolean => used.has(Number(generation))
  if (Object.keys(service.specs).every(isUsed)) return service
  const specs = Object.fromEntries(Object.entries(service.specs).filter(([generation]) => isUsed(generation)))
  return { ...service, specs }
}

function isEmpty(slot: SlotState | undefined): boolean {
  return slot?.phase.is === 'stopped' && slot.other === null
}
