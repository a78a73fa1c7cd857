import type { Instant } from '../lifecycle/process-state.ts'
import type { ContenderEffect, ContenderEvent, Stranger } from './contender-event.ts'

export type ElectionEvent =
  /** lifecycle wants a process of this number for the worker. */
  | { readonly is: 'enter'; readonly at: Instant; readonly worker: number; readonly number: number }
  | {
      readonly is: 'contender'
      readonly at: Instant
      readonly worker: number
      readonly number: number
      readonly event: ContenderEvent
    }
  /** The answer to `look-at-slot`: who holds it that is none of ours. */
  | { readonly is: 'slot-seen'; readonly at: Instant; readonly slot: number; readonly heldBy: readonly Stranger[] }
  | { readonly is: 'tick'; readonly at: Instant }

export type ElectionEffect =
  | {
      readonly do: 'contender'
      readonly worker: number
      readonly number: number
      readonly effect: ContenderEffect
    }
  /** Answered by `slot-seen`. */
  | { readonly do: 'look-at-slot'; readonly slot: number }
