import type { ServiceEvent } from '../rollout/service-event.ts'

/** An event without what every event has. */
export type Happening = ServiceEvent extends infer E
  ? E extends ServiceEvent
    ? Omit<E, 'at' | 'random'>
    : never
  : never

const BRINGS_UP: ReadonlySet<string> = new Set(['start', 'restart', 'deploy', 'scale'])

/** Whether processes may be started because of it. */
export function bringsUp({ is }: Happening): boolean {
  return BRINGS_UP.has(is)
}
