import type { ServiceEvent } from '../rollout/service-event.ts'

/** An event without what every event has. */
export type Happening = ServiceEvent extends infer E
  ? E extends ServiceEvent
    ? Omit<E, 'at' | 'random'>
    : never
  : never
