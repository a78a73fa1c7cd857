import type { ServiceSpec } from '../config/effective.ts'
import type { Instant, StopReason } from '../lifecycle/process-state.ts'
import type { SlotEffect, SlotEvent } from '../lifecycle/slot-event.ts'
import type { RolloutMode } from './service-state.ts'

/** `random` (0 to 1) comes in with the event: the core has no generator of its own. */
export type ServiceEvent = { readonly at: Instant; readonly random: number } & (
  | { readonly is: 'start'; readonly slots: readonly number[] | null }
  | ({ readonly is: 'stop'; readonly slots: readonly number[] | null } & Omit<StopReason, 'kind'>)
  | { readonly is: 'scale'; readonly desired: number }
  /** Replace every worker (or those of `slots`, then without a new generation). */
  | {
      readonly is: 'restart'
      readonly slots: readonly number[] | null
      readonly mode: RolloutMode
      readonly cause: string
    }
  /** Another spec. `renew`: it needs new processes; otherwise the rules change under the running ones. */
  | { readonly is: 'deploy'; readonly spec: ServiceSpec; readonly renew: boolean; readonly desired: number }
  | { readonly is: 'reload'; readonly slots: readonly number[] | null }
  | { readonly is: 'hurry' }
  | { readonly is: 'kill'; readonly text: string }
  | { readonly is: 'gate'; readonly waitsFor: readonly string[] }
  /** The election of mains says who may be replaced now. */
  | { readonly is: 'replaceable'; readonly slots: readonly number[] }
  | { readonly is: 'slot'; readonly slot: number; readonly event: SlotEvent }
  | { readonly is: 'tick' }
)

export type ServiceEventName = ServiceEvent['is']
export type ServiceEventOf<E extends ServiceEventName> = Extract<ServiceEvent, { is: E }>

export type ServiceEffect =
  | { readonly do: 'slot'; readonly slot: number; readonly effect: SlotEffect }
  | {
      readonly do: 'rollout-note'
      readonly event: string
      readonly from: string
      readonly to: string
      /** Of the worker that it is about; null: it is about the service as a whole. */
      readonly slot: number | null
      readonly reason: string
      readonly generation: number
    }
