// What the simulated world knows of one process.
import type { ServiceSpec } from '../../src/config/effective.ts'
import type { ProcessIdentity } from '../../src/lifecycle/process-state.ts'
import type { Behaviour } from './fake-program.ts'

export interface GroupMember {
  readonly onTerm: number | null | 'zombie'
  alive: boolean
}

/** One process of the world, from the request to spawn it until the core has let go of it. */
export interface FakeProcess {
  readonly slot: number
  readonly number: number
  readonly generation: number
  readonly spec: ServiceSpec
  readonly behaviour: Behaviour
  spawn: 'queued' | 'cancelled' | 'failed' | 'done'
  /** It can not be called back any more. */
  launching: boolean
  identity: ProcessIdentity | null
  alive: boolean
  hung: boolean
  /** The core was told of its death. */
  exitTold: boolean
  /** The core was told that members of its group are left, and not yet that they are gone. */
  leftoverTold: boolean
  groupWatched: boolean
  readonly group: GroupMember[]
  stopFile: string | null
  reloadsOpen: number
  extensions: number
  released: boolean
}

type Given = Pick<FakeProcess, 'slot' | 'number' | 'generation' | 'spec' | 'behaviour' | 'launching'>

/** Asked for, not spawned yet. */
export function newFakeProcess(given: Given): FakeProcess {
  return {
    ...given,
    spawn: 'queued',
    identity: null,
    alive: false,
    hung: false,
    exitTold: false,
    leftoverTold: false,
    groupWatched: false,
    group: given.behaviour.leaves.map((onTerm) => ({ onTerm, alive: false })),
    stopFile: null,
    reloadsOpen: 0,
    extensions: 3,
    released: false,
  }
}
