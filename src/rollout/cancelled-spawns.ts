import type { SlotEffect } from '../lifecycle/slot-event.ts'
import type { ServiceEffect } from './service-event.ts'

/** What is started and called back within one step is never started at all. */
export function withoutCancelledSpawns(effects: readonly ServiceEffect[]): readonly ServiceEffect[] {
  const spawned = new Set<string>()
  const cancelled = new Set<string>()
  for (const { slot, effect } of effects.filter((effect) => effect.do === 'slot')) {
    const name = processOf(slot, effect)
    if (effect.do === 'spawn') spawned.add(name)
    else if (isCancellation(effect) && spawned.has(name)) cancelled.add(name)
  }
  if (cancelled.size === 0) return effects
  return effects.filter((effect) => effect.do !== 'slot' || !cancelled.has(processOf(effect.slot, effect.effect)))
}

function isCancellation(effect: SlotEffect): boolean {
  return effect.do === 'process' && effect.effect.do === 'cancel-spawn'
}

/** Empty for effects that are not for one process. */
function processOf(slot: number, effect: SlotEffect): string {
  return effect.do === 'spawn' || effect.do === 'process' ? `${slot}/${effect.number}` : ''
}
