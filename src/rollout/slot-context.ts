// What a slot is told of its service, for one step.
import type { Instant } from '../lifecycle/process-state.ts'
import type { SlotContext, SlotState } from '../lifecycle/slot-state.ts'
import { earlyDeathCase } from './early-death-case.ts'
import { mayStart, type ServiceState, specOf } from './service-state.ts'
import { isQueued } from './turns.ts'

export function slotContext(service: ServiceState, slot: SlotState, at: Instant, random: number): SlotContext {
  return {
    specOf: (generation) => specOf(service, generation),
    generation: service.generation,
    random,
    // One that the step itself asks for is not in the queue yet.
    waitsForTurn: (number) =>
      number > slot.lastNumber ? !mayStart(service, at) : isQueued(service, slot.slot, number),
    earlyDeathCase: (live) => earlyDeathCase(service, slot, live),
  }
}
