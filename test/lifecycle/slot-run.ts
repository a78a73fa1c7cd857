// A slot taken through several events.
import type { ProcessEvent } from '../../src/lifecycle/process-event.ts'
import type { SlotEffect, SlotEvent } from '../../src/lifecycle/slot-event.ts'
import type { SlotContext, SlotState } from '../../src/lifecycle/slot-state.ts'
import { stepSlot } from '../../src/lifecycle/slot-transition.ts'

export const at = 5_000

export function run(slot: SlotState, context: SlotContext, ...events: SlotEvent[]): [SlotState, SlotEffect[]] {
  let now = slot
  const effects: SlotEffect[] = []
  for (const event of events) {
    const [next, more] = stepSlot(now, event, context)
    now = next
    effects.push(...more)
  }
  return [now, effects]
}

export const happens = (number: number, event: ProcessEvent): SlotEvent => ({
  is: 'process',
  at: event.at,
  number,
  event,
})
export const dies = (number: number, code = 1, when = at): SlotEvent =>
  happens(number, { is: 'exited', at: when, code, signal: null, leftover: false })

/** What is done to processes, without the notes: `1: signal TERM`, `spawn 2`. */
export function deeds(effects: readonly SlotEffect[]): string[] {
  return effects.flatMap((effect) => {
    if (effect.do === 'note') return []
    if (effect.do === 'spawn') return [`spawn ${effect.number} of generation ${effect.generation}`]
    if (effect.do !== 'process') return [effect.do]
    const { effect: inner } = effect
    return [`${effect.number}: ${inner.do === 'signal' ? `signal ${inner.signal}` : inner.do}`]
  })
}
