// A slot in each of its phases, with and without a second process, and one event of each kind.

import type { Instant, ProcessState, StopReason } from '../../src/lifecycle/process-state.ts'
import type { SlotEvent } from '../../src/lifecycle/slot-event.ts'
import {
  emptySlot,
  type Live,
  type OtherProcess,
  type SlotContext,
  type SlotPhase,
  type SlotState,
} from '../../src/lifecycle/slot-state.ts'
import { type SpecChanges, serviceSpec } from '../model/service-spec.ts'
import {
  allEvents,
  BOOTING,
  CANCELLING,
  FINISHING,
  READY,
  RELOADING,
  SPAWNING,
  STOPPING,
  SWEEPING,
  WHY,
} from './representative-processes.ts'

type StoppingPhase = Extract<SlotPhase, { is: 'stopping' }>

export const REPLACE: StopReason = { kind: 'replace', text: 'replaced' }

export function live(state: ProcessState, changes: Partial<Live> = {}): Live {
  return { number: 1, generation: 1, trial: false, state, ...changes }
}

export function coming(state: ProcessState, changes: Partial<Live> = {}): OtherProcess {
  return { is: 'coming', live: live(state, { number: 2, generation: 2, trial: true, ...changes }) }
}

export function draining(state: ProcessState, changes: Partial<Live> = {}): OtherProcess {
  return { is: 'draining', live: live(state, { number: 2, generation: 1, ...changes }) }
}

export function slotIn(phase: SlotPhase, changes: Partial<SlotState> = {}): SlotState {
  return { ...emptySlot(0, 0), lastNumber: 2, phase, ...changes }
}

export const running = (changes: Partial<Live> = {}, state: ProcessState = READY): SlotPhase => ({
  is: 'running',
  since: 1_000,
  live: live(state, changes),
})
export const starting = (changes: Partial<Live> = {}, state: ProcessState = BOOTING): SlotPhase => ({
  is: 'starting',
  since: 500,
  live: live(state, changes),
})
export const stopping = (next: StoppingPhase['next'], state: ProcessState = STOPPING): SlotPhase => ({
  is: 'stopping',
  since: 2_000,
  live: live(state),
  next,
})

export function representativePhases(): SlotPhase[] {
  return [
    { is: 'stopped', since: 0, why: 'not started yet' },
    { is: 'waiting', since: 0, on: ['db (ready)'] },
    starting({}, SPAWNING),
    starting(),
    starting({ trial: true }),
    running(),
    running({ trial: true }),
    running({}, RELOADING),
    running({}, FINISHING),
    stopping('decide'),
    stopping('vacant'),
    stopping({ fatal: 'given up with another one' }, { ...STOPPING, descent: { ...STOPPING.descent, why: WHY } }),
    stopping('down', { ...STOPPING, descent: { ...STOPPING.descent, why: WHY } }),
    stopping('decide', SWEEPING),
    stopping('vacant', CANCELLING),
    { is: 'backoff', since: 4_000, until: 6_000, crashLoop: false },
    { is: 'exited', since: 4_000, generation: 1, clean: true },
    { is: 'fatal', since: 4_000, generation: 1, why: 'gave up' },
  ]
}

export function representativeSlots(): SlotState[] {
  const others = [null, draining(FINISHING), draining(CANCELLING), draining(STOPPING), draining(SWEEPING)]
  const successors = [
    coming(SPAWNING),
    coming(CANCELLING),
    coming(BOOTING),
    coming(READY),
    coming(STOPPING),
    coming(SWEEPING),
  ]
  return representativePhases().flatMap((phase) =>
    [...others, ...('live' in phase ? successors : [])].map((other) => slotIn(phase, { other })),
  )
}

export function allSlotEvents(at: Instant): SlotEvent[] {
  return [
    { is: 'start', at, generation: 2, trial: true },
    { is: 'start', at, generation: 1, trial: false },
    { is: 'wait', at, on: ['db (started)'] },
    { is: 'stop', at, why: WHY },
    { is: 'retire', at, why: REPLACE },
    { is: 'start-beside', at, generation: 2 },
    { is: 'swap', at, why: REPLACE },
    { is: 'drop-coming', at, why: REPLACE },
    { is: 'spare', at },
    { is: 'turn', at },
    { is: 'give-up', at, why: 'given up with another one' },
    { is: 'settle', at },
    { is: 'hurry', at },
    { is: 'kill', at, why: WHY },
    { is: 'reload', at },
    { is: 'tick', at },
    { is: 'tick', at: at + 1_000_000 },
    ...[1, 2, 99].flatMap((number) => allEvents(at).map((event): SlotEvent => ({ is: 'process', at, number, event }))),
  ]
}

export function contextOf(changes: SpecChanges = {}, generation = 1): SlotContext {
  const spec = serviceSpec(changes)
  return { specOf: () => spec, generation, random: 0.5, waitsForTurn: () => false, earlyDeathCase: () => 'steady' }
}
