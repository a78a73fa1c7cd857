// One process of a service with `slots`, from the wish to start it until nothing of it is left: does it hold a main slot?
//
// How election is joined with its neighbours (it starts, stops, restarts and counts nothing by itself):
//
// - A contender is one process of a worker, named as lifecycle names it: worker (slot of the service) and process number.
// - lifecycle's `spawn` effect of such a service starts no process: it is the event `enter` here. For lifecycle the process
//   is `spawning` meanwhile, which has no deadline, so that a cold standby may wait there for ever.
// - `spawn-process` here goes to the launcher, with the role, and the lock's fds for the child. What the launcher says goes
//   to lifecycle and comes here as `spawned`; lifecycle's way to `ready`, death and end come as `ready`, `exited`, `reaped`.
//   `no-process` is lifecycle's `spawn-cancelled`, or its `spawn-failed` with the reason: back-off is lifecycle's.
// - Whatever lifecycle stops (operator, rollout, deadline) comes as `stop` before the first signal is sent, `cancel-spawn`
//   too; `stop-process` here is lifecycle's `retire`, and with `force` its `kill`.
// - The rollout planner asks `replaceableNow` which workers it may take, and `stopOrder` whom it stops first.
import type { Instant } from '../lifecycle/process-state.ts'

export type Role = 'main' | 'standby'

/** A place among the K mains. Of two holders of one slot the later one has the higher token. */
export interface Grip {
  readonly slot: number
  readonly token: string
}

export type ContenderState =
  /** Asks whether a slot is free right now. No process yet. */
  | { readonly is: 'acquiring'; readonly since: Instant; readonly deadline: Instant }
  /** None was: waits for one of the M places of standbys. No process yet. */
  | { readonly is: 'placing'; readonly since: Instant }
  /** Its process comes up, as a standby. */
  | { readonly is: 'booting'; readonly since: Instant }
  /** In the queue for a slot: warm with a process that is ready, cold without one. */
  | { readonly is: 'waiting'; readonly since: Instant; readonly ticket: number; readonly warm: boolean }
  /** Holds a slot; its process, which is to be main from its start, is not ready yet. */
  | { readonly is: 'promoting'; readonly since: Instant; readonly grip: Grip }
  | { readonly is: 'main'; readonly since: Instant; readonly grip: Grip }
  /** A main on its way out, or dead with something left of it: the slot is its own until nothing is. */
  | { readonly is: 'draining'; readonly since: Instant; readonly grip: Grip; readonly why: string }
  /** It may no longer act as main, and is killed. */
  | { readonly is: 'lost'; readonly since: Instant; readonly grip: Grip; readonly why: string }
  /** Nothing of its process is left: the slot is given back. */
  | { readonly is: 'releasing'; readonly since: Instant; readonly grip: Grip; readonly why: string }
  /** A standby on its way out. */
  | { readonly is: 'leaving'; readonly since: Instant; readonly why: string }
  | { readonly is: 'ended'; readonly since: Instant; readonly why: string }

export type ContenderStateName = ContenderState['is']
export type ContenderIn<S extends ContenderStateName> = Extract<ContenderState, { is: S }>

/** What a contender needs to know of its service. */
export interface ContenderContext {
  /** Standbys have a process that is ready to be promoted. */
  readonly warm: boolean
  /** False with no standbys at all: who gets no slot waits for one without a place, and without a process. */
  readonly hasPlaces: boolean
  /** For its turn in the queue. */
  readonly ticket: number
}

/** The slot in its hands, null: none. */
export function gripOf(state: ContenderState): Grip | null {
  return 'grip' in state ? state.grip : null
}

export function roleIn(state: ContenderState): Role {
  return gripOf(state) === null ? 'standby' : 'main'
}

/** It is what it is to be: works as main, or waits for its turn. A cold standby counts as up although it has no process. */
export function isSettled(state: ContenderState): state is ContenderIn<'main' | 'waiting'> {
  return state.is === 'main' || state.is === 'waiting'
}
