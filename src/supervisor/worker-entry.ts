import type { SlotEffect } from '../lifecycle/slot-event.ts'
import type { ServiceEffect } from '../rollout/service-event.ts'
import type { JournalEntry } from './engine-api.ts'
import type { LaunchRequest } from './prepare-spawn.ts'
import type { ServiceRuntime } from './service-runtime.ts'

/** What the journal says of a change of one worker. */
export function workerEntry(
  service: ServiceRuntime,
  slot: number,
  { event, from, to, reason, generation, number }: SlotEffect & { do: 'note' },
): Omit<JournalEntry, 'at' | 'seq'> {
  const { name } = service.state
  const pid = number === null ? undefined : service.slots.get(slot)?.processes.get(number)?.pid
  const known = pid == null ? {} : { pid }
  return { kind: 'worker', service: name, worker: `${name}/${slot}`, ...known, generation, from, to, event, reason }
}

/** Of a change of the service as a whole. */
export function rolloutEntry(
  service: string,
  { event, from, to, slot, reason, generation }: ServiceEffect & { do: 'rollout-note' },
): Omit<JournalEntry, 'at' | 'seq'> {
  const worker = slot === null ? {} : { worker: `${service}/${slot}` }
  return { kind: 'rollout', service, ...worker, event, from, to, reason, generation }
}

/** What it says of one that has no process yet. */
export function requestEntry(
  { service, slot, generation }: LaunchRequest,
  event: string,
  reason: string,
): Omit<JournalEntry, 'at' | 'seq'> {
  const { name } = service.state
  return { kind: 'worker', service: name, worker: `${name}/${slot}`, generation, event, reason }
}

/** @param gap milliseconds */
export function gapEntry(gap: number): Omit<JournalEntry, 'at' | 'seq'> {
  const reason = `the supervisor did not run for ${(gap / 1000).toFixed(1)}s; all deadlines move by that`
  return { kind: 'supervisor', event: 'gap', reason }
}
