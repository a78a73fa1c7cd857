// A service: its slots, the generation in service and the one it converges to.
import type { ServiceSpec } from '../config/effective.ts'
import { earliest, type Instant } from '../lifecycle/process-state.ts'
import { deadlineOfSlot, type SlotState, slotServes } from '../lifecycle/slot-state.ts'
import { type LastStart, nextTurn, type QueuedStart } from './pace.ts'

export type Rollout =
  | { readonly is: 'stable' }
  /** `canary`: the first replacement alone has to prove itself. */
  | ({ readonly is: 'canary' | 'rolling' } & RolloutInProgress)
  /** `converging`: what was taken still goes back to the old spec. */
  | {
      readonly is: 'failed'
      readonly at: Instant
      readonly reason: string
      readonly step: string
      readonly slot: number | null
      readonly generation: number
      readonly converging: boolean
    }
  | { readonly is: 'cancelled'; readonly at: Instant; readonly reason: string }

/** `cold`: stop all, then start. `at-once`: stop all, and start each again as it ends. */
export type RolloutMode = 'rolling' | 'cold' | 'at-once'

export interface RolloutInProgress {
  readonly since: Instant
  readonly deadline: Instant
  readonly mode: RolloutMode
  readonly cause: string
  /** Processes numbered below this are to be replaced, by slot; a slot that is not named has none of the goal's generation. */
  readonly renewBelow: Readonly<Record<number, number>>
}

export interface ServiceState {
  readonly name: string
  /** By generation; those of which a process may still be alive. */
  readonly specs: Readonly<Record<number, ServiceSpec>>
  /** In service: a slot that crashes starts again with it. */
  readonly generation: number
  /** What the service converges to. Differs from `generation` only during a rollout. */
  readonly goal: number
  /** The newest generation there ever was, failed ones too. */
  readonly lastGeneration: number
  /** Workers wanted. */
  readonly desired: number
  readonly wanted: 'up' | 'down'
  /** Slots that the operator stopped one by one. */
  readonly stoppedSlots: readonly number[]
  /** Dependencies that are not met yet, empty: may start. */
  readonly waitsFor: readonly string[]
  readonly slots: readonly SlotState[]
  /** Highest process number in slots that are no more. New slots count on from it: no two processes ever share a name. */
  readonly numbersUsed: number
  readonly rollout: Rollout
  /** First come, first served: processes that are spawned when their turn has come (`pace`). */
  readonly queue: readonly QueuedStart[]
  /** Null: there was none, or so long ago that the next one need not wait. */
  readonly lastStart: LastStart | null
  /** A worker of it has been ready since it was started. */
  readonly hasServed: boolean
  /**
   * Workers whose process the election of mains lets go now, the first one first; null: there is no election, and all may. As it was
   * after the last event: who is taken is not in the next list.
   */
  readonly replaceable: readonly number[] | null
}

export function newService(spec: ServiceSpec, generation: number): ServiceState {
  return {
    name: spec.name,
    specs: { [generation]: spec },
    generation,
    goal: generation,
    lastGeneration: generation,
    desired: spec.instances,
    wanted: 'down',
    stoppedSlots: [],
    waitsFor: [],
    slots: [],
    numbersUsed: 0,
    rollout: { is: 'stable' },
    queue: [],
    lastStart: null,
    hasServed: false,
    replaceable: spec.slots === null ? null : [],
  }
}

/** The rules in force for the service as a whole. @throws if the generation is unknown, which is a bug. */
export function specOf(service: ServiceState, generation: number): ServiceSpec {
  const spec = service.specs[generation]
  if (spec === undefined) throw new Error(`${service.name}: no spec of generation ${generation} (bug)`)
  return spec
}

export function isRolling(rollout: Rollout): rollout is Extract<Rollout, { is: 'canary' | 'rolling' }> {
  return rollout.is === 'canary' || rollout.is === 'rolling'
}

/** The slot is meant to have a worker. */
export function isWanted(service: ServiceState, slot: number): boolean {
  return service.wanted === 'up' && slot < service.desired && !service.stoppedSlots.includes(slot)
}

export function wantedSlots(service: ServiceState): SlotState[] {
  return service.slots.filter((slot) => isWanted(service, slot.slot))
}

export function readyCount(service: ServiceState): number {
  return wantedSlots(service).filter(slotServes).length
}

/** Nothing runs and nothing will start by itself. */
export function isDown(service: ServiceState): boolean {
  return service.slots.every((slot) => slot.phase.is === 'stopped' && slot.other === null)
}

/** When the service wants a `tick`: the earliest deadline of its slots, its rollout, of workers on trial, and the next turn. */
export function deadlineOfService(service: ServiceState): Instant | null {
  let due: Instant | null = isRolling(service.rollout) ? service.rollout.deadline : null
  for (const slot of service.slots) due = earliest(earliest(due, deadlineOfSlot(slot)), provenAt(service, slot))
  return wantsTurn(service) ? earliest(due, turnOf(service)) : due
}

/** A replacement is only asked for when its turn has come: what dies meanwhile goes first. */
function wantsTurn({ queue, rollout }: ServiceState): boolean {
  return queue.length > 0 || isRolling(rollout) || rollout.is === 'failed'
}

/** When the next process may be spawned, null: at once. Past only while a step is under way. */
export function turnOf(service: ServiceState): Instant | null {
  return nextTurn(service.lastStart, specOf(service, service.goal).pace)
}

/** A process asked for now would be spawned in this step. */
export function mayStart(service: ServiceState, at: Instant): boolean {
  const turn = turnOf(service)
  return service.queue.length === 0 && (turn === null || at >= turn)
}

/** When the turn of the slot's process comes, as far as it can be told; null: it does not wait for one. */
export function expectedTurn(service: ServiceState, slot: number): Instant | null {
  const before = service.queue.findIndex((one) => one.slot === slot)
  const turn = turnOf(service)
  return before < 0 || turn === null ? null : turn + before * specOf(service, service.goal).pace.interval
}

/** When the slot's worker on trial will have been ready for `minReady`; null: none is, or it is not ready yet. */
export function provenAt(service: ServiceState, slot: SlotState): Instant | null {
  const live =
    slot.other?.is === 'coming'
      ? slot.other.live
      : slot.phase.is === 'running' && slot.phase.live.trial
        ? slot.phase.live
        : null
  if (live?.state.is === 'parked') return live.state.since
  if (live === null || (live.state.is !== 'ready' && live.state.is !== 'reloading')) return null
  return live.state.readyAt + specOf(service, live.generation).rollout.minReady
}
