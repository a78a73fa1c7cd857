// How one process of a slot is ended that may be its current one or the other one, without a word to the one beside it.
import type { Instant } from '../lifecycle/process-state.ts'
import type { SlotEvent } from '../lifecycle/slot-event.ts'
import type { SlotState } from '../lifecycle/slot-state.ts'

export interface StopOne {
  readonly at: Instant
  readonly text: string
  /** At once. */
  readonly force: boolean
}

export function eventsToStop({ other }: SlotState, number: number, { at, text, force }: StopOne): SlotEvent[] {
  const why = { kind: 'replace', text } as const
  const kill: SlotEvent[] = force ? [{ is: 'process', at, number, event: { is: 'kill', at, why } }] : []
  if (other?.live.number !== number) return force ? kill : [{ is: 'retire', at, why }]
  // A predecessor is on its way out already.
  return other.is === 'coming' ? [{ is: 'drop-coming', at, why }, ...kill] : kill
}
