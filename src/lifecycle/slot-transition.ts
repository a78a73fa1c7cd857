// The total table of a slot: every phase has a written answer to every event.

import { describeExit, isClean, isForced } from './exit-reason.ts'
import type { ProcessEffect } from './process-effect.ts'
import type { ProcessEvent } from './process-event.ts'
import type { Instant, ProcessExit, ProcessState, StopReason } from './process-state.ts'
import { seconds, stepProcess } from './process-transition.ts'
import { decideRestart } from './restart-decision.ts'
import type { SlotEffect, SlotEvent, SlotEventName, SlotEventOf } from './slot-event.ts'
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
  start: (slot: SlotState, event: SlotEventOf<'start'>) => start(slot, event),
  stop: (slot: SlotState, event: SlotEventOf<'stop'>) => stayDown(slot, event),
  retire: noProcess,
  'start-beside': noProcess,
  swap: noProcess,
  'drop-coming': noProcess,
  spare: noProcess,
  settle: noProcess,
  hurry: (slot: SlotState, event: SlotEventOf<'hurry'>, context: SlotContext) => toBoth(slot, event, context),
  kill: (slot: SlotState, event: SlotEventOf<'kill'>, context: SlotContext) => toBoth(slot, event, context),
  reload: noProcess,
  process: (slot: SlotState, event: SlotEventOf<'process'>, context: SlotContext) => toProcess(slot, event, context),
} as const

/** Answers that are the same while a process is in service. */
const occupied = {
  start: hasProcess,
  wait: hasProcess,
  stop: (slot: SlotState, event: SlotEventOf<'stop'>, context: SlotContext) => bringDown(slot, event, context, 'down'),
  'drop-coming': (slot: SlotState, event: SlotEventOf<'drop-coming'>, context: SlotContext) =>
    dropComing(slot, event, context),
  hurry: (slot: SlotState, event: SlotEventOf<'hurry'>, context: SlotContext) => toBoth(slot, event, context),
  kill: (slot: SlotState, event: SlotEventOf<'kill'>, context: SlotContext) => toBoth(slot, event, context),
  process: (slot: SlotState, event: SlotEventOf<'process'>, context: SlotContext) => toProcess(slot, event, context),
  tick: (slot: SlotState, event: SlotEventOf<'tick'>, context: SlotContext) => toBoth(slot, event, context),
} as const

const inService = {
  ...occupied,
  retire: (slot: SlotState, event: SlotEventOf<'retire'>, context: SlotContext) =>
    bringDown(slot, event, context, 'vacant'),
  'start-beside': (slot: SlotState, event: SlotEventOf<'start-beside'>) => startBeside(slot, event),
  swap: (slot: SlotState, event: SlotEventOf<'swap'>, context: SlotContext) => swap(slot, event, context),
  spare: (slot: SlotState, event: SlotEventOf<'spare'>, context: SlotContext) => startSpare(slot, event, context),
  settle: (slot: SlotState) => settle(slot),
  reload: (slot: SlotState, event: SlotEventOf<'reload'>, context: SlotContext) =>
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
  starting: inService,
  running: inService,
  stopping: {
    ...occupied,
    retire: (slot) =>
      slot.phase.then === 'decide' ? [{ ...slot, phase: { ...slot.phase, then: 'vacant' } }, []] : [slot, []],
    'start-beside': onItsWayOut,
    swap: onItsWayOut,
    spare: (slot, event, context) => (slot.phase.then === 'decide' ? startSpare(slot, event, context) : [slot, []]),
    settle: onItsWayOut,
    reload: onItsWayOut,
  },
  backoff: {
    ...vacant,
    wait: ignored('it has been up before; a dependency that went away does not matter'),
    tick: (slot, event, context) => {
      const [ticked, effects] = toBoth(slot, event, context)
      if (event.at < slot.phase.until) return [ticked, effects]
      const again = begin({ ...ticked, restarts: ticked.restarts + 1 }, event.at, context.generation, false)
      return [again[0], [...effects, ...again[1]]]
    },
  },
  exited: {
    ...vacant,
    wait: ignored('it has ended as it should'),
    tick: (slot, event, context) => toBoth(slot, event, context),
  },
  fatal: { ...vacant, wait: ignored('it is given up'), tick: (slot, event, context) => toBoth(slot, event, context) },
}

/** One step of one slot. Changes of phase carry a `note` with their cause. */
export function stepSlot(slot: SlotState, event: SlotEvent, context: SlotContext): SlotStep {
  const row = SLOT_TABLE[slot.phase.is] as { readonly [E in SlotEventName]: unknown }
  const answer = row[event.is]
  if (typeof answer !== 'function') return [slot, []]
  // The table's type ties each handler to its phase and event; the look-up by two run-time names can not show it.
  const step = (answer as Handler<SlotPhaseName, SlotEventName>)(slot as never, event as never, context)
  return noteChange(slot, event, step, context)
}

function start(slot: SlotState, event: SlotEventOf<'start'>): SlotStep {
  return begin({ ...slot, failures: event.fresh ? 0 : slot.failures }, event.at, event.generation, event.trial)
}

function begin(slot: SlotState, at: Instant, generation: number, trial: boolean): SlotStep {
  const number = slot.lastNumber + 1
  const live: Live = { number, generation, trial, state: { is: 'spawning' } }
  return [
    { ...slot, lastNumber: number, phase: { is: 'starting', since: at, live } },
    [{ do: 'spawn', number, generation }],
  ]
}

function stayDown(slot: SlotState, { at, why }: SlotEventOf<'stop'>): SlotStep {
  if (slot.phase.is === 'stopped') return [slot, []]
  return [
    { ...slot, phase: { is: 'stopped', since: at, why: why.text } },
    slot.other === null ? [{ do: 'end-strays' }] : [],
  ]
}

function bringDown(
  slot: SlotState,
  event: { at: Instant; why: StopReason },
  context: SlotContext,
  then: 'down' | 'vacant',
): SlotStep {
  const live = currentOf(slot.phase)
  if (live === null) return [slot, []]
  const since = slot.phase.is === 'stopping' ? slot.phase.since : event.at
  const leaving: SlotState = { ...slot, phase: { is: 'stopping', since, live: { ...live, trial: false }, then } }
  const stop: ProcessEvent = { is: 'stop', at: event.at, why: event.why }
  const [first, effects] = stepCurrent(leaving, stop, context)
  if (first.other?.is !== 'coming') return [first, effects]
  const [both, more] = stepOther({ ...first, other: { is: 'draining', live: first.other.live } }, stop, context)
  return [both, [...effects, ...more]]
}

function startBeside(slot: SlotState, { generation }: SlotEventOf<'start-beside'>): SlotStep {
  if (slot.other !== null) return [slot, []]
  const number = slot.lastNumber + 1
  const live: Live = { number, generation, trial: true, state: { is: 'spawning' } }
  return [{ ...slot, lastNumber: number, other: { is: 'coming', live } }, [{ do: 'spawn', number, generation }]]
}

/** From here on it is a process that leaves, whatever it says: it must not be promoted any more. */
function dropComing(slot: SlotState, { at, why }: SlotEventOf<'drop-coming'>, context: SlotContext): SlotStep {
  if (slot.other?.is !== 'coming') return [slot, []]
  return stepOther({ ...slot, other: { is: 'draining', live: slot.other.live } }, { is: 'stop', at, why }, context)
}

function swap(slot: SlotState, { at, why }: SlotEventOf<'swap'>, context: SlotContext): SlotStep {
  const old = currentOf(slot.phase)
  if (old === null || slot.other?.is !== 'coming') return [slot, []]
  const live: Live = { ...slot.other.live, trial: false }
  const swapped: SlotState = {
    ...slot,
    failures: 0,
    phase: { is: 'running', since: at, live },
    other: { is: 'draining', live: { ...old, trial: false } },
  }
  return stepOther(swapped, { is: 'stop', at, why }, context)
}

function startSpare(slot: SlotState, { at }: SlotEventOf<'spare'>, context: SlotContext): SlotStep {
  const old = currentOf(slot.phase)
  if (old === null || slot.other !== null) return [slot, []]
  const aside: SlotState = {
    ...slot,
    restarts: slot.restarts + 1,
    other: { is: 'draining', live: { ...old, trial: false } },
  }
  return begin(aside, at, context.generation, false)
}

function settle(slot: SlotState): SlotStep {
  if (slot.phase.is !== 'running') return [slot, []]
  return [{ ...slot, failures: 0, phase: { ...slot.phase, live: { ...slot.phase.live, trial: false } } }, []]
}

/** hurry, kill and tick reach every process of the slot. */
function toBoth(slot: SlotState, event: SlotEventOf<'hurry' | 'kill' | 'tick'>, context: SlotContext): SlotStep {
  const [first, effects] = currentOf(slot.phase) === null ? [slot, []] : stepCurrent(slot, event, context)
  if (first.other === null) return [first, effects]
  const [second, more] = stepOther(first, event, context)
  return [second, [...effects, ...more]]
}

function toProcess(slot: SlotState, { number, event }: SlotEventOf<'process'>, context: SlotContext): SlotStep {
  if (currentOf(slot.phase)?.number === number) return stepCurrent(slot, event, context)
  if (slot.other?.live.number === number) return stepOther(slot, event, context)
  // Late: that process is gone and forgotten.
  return [slot, []]
}

function stepCurrent(slot: SlotState, event: ProcessEvent, context: SlotContext): SlotStep {
  const live = currentOf(slot.phase)
  if (live === null) return [slot, []]
  const spec = context.specOf(live.generation)
  const [state, inner] = stepProcess(live.state, event, spec)
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
  const keep = (is: 'starting' | 'running'): SlotPhase => ({ is, since: phase.is === is ? phase.since : at, live })
  switch (live.state.is) {
    case 'spawning':
    case 'booting':
      return phase.is === 'stopping' ? { ...phase, live } : keep('starting')
    case 'ready':
    case 'reloading':
    case 'finishing':
      return phase.is === 'stopping' ? { ...phase, live } : keep('running')
    default:
      return phase.is === 'stopping' ? { ...phase, live } : { is: 'stopping', since: at, live, then: 'decide' }
  }
}

function currentGone(slot: SlotState, live: Live, exit: ProcessExit, context: SlotContext, at: Instant): SlotStep {
  const then = slot.phase.is === 'stopping' ? slot.phase.then : 'decide'
  const known: SlotState = { ...slot, lastExit: exit }
  // A reason that means "stay down" may have reached the process while the slot still thought of a restart.
  if (then === 'down' || exit.asked?.kind === 'stop') return down(known, at, exit.asked?.text ?? describeExit(exit))
  if (then === 'vacant')
    return [{ ...known, phase: { is: 'stopped', since: at, why: 'makes room for its successor' } }, []]
  if (slot.other?.is === 'coming') return promoteComing(known, slot.other, at)
  if (live.trial) {
    // A job that ran to its end has proven itself.
    if (isClean(exit) && context.specOf(live.generation).restart.when !== 'always')
      return [exited(known, live, exit, at), []]
    const phase: SlotPhase = { is: 'stopped', since: at, why: 'its new generation failed' }
    return [{ ...known, phase }, [{ do: 'trial-failed', number: live.number, generation: live.generation, exit }]]
  }
  return restart(known, live, exit, context, at)
}

function restart(slot: SlotState, live: Live, exit: ProcessExit, context: SlotContext, at: Instant): SlotStep {
  const policy = context.specOf(live.generation).restart
  const decision = decideRestart(exit, slot.failures, policy, context.random)
  const counted: SlotState = { ...slot, failures: decision.failures }
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
        decision.unrecoverable && policy.stopAllOnUnrecoverable ? [{ do: 'stop-all', why }] : []
      return [{ ...counted, phase: { is: 'fatal', since: at, why } }, stopAll]
    }
  }
}

function exited(slot: SlotState, { generation }: Live, exit: ProcessExit, at: Instant): SlotState {
  return { ...slot, phase: { is: 'exited', since: at, generation, clean: isClean(exit) } }
}

function down(slot: SlotState, at: Instant, why: string): SlotStep {
  return [{ ...slot, phase: { is: 'stopped', since: at, why } }, slot.other === null ? [{ do: 'end-strays' }] : []]
}

/** The predecessor died before its time: the successor is in service with what it has. */
function promoteComing(slot: SlotState, coming: OtherProcess, at: Instant): SlotStep {
  const { live } = coming
  const phase: SlotPhase = isUp(live.state) ? { is: 'running', since: at, live } : { is: 'starting', since: at, live }
  return [{ ...slot, phase, other: null }, []]
}

function isUp(state: ProcessState): boolean {
  return state.is !== 'spawning' && state.is !== 'booting'
}

function stepOther(slot: SlotState, event: ProcessEvent, context: SlotContext): SlotStep {
  const other = slot.other
  if (other === null) return [slot, []]
  const [state, inner] = stepProcess(other.live.state, event, context.specOf(other.live.generation))
  const effects = lift(other.live, inner)
  const live: Live = { ...other.live, state }
  if (state.is !== 'gone') return [{ ...slot, other: { ...other, live } }, effects]
  const rest: SlotState = { ...slot, other: null, lastExit: state.exit }
  const wanted = state.exit.asked !== null && !isForced(state.exit.asked)
  if (other.is === 'coming' && !wanted) {
    const failed: SlotEffect = {
      do: 'trial-failed',
      number: live.number,
      generation: live.generation,
      exit: state.exit,
    }
    return [rest, [...effects, failed]]
  }
  const lastOne = slot.phase.is === 'stopped' && state.exit.asked?.kind === 'stop'
  return [rest, lastOne ? [...effects, { do: 'end-strays' }] : effects]
}

function lift(live: Live, effects: readonly ProcessEffect[]): SlotEffect[] {
  return effects.map((effect) => ({ do: 'process', number: live.number, generation: live.generation, effect }))
}

/** Every change of phase, and of the process beside, is written down with its cause. */
function noteChange(before: SlotState, event: SlotEvent, [after, effects]: SlotStep, context: SlotContext): SlotStep {
  const notes = [...notePhase(before, event, after, context), ...noteOther(before, event, after)]
  return notes.length === 0 ? [after, effects] : [after, [...effects, ...notes]]
}

function notePhase(before: SlotState, event: SlotEvent, after: SlotState, context: SlotContext): SlotEffect[] {
  const was = currentOf(before.phase)
  const is = currentOf(after.phase)
  if (before.phase.is === after.phase.is && was?.number === is?.number) return []
  const live = is ?? was
  const { number, generation } = live ?? { number: null, generation: context.generation }
  const change = { from: before.phase.is, to: after.phase.is, reason: explain(before, event, after) }
  return [{ do: 'note', event: nameOf(event), ...change, number, generation }]
}

function noteOther(before: SlotState, event: SlotEvent, after: SlotState): SlotEffect[] {
  const was = before.other
  const is = after.other
  const note = (live: Live, from: string, to: string, reason: string): SlotEffect[] => [
    { do: 'note', event: nameOf(event), from, to, reason, number: live.number, generation: live.generation },
  ]
  if (is !== null && was === null && is.is === 'coming') {
    return note(is.live, 'none', 'coming', `generation ${is.live.generation} starts beside the worker in service`)
  }
  if (is?.is === 'coming' && was !== null && isUp(is.live.state) && !isUp(was.live.state)) {
    return note(is.live, 'coming', 'coming', 'ready beside the worker in service')
  }
  if (is === null && was !== null && currentOf(after.phase)?.number !== was.live.number) {
    return note(was.live, was.is, 'gone', lastExitText(after))
  }
  return []
}

function nameOf(event: SlotEvent): string {
  return event.is === 'process' ? event.event.is : event.is
}

function explain(before: SlotState, event: SlotEvent, after: SlotState): string {
  const { phase } = after
  switch (phase.is) {
    case 'stopped':
      return before.phase.is === 'stopping' && after.lastExit !== null ? describeExit(after.lastExit) : phase.why
    case 'waiting':
      return `waits for ${phase.on.join(', ')}`
    case 'starting':
      return startReason(before, event, after)
    case 'running':
      return before.other?.is === 'coming' ? `generation ${phase.live.generation} takes over` : 'ready'
    case 'stopping':
      return phase.live.state.is === 'stopping' ? phase.live.state.descent.why.text : exitText(after, phase.live)
    case 'backoff': {
      const wait = seconds(phase.until - phase.since)
      const loop = phase.crashLoop ? 'crash loop: ' : ''
      return `${loop}${lastExitText(after)}; ${after.failures} failure${after.failures === 1 ? '' : 's'} in a row, next try in ${wait}`
    }
    case 'exited':
      return lastExitText(after)
    case 'fatal':
      return phase.why
  }
}

function startReason(before: SlotState, event: SlotEvent, after: SlotState): string {
  if (event.is === 'start') return event.trial ? `generation ${event.generation} is rolled out` : 'started'
  if (event.is === 'spare') return 'the worker in service is leaving; its successor starts beside it'
  if (event.is === 'tick') return 'the back-off is over'
  if (before.other?.is === 'coming') return `${lastExitText(after)}; its successor takes over while it boots`
  return `${lastExitText(after)}; restarted at once`
}

function exitText(slot: SlotState, live: Live): string {
  return live.state.is === 'sweeping'
    ? `${describeExit(live.state.exit)}; its process group is not empty yet`
    : lastExitText(slot)
}

function lastExitText(slot: SlotState): string {
  return slot.lastExit === null ? 'no exit is known' : describeExit(slot.lastExit)
}
