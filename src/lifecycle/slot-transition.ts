// The total table of a slot: every phase has a written answer to every event.

import { shutDownCause } from './early-death.ts'
import { isClean, isFailure } from './exit-reason.ts'
import type { ProcessEffect } from './process-effect.ts'
import type { ProcessEvent } from './process-event.ts'
import type { Instant, ProcessExit, StopReason } from './process-state.ts'
import { stepProcess } from './process-transition.ts'
import { decideRestart } from './restart-decision.ts'
import { failuresAfter, failuresBefore, isDoneJob, lastExitAfter } from './slot-death.ts'
import type { SlotEffect, SlotEvent, SlotEventName, SlotEventOf } from './slot-event.ts'
import { noteOnTurn, notesOn } from './slot-notes.ts'
import {
  currentOf,
  type Live,
  type OtherProcess,
  type SlotContext,
  type SlotPhase,
  type SlotPhaseName,
  type SlotState,
} from './slot-state.ts'

export type SlotStep = readonly [SlotState, readonly SlotEffect[]]
type SlotIn<P extends SlotPhaseName> = SlotState & { readonly phase: Extract<SlotPhase, { is: P }> }
/** With a process in service. */
type Occupied = SlotIn<'starting' | 'running' | 'stopping'>
type Handler<P extends SlotPhaseName, E extends SlotEventName> = (
  slot: SlotIn<P>,
  event: SlotEventOf<E>,
  context: SlotContext,
) => SlotStep
interface Ignored {
  readonly ignored: string
}
const ignored = (because: string): Ignored => ({ ignored: because })
type SlotTable = { readonly [P in SlotPhaseName]: { readonly [E in SlotEventName]: Handler<P, E> | Ignored } }

const noProcess = ignored('the slot has no process in service')
const hasProcess = ignored('the slot has a process in service')
const onItsWayOut = ignored('the process in service is on its way out')

/** Answers that are the same in every phase without a process in service. */
const vacant = {
  start: (slot: SlotState, { at, generation, trial }: SlotEventOf<'start'>) => begin(slot, at, generation, trial),
  stop: (slot: SlotState, event: SlotEventOf<'stop'>, context: SlotContext) => stayDown(slot, event, context),
  retire: noProcess,
  'start-beside': noProcess,
  swap: noProcess,
  'drop-coming': (slot: SlotState, event: SlotEventOf<'drop-coming'>, context: SlotContext) =>
    dropComing(slot, event, context),
  spare: noProcess,
  turn: noProcess,
  'give-up': (slot: SlotState, event: SlotEventOf<'give-up'>, context: SlotContext) => giveUp(slot, event, context),
  settle: noProcess,
  hurry: (slot: SlotState, event: SlotEventOf<'hurry'>, context: SlotContext) => toBoth(slot, event, context),
  kill: (slot: SlotState, event: SlotEventOf<'kill'>, context: SlotContext) => toBoth(slot, event, context),
  reload: noProcess,
  process: (slot: SlotState, event: SlotEventOf<'process'>, context: SlotContext) => toProcess(slot, event, context),
} as const

/** Without a process, because the last one failed or ended. */
const ended = {
  ...vacant,
  retire: (slot: SlotState, { at, why }: SlotEventOf<'retire'>): SlotStep => [
    { ...slot, phase: { is: 'stopped', since: at, why: why.text } },
    [],
  ],
} as const

/** Answers that are the same while a process is in service. */
const occupied = {
  start: hasProcess,
  wait: hasProcess,
  stop: (slot: Occupied, event: SlotEventOf<'stop'>, context: SlotContext) => bringDown(slot, event, context, 'down'),
  'drop-coming': (slot: Occupied, event: SlotEventOf<'drop-coming'>, context: SlotContext) =>
    dropComing(slot, event, context),
  hurry: (slot: Occupied, event: SlotEventOf<'hurry'>, context: SlotContext) => toBoth(slot, event, context),
  kill: (slot: Occupied, event: SlotEventOf<'kill'>, context: SlotContext) => toBoth(slot, event, context),
  process: (slot: Occupied, event: SlotEventOf<'process'>, context: SlotContext) => toProcess(slot, event, context),
  tick: (slot: Occupied, event: SlotEventOf<'tick'>, context: SlotContext) => toBoth(slot, event, context),
  'give-up': (slot: Occupied, { at, why }: SlotEventOf<'give-up'>, context: SlotContext) =>
    bringDown(slot, { at, why: { kind: 'stop', text: why } }, context, { fatal: why }),
} as const

const inService = {
  ...occupied,
  retire: (slot: Occupied, event: SlotEventOf<'retire'>, context: SlotContext) =>
    bringDown(slot, event, context, 'vacant'),
  'start-beside': (slot: Occupied, event: SlotEventOf<'start-beside'>) => startBeside(slot, event),
  swap: (slot: Occupied, event: SlotEventOf<'swap'>, context: SlotContext) => swap(slot, event, context),
  spare: (slot: Occupied, event: SlotEventOf<'spare'>, context: SlotContext) => startSpare(slot, event, context),
  settle: (slot: Occupied) => settle(slot),
  reload: (slot: Occupied, event: SlotEventOf<'reload'>, context: SlotContext) =>
    stepCurrent(slot, { is: 'reload', at: event.at }, context),
} as const

export const SLOT_TABLE: SlotTable = {
  stopped: {
    ...vacant,
    wait: (slot, { at, on }) => [{ ...slot, phase: { is: 'waiting', since: at, on } }, []],
    tick: (slot, event, context) => toBoth(slot, event, context),
  },
  waiting: {
    ...vacant,
    wait: (slot, { on }) => [{ ...slot, phase: { ...slot.phase, on } }, []],
    tick: (slot, event, context) => toBoth(slot, event, context),
  },
  starting: {
    ...inService,
    turn: (slot, { at }) => [{ ...slot, phase: { ...slot.phase, since: at } }, [noteOnTurn(slot.phase.live)]],
  },
  running: { ...inService, turn: ignored('it runs already') },
  stopping: {
    ...occupied,
    retire: (slot) => {
      const { next } = slot.phase
      return next === 'vacant' || next === 'down'
        ? [slot, []]
        : [{ ...slot, phase: { ...slot.phase, next: 'vacant' } }, []]
    },
    turn: onItsWayOut,
    'start-beside': onItsWayOut,
    swap: (slot, event, context) => swap(slot, event, context),
    spare: (slot, event, context) => (slot.phase.next === 'decide' ? startSpare(slot, event, context) : [slot, []]),
    settle: onItsWayOut,
    reload: onItsWayOut,
  },
  backoff: {
    ...ended,
    wait: ignored('it has been up before; a dependency that went away does not matter'),
    tick: (slot, event, context) => {
      const [ticked, effects] = toBoth(slot, event, context)
      if (event.at < slot.phase.until) return [ticked, effects]
      const again = begin({ ...ticked, restarts: ticked.restarts + 1 }, event.at, context.generation, false)
      return [again[0], [...effects, ...again[1]]]
    },
  },
  exited: {
    ...ended,
    wait: ignored('it has ended as it should'),
    'give-up': ignored('it has ended as it should'),
    tick: (slot, event, context) => toBoth(slot, event, context),
  },
  fatal: {
    ...ended,
    wait: ignored('it is given up'),
    'give-up': ignored('it is given up already'),
    tick: (slot, event, context) => toBoth(slot, event, context),
  },
}

/** One step of one slot. Changes of phase carry a `note` with their cause. */
export function stepSlot(slot: SlotState, event: SlotEvent, context: SlotContext): SlotStep {
  const row = SLOT_TABLE[slot.phase.is] as { readonly [E in SlotEventName]: unknown }
  const answer = row[event.is]
  if (typeof answer !== 'function') return [slot, []]
  // The table's type ties each handler to its phase and event; the look-up by two run-time names can not show it.
  const step = (answer as Handler<SlotPhaseName, SlotEventName>)(slot as never, event as never, context)
  const notes = notesOn(slot, event, step[0], context)
  return notes.length === 0 ? step : [step[0], [...step[1], ...notes]]
}

function begin(slot: SlotState, at: Instant, generation: number, trial: boolean): SlotStep {
  const number = slot.lastNumber + 1
  const live: Live = { number, generation, trial, state: { is: 'spawning' } }
  return [
    { ...slot, lastNumber: number, phase: { is: 'starting', since: at, live } },
    [{ do: 'spawn', number, generation }],
  ]
}

function stayDown(slot: SlotState, { at, why }: SlotEventOf<'stop'>, context: SlotContext): SlotStep {
  const phase: SlotPhase = slot.phase.is === 'stopped' ? slot.phase : { is: 'stopped', since: at, why: why.text }
  return withoutOther({ ...slot, phase, failures: 0 }, at, why, context)
}

function giveUp(slot: SlotState, { at, why }: SlotEventOf<'give-up'>, context: SlotContext): SlotStep {
  const phase: SlotPhase = { is: 'fatal', since: at, generation: context.generation, why }
  return withoutOther({ ...slot, phase }, at, { kind: 'stop', text: why }, context)
}

/** The slot is down; so is then what stands beside it, and what has left its processes. */
function withoutOther(slot: SlotState, at: Instant, why: StopReason, context: SlotContext): SlotStep {
  return slot.other === null ? [slot, [{ do: 'end-strays' }]] : stopOther(slot, slot.other, at, why, context)
}

function bringDown(
  slot: Occupied,
  { at, why }: { at: Instant; why: StopReason },
  context: SlotContext,
  next: 'down' | 'vacant' | { readonly fatal: string },
): SlotStep {
  const since = slot.phase.is === 'stopping' ? slot.phase.since : at
  const live: Live = { ...slot.phase.live, trial: false }
  const leaving: Occupied = { ...slot, phase: { is: 'stopping', since, live, next } }
  const [first, effects] = stepCurrent(leaving, { is: 'stop', at, why }, context)
  // A predecessor that drains goes on draining when only its successor makes room.
  if (first.other === null || (next === 'vacant' && first.other.is === 'draining')) return [first, effects]
  const [both, more] = stopOther(first, first.other, at, why, context)
  return [both, [...effects, ...more]]
}

/** From here on it is a process that leaves, whatever it says: it must not be promoted any more. */
function stopOther(
  slot: SlotState,
  { live }: OtherProcess,
  at: Instant,
  why: StopReason,
  context: SlotContext,
): SlotStep {
  return stepOther(slot, { is: 'draining', live }, { is: 'stop', at, why }, context)
}

function startBeside(slot: SlotState, { generation }: SlotEventOf<'start-beside'>): SlotStep {
  if (slot.other !== null) return [slot, []]
  const number = slot.lastNumber + 1
  const live: Live = { number, generation, trial: true, state: { is: 'spawning' } }
  return [{ ...slot, lastNumber: number, other: { is: 'coming', live } }, [{ do: 'spawn', number, generation }]]
}

function dropComing(slot: SlotState, { at, why }: SlotEventOf<'drop-coming'>, context: SlotContext): SlotStep {
  return slot.other?.is === 'coming' ? stopOther(slot, slot.other, at, why, context) : [slot, []]
}

function swap(slot: Occupied, { at, why }: SlotEventOf<'swap'>, context: SlotContext): SlotStep {
  if (slot.other?.is !== 'coming') return [slot, []]
  const old = slot.phase.live
  const phase = phaseOf({ ...slot.other.live, trial: false }, at)
  const swapped: SlotState = { ...slot, failures: failuresAfter(slot, old, at, context), phase }
  return stopOther(swapped, { is: 'draining', live: { ...old, trial: false } }, at, why, context)
}

function startSpare(slot: Occupied, { at }: SlotEventOf<'spare'>, context: SlotContext): SlotStep {
  if (slot.other !== null) return [slot, []]
  const old = slot.phase.live
  const aside: SlotState = {
    ...slot,
    failures: failuresAfter(slot, old, at, context),
    restarts: slot.restarts + 1,
    other: { is: 'draining', live: { ...old, trial: false } },
  }
  return begin(aside, at, context.generation, false)
}

function settle(slot: Occupied): SlotStep {
  if (slot.phase.is !== 'running') return [slot, []]
  return [{ ...slot, phase: { ...slot.phase, live: { ...slot.phase.live, trial: false } } }, []]
}

/** hurry, kill and tick reach every process of the slot. */
function toBoth(slot: SlotState, event: SlotEventOf<'hurry' | 'kill' | 'tick'>, context: SlotContext): SlotStep {
  const [first, effects]: SlotStep = isOccupied(slot) ? stepCurrent(slot, event, context) : [slot, []]
  if (first.other === null) return [first, effects]
  const [second, more] = stepOther(first, first.other, event, context)
  return [second, [...effects, ...more]]
}

function toProcess(slot: SlotState, { number, event }: SlotEventOf<'process'>, context: SlotContext): SlotStep {
  if (isOccupied(slot) && slot.phase.live.number === number) return stepCurrent(slot, event, context)
  if (slot.other?.live.number === number) return stepOther(slot, slot.other, event, context)
  // Late: that process is gone and forgotten.
  return [slot, []]
}

function isOccupied(slot: SlotState): slot is Occupied {
  return currentOf(slot.phase) !== null
}

function stepCurrent(slot: Occupied, event: ProcessEvent, context: SlotContext): SlotStep {
  const { live } = slot.phase
  const [state, inner] = stepProcess(live.state, event, context.specOf(live.generation))
  const effects = lift(live, inner)
  const moved: Live = { ...live, state }
  if (state.is === 'gone') {
    const [next, more] = currentGone(slot, moved, state.exit, context, event.at)
    return [next, [...effects, ...more]]
  }
  return [{ ...slot, phase: phaseWith(slot.phase, moved, event.at) }, effects]
}

/** The phase that the process in service is in now. */
function phaseWith(phase: SlotPhase, live: Live, at: Instant): SlotPhase {
  if (phase.is === 'stopping') return { ...phase, live }
  const now = phaseOf(live, at)
  return now.is === phase.is ? { ...now, since: phase.since } : now
}

function phaseOf(live: Live, at: Instant): SlotPhase {
  switch (live.state.is) {
    case 'spawning':
    case 'booting':
      return { is: 'starting', since: at, live }
    case 'parked':
    case 'ready':
    case 'reloading':
      return { is: 'running', since: at, live }
    case 'finishing':
      return { is: live.state.readyAt === null ? 'starting' : 'running', since: at, live }
    default:
      return { is: 'stopping', since: at, live, next: 'decide' }
  }
}

function currentGone(slot: SlotState, live: Live, exit: ProcessExit, context: SlotContext, at: Instant): SlotStep {
  const known: SlotState = { ...slot, lastExit: lastExitAfter(slot, exit), failures: failuresBefore(slot, exit) }
  if (slot.phase.is === 'stopping' && typeof slot.phase.next === 'object') {
    const { fatal: why } = slot.phase.next
    return down(known, { is: 'fatal', since: at, generation: live.generation, why })
  }
  // Whoever brings a slot down asks its process to stop, and no other reason outranks that one.
  if (exit.asked?.kind === 'stop')
    return down({ ...known, failures: 0 }, { is: 'stopped', since: at, why: exit.asked.text })
  if (slot.phase.is === 'stopping' && slot.phase.next === 'vacant') {
    const sound = !isFailure(exit, context.specOf(live.generation).restart.resetAfter)
    const failures = sound ? 0 : slot.failures
    return [{ ...known, failures, phase: { is: 'stopped', since: at, why: 'makes room for its successor' } }, []]
  }
  if (slot.other?.is === 'coming') return promoteComing(known, slot.other, at)
  if (live.trial) {
    if (isDoneJob(slot, live, exit, context)) return [exited(known, live, exit, at), []]
    const phase: SlotPhase = { is: 'stopped', since: at, why: 'its new generation failed' }
    return [{ ...known, phase }, [{ do: 'trial-failed', number: live.number, generation: live.generation, exit }]]
  }
  return restart(known, live, exit, context, at)
}

function restart(slot: SlotState, live: Live, exit: ProcessExit, context: SlotContext, at: Instant): SlotStep {
  const spec = context.specOf(live.generation)
  const policy = spec.restart
  const decision = decideRestart(exit, slot.failures, policy, context.random)
  const counted: SlotState = { ...slot, failures: decision.failures }
  const cause = shutDownCause(exit, spec, context.earlyDeathCase(live))
  if (cause !== null) {
    const { number, generation } = live
    const [fatal, effects] = down(counted, { is: 'fatal', since: at, generation, why: cause })
    return [fatal, [...effects, { do: 'shut-down', number, generation, why: cause }]]
  }
  switch (decision.is) {
    case 'now':
      return begin({ ...counted, restarts: slot.restarts + 1 }, at, context.generation, false)
    case 'later': {
      const { wait, crashLoop } = decision
      return [{ ...counted, phase: { is: 'backoff', since: at, until: at + wait, crashLoop } }, []]
    }
    case 'exited':
      return [exited(counted, live, exit, at), []]
    case 'fatal': {
      const { why } = decision
      const stopAll: SlotEffect[] =
        decision.unrecoverable && policy.stopAllOnUnrecoverable ? [{ do: 'stop-all', why, code: exit.code }] : []
      return [{ ...counted, phase: { is: 'fatal', since: at, generation: live.generation, why } }, stopAll]
    }
  }
}

function exited(slot: SlotState, { generation }: Live, exit: ProcessExit, at: Instant): SlotState {
  return { ...slot, phase: { is: 'exited', since: at, generation, clean: isClean(exit) } }
}

/** Of one whose other process, if there is one, knows that it is over. */
function down(slot: SlotState, phase: SlotPhase): SlotStep {
  return [{ ...slot, phase }, slot.other === null ? [{ do: 'end-strays' }] : []]
}

/** The predecessor died before its time: the successor is in service with what it has. */
function promoteComing(slot: SlotState, { live }: OtherProcess, at: Instant): SlotStep {
  return [{ ...slot, phase: phaseOf(live, at), other: null }, []]
}

function stepOther(slot: SlotState, other: OtherProcess, event: ProcessEvent, context: SlotContext): SlotStep {
  const [state, inner] = stepProcess(other.live.state, event, context.specOf(other.live.generation))
  const effects = lift(other.live, inner)
  const live: Live = { ...other.live, state }
  if (state.is !== 'gone') return [{ ...slot, other: { ...other, live } }, effects]
  const rest: SlotState = { ...slot, other: null, lastExit: lastExitAfter(slot, state.exit) }
  const askedToStop = state.exit.asked?.kind === 'stop'
  if (other.is === 'coming' && !askedToStop) {
    const failed: SlotEffect = {
      do: 'trial-failed',
      number: live.number,
      generation: live.generation,
      exit: state.exit,
    }
    return [rest, [...effects, failed]]
  }
  const lastOne = (slot.phase.is === 'stopped' || slot.phase.is === 'fatal') && askedToStop
  return [rest, lastOne ? [...effects, { do: 'end-strays' }] : effects]
}

function lift(live: Live, effects: readonly ProcessEffect[]): SlotEffect[] {
  return effects.map((effect) => ({ do: 'process', number: live.number, generation: live.generation, effect }))
}
