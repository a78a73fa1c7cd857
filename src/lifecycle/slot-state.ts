// One slot of a service: the worker as its users know it. The slot persists, its process changes.
import type { ServiceSpec } from '../config/effective.ts'
import type { EarlyDeathCase } from './early-death.ts'
import {
  deadlineOfProcess,
  earliest,
  type Instant,
  isServing,
  type ProcessExit,
  type ProcessState,
} from './process-state.ts'

/** A process in a slot. `number` counts the slot's processes up from 1; a late event of an older one matches none. */
export interface Live {
  readonly number: number
  readonly generation: number
  /** Not proven yet: its death fails the rollout instead of being restarted. */
  readonly trial: boolean
  readonly state: ProcessState
}

export type SlotPhase =
  | { readonly is: 'stopped'; readonly since: Instant; readonly why: string }
  /** For dependencies, named for the operator. */
  | { readonly is: 'waiting'; readonly since: Instant; readonly on: readonly string[] }
  | { readonly is: 'starting'; readonly since: Instant; readonly live: Live }
  | { readonly is: 'running'; readonly since: Instant; readonly live: Live }
  /**
   * `next`: what comes after its death. `decide`: as after a crash (a deadline of ours killed it, or it announced its end);
   * `vacant`: the planner fills the slot; `down`: nothing; else it is given up, for the reason that stands there.
   */
  | {
      readonly is: 'stopping'
      readonly since: Instant
      readonly live: Live
      readonly next: 'decide' | 'vacant' | 'down' | { readonly fatal: string }
    }
  | { readonly is: 'backoff'; readonly since: Instant; readonly until: Instant; readonly crashLoop: boolean }
  /** It ended by itself and is not wanted again. */
  | { readonly is: 'exited'; readonly since: Instant; readonly generation: number; readonly clean: boolean }
  | { readonly is: 'fatal'; readonly since: Instant; readonly generation: number; readonly why: string }

export type SlotPhaseName = SlotPhase['is']

/** Beside the current process: its successor, or its predecessor on the way out. */
export type OtherProcess =
  | { readonly is: 'coming'; readonly live: Live }
  | { readonly is: 'draining'; readonly live: Live }

export interface SlotState {
  readonly slot: number
  readonly phase: SlotPhase
  readonly other: OtherProcess | null
  /** Failures in a row. */
  readonly failures: number
  /** Processes started in place of one that died by itself. */
  readonly restarts: number
  readonly lastExit: ProcessExit | null
  /** Number of the newest process, 0: none yet. */
  readonly lastNumber: number
}

/** What a slot needs to know of its service. Processes of an older generation keep the rules they were started with. */
export interface SlotContext {
  readonly specOf: (generation: number) => ServiceSpec
  /** The generation that a crashed worker is restarted from. */
  readonly generation: number
  /** From 0 to 1, for the jitter. */
  readonly random: number
  /** Asked for a process, it has to wait for others of its service: only for what is told of it. */
  readonly waitsForTurn: (number: number) => boolean
  /** What an early death of this process would be. */
  readonly earlyDeathCase: (live: Live) => EarlyDeathCase
}

export function emptySlot(slot: number, at: Instant): SlotState {
  return {
    slot,
    phase: { is: 'stopped', since: at, why: 'not started yet' },
    other: null,
    failures: 0,
    restarts: 0,
    lastExit: null,
    lastNumber: 0,
  }
}

/** The process in service, null where the phase has none. */
export function currentOf(phase: SlotPhase): Live | null {
  return phase.is === 'starting' || phase.is === 'running' || phase.is === 'stopping' ? phase.live : null
}

/** A client would be served by the slot's current process. */
export function slotServes(slot: SlotState): boolean {
  return slot.phase.is === 'running' && isServing(slot.phase.live.state)
}

/** As far as it can be now: it serves, or is kept back until it is needed. */
export function slotIsUp(slot: SlotState): boolean {
  return slotServes(slot) || slotIsParked(slot)
}

/** It does not come back by waiting for it. */
export function slotHasEnded({ phase }: Pick<SlotState, 'phase'>): boolean {
  return phase.is === 'exited' || phase.is === 'fatal'
}

/** A standby without a process. */
export function slotIsParked({ phase }: SlotState): boolean {
  return phase.is === 'running' && phase.live.state.is === 'parked'
}

export function deadlineOfSlot(slot: SlotState): Instant | null {
  const current = currentOf(slot.phase)
  const ofPhase =
    slot.phase.is === 'backoff' ? slot.phase.until : current === null ? null : deadlineOfProcess(current.state)
  return earliest(ofPhase, slot.other === null ? null : deadlineOfProcess(slot.other.live.state))
}
