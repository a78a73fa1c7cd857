// What a step of a slot looks like in the journal: from, to, and the cause in words.
import { describeExit } from './exit-reason.ts'
import { isServing } from './process-state.ts'
import { seconds } from './process-transition.ts'
import type { SlotEffect, SlotEvent } from './slot-event.ts'
import { currentOf, type Live, type SlotContext, type SlotPhase, type SlotState, slotIsParked } from './slot-state.ts'

/** Every change of phase, and of the process beside, is written down with its cause. */
export function notesOn(before: SlotState, event: SlotEvent, after: SlotState, context: SlotContext): SlotEffect[] {
  return [...notePhase(before, event, after, context), ...noteOther(before, event, after)]
}

function notePhase(before: SlotState, event: SlotEvent, after: SlotState, context: SlotContext): SlotEffect[] {
  const was = currentOf(before.phase)
  const is = currentOf(after.phase)
  const waitsForOthers = event.is === 'wait' && before.phase !== after.phase
  if (before.phase.is === after.phase.is && was?.number === is?.number && !waitsForOthers) return []
  const live = is ?? was
  const { number, generation } = live ?? { number: null, generation: context.generation }
  const change = { from: nameOfPhase(before, context), to: nameOfPhase(after, context) }
  const reason = explain(before, event, after, context)
  return [{ do: 'note', event: nameOf(event), ...change, reason, number, generation }]
}

/** Of a process that was asked for a while ago. */
export function noteOnTurn({ number, generation }: Live): SlotEffect {
  const change = { from: 'waiting', to: 'starting', reason: 'its turn has come' }
  return { do: 'note', event: 'turn', ...change, number, generation }
}

function nameOfPhase({ phase }: SlotState, context: SlotContext): string {
  return waitsForTurn(phase, context) ? 'waiting' : phase.is
}

/** Nobody has been asked for its process yet. */
function waitsForTurn(phase: SlotPhase, context: SlotContext): boolean {
  return phase.is === 'starting' && context.waitsForTurn(phase.live.number)
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
  if (is?.is === 'coming' && was !== null && isServing(is.live.state) && !isServing(was.live.state)) {
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

function explain(before: SlotState, event: SlotEvent, after: SlotState, context: SlotContext): string {
  const { phase } = after
  switch (phase.is) {
    case 'stopped':
      return before.phase.is === 'stopping' && before.phase.live.state.is !== 'cancelling'
        ? lastExitText(after)
        : phase.why
    case 'waiting':
      return `waits for ${phase.on.join(', ')}`
    case 'starting':
      return startReason(startCause(before, event, after), waitsForTurn(phase, context))
    case 'running':
      if (slotIsParked(after)) return 'is started when it is needed'
      return before.other?.is === 'coming' ? `generation ${phase.live.generation} takes over` : 'ready'
    case 'stopping':
      return stoppingReason(phase.live)
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

function startReason([cause, how]: readonly [string, string], waits: boolean): string {
  const parts = waits ? ['waits for its turn', cause] : [cause, how]
  return parts.filter((part) => part !== '').join(waits ? ': ' : '; ')
}

/** What it is started for, and how. */
function startCause(before: SlotState, event: SlotEvent, after: SlotState): readonly [string, string] {
  if (event.is === 'start') return event.trial ? [`generation ${event.generation} is rolled out`, ''] : ['', 'started']
  if (event.is === 'spare') return [leavingReason(before), 'its successor starts beside it']
  if (before.phase.is === 'backoff') return ['the back-off is over', '']
  const exit = lastExitText(after)
  return before.other?.is === 'coming' ? [exit, 'its successor takes over while it boots'] : [exit, 'restarted at once']
}

/** Why a worker that still lives is given a successor: what it was killed for, or that it said it would end. */
function leavingReason({ phase }: SlotState): string {
  return phase.is === 'stopping' && phase.live.state.is === 'stopping'
    ? phase.live.state.descent.why.text
    : 'it announced its end'
}

function stoppingReason({ state }: Live): string {
  if (state.is === 'stopping') return state.descent.why.text
  if (state.is === 'sweeping') return `${describeExit(state.exit)}; its process group is not empty yet`
  return 'called back before it was started'
}

function lastExitText(slot: SlotState): string {
  return slot.lastExit === null ? 'no exit is known' : describeExit(slot.lastExit)
}
