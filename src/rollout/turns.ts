// The queue of those that wait for their turn.
import type { Instant } from '../lifecycle/process-state.ts'
import type { QueuedStart } from './pace.ts'
import { mayStart, type ServiceState, specOf, turnOf } from './service-state.ts'

export function isQueued({ queue }: ServiceState, slot: number, number: number): boolean {
  return queue.some((one) => one.slot === slot && one.number === number)
}

/** At the end of the queue. Null: there is no pace, and it is spawned at once. */
export function withQueued(
  service: ServiceState,
  at: Instant,
  start: Pick<QueuedStart, 'slot' | 'number' | 'generation'>,
): ServiceState | null {
  if (specOf(service, service.goal).pace.interval === 0) return null
  return { ...service, queue: [...service.queue, { ...start, late: !mayStart(service, at) }] }
}

export function withoutQueued(service: ServiceState, slot: number, number: number): ServiceState {
  return { ...service, queue: service.queue.filter((one) => one.slot !== slot || one.number !== number) }
}

/** Those whose turn has come: one, or all where there is no pace any more. */
export function takeTurns(
  service: ServiceState,
  at: Instant,
  random: number,
): readonly [ServiceState, readonly QueuedStart[]] {
  const { queue, lastStart, goal } = service
  const turn = turnOf(service)
  if ((turn !== null && at < turn) || (queue.length === 0 && lastStart === null)) return [service, []]
  const paced = specOf(service, goal).pace.interval > 0
  const due = paced ? queue.slice(0, 1) : queue
  const started = paced && due.length > 0 ? { at, random } : null
  return [{ ...service, queue: queue.slice(due.length), lastStart: started }, due]
}
