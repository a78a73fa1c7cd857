// The total table of a contender: every state has a written answer to every event.
import type { Instant } from '../lifecycle/process-state.ts'
import type {
  ContenderEffect,
  ContenderEvent,
  ContenderEventName,
  ContenderEventOf,
  Stranger,
} from './contender-event.ts'
import type { ContenderContext, ContenderIn, ContenderState, ContenderStateName, Grip } from './contender-state.ts'

export type ContenderStep = readonly [ContenderState, readonly ContenderEffect[]]
type Handler<S extends ContenderStateName, E extends ContenderEventName> = (
  state: ContenderIn<S>,
  event: ContenderEventOf<E>,
  context: ContenderContext,
) => ContenderStep
interface Ignored {
  readonly ignored: string
}
const ignored = (because: string): Ignored => ({ ignored: because })
type ContenderTable = {
  readonly [S in ContenderStateName]: { readonly [E in ContenderEventName]: Handler<S, E> | Ignored }
}

/** Milliseconds for the answer whether a slot is free. Who gets none queues: a disk that hangs is waited for there. */
const ANSWER_WITHIN = 5_000

const hasOne = ignored('it holds a slot already')
const notAsked = ignored('it has not asked for that')
const hasNone = ignored('it holds no slot')
const noProcess = ignored('it has no process')
const known = ignored('the process was there before')
const noDeadline = ignored('it has no deadline')
const onItsWay = ignored('it is on its way out already')
const over = ignored('it is over; what it held went with it')

/** Answers that are the same in every state that only asks, without a process. */
const asking = {
  spawned: noProcess,
  ready: noProcess,
  exited: noProcess,
  reaped: noProcess,
  lost: hasNone,
  released: hasNone,
  stop: (_: ContenderState, { at, why }: ContenderEventOf<'stop'>) => callBack(at, why, null),
  'wait-failed': (_: ContenderState, { at, why }: ContenderEventOf<'wait-failed'>) => callBack(at, why, why),
} as const

/** Answers that are the same in every state with a slot and a process. */
const holding = {
  acquired: hasOne,
  busy: notAsked,
  placed: notAsked,
  'wait-failed': notAsked,
  released: notAsked,
  reaped: (state: Holding, { at, why }: ContenderEventOf<'reaped'>) => release(state, at, why),
  tick: noDeadline,
} as const

/** A slot's holder that works, or is to. */
const working = {
  ...holding,
  spawned: known,
  exited: (state: Holding, { at, why }: ContenderEventOf<'exited'>) => drain(state, at, why),
  stop: (state: Holding, { at, why }: ContenderEventOf<'stop'>) => drain(state, at, why),
  lost: (state: Holding, { at, why }: ContenderEventOf<'lost'>) => lose(state, at, why),
} as const

type Holding = ContenderIn<'promoting' | 'main' | 'draining' | 'lost'>

export const CONTENDER_TABLE: ContenderTable = {
  acquiring: {
    ...asking,
    acquired: (_, { at, grip }) => spawnMain(at, grip),
    busy: (_, { at, heldBy }, context) => becomeStandby(at, heldBy, context),
    placed: notAsked,
    tick: (state, { at }, context) => {
      if (at < state.deadline) return [state, []]
      const [next, effects] = becomeStandby(at, [], context)
      return [next, [{ do: 'cancel-waiting' }, ...effects]]
    },
  },
  placing: {
    ...asking,
    acquired: notAsked,
    busy: notAsked,
    placed: (_, { at }, context) =>
      context.warm
        ? [{ is: 'booting', since: at }, [{ do: 'spawn-process', role: 'standby', grip: null }]]
        : wait(at, false, context),
    tick: noDeadline,
  },
  booting: {
    acquired: notAsked,
    busy: notAsked,
    placed: notAsked,
    'wait-failed': notAsked,
    spawned: known,
    ready: (_, { at }, context) => wait(at, true, context),
    exited: (_, { at, why }) => leave(at, why),
    reaped: (_, { at, why }) => end(at, why),
    stop: (_, { at, why }) => leave(at, why),
    lost: hasNone,
    released: hasNone,
    tick: noDeadline,
  },
  waiting: {
    acquired: (state, event) => (state.warm ? promote(event) : spawnMain(event.at, event.grip)),
    busy: notAsked,
    placed: notAsked,
    'wait-failed': (state, { at, why, mistaken }) => (state.warm ? replace(at, why, mistaken) : callBack(at, why, why)),
    spawned: known,
    ready: ignored('it is ready, or has no process'),
    exited: (state, { at, why }) => (state.warm ? leaveQueue(at, why) : [state, []]),
    reaped: (state, { at, why }) => {
      if (!state.warm) return [state, []]
      const [next, effects] = end(at, why)
      return [next, [{ do: 'cancel-waiting' }, ...effects]]
    },
    stop: (state, { at, why }) => (state.warm ? leaveQueue(at, why) : callBack(at, why, null)),
    lost: hasNone,
    released: hasNone,
    tick: noDeadline,
  },
  promoting: { ...working, ready: (state, { at }) => [{ is: 'main', since: at, grip: state.grip }, []] },
  main: { ...working, ready: ignored('it is main already') },
  draining: {
    ...holding,
    spawned: onItsWay,
    ready: onItsWay,
    exited: onItsWay,
    stop: onItsWay,
    lost: (state, { at, why }) => lose(state, at, why),
  },
  lost: { ...holding, spawned: onItsWay, ready: onItsWay, exited: onItsWay, stop: onItsWay, lost: onItsWay },
  releasing: {
    acquired: hasOne,
    busy: notAsked,
    placed: notAsked,
    'wait-failed': notAsked,
    spawned: noProcess,
    ready: noProcess,
    exited: noProcess,
    reaped: noProcess,
    stop: onItsWay,
    lost: onItsWay,
    released: ({ grip, why }, { at, heldBy }) => {
      const [next, effects] = end(at, why)
      return [next, heldBy.length === 0 ? effects : [heldNote(`slot ${grip.slot}`, heldBy), ...effects]]
    },
    tick: noDeadline,
  },
  leaving: {
    // The slot came before the waiting could be called back. It keeps it until it is gone.
    acquired: ({ why }, { at, grip }) => [{ is: 'draining', since: at, grip, why }, []],
    busy: notAsked,
    placed: notAsked,
    'wait-failed': notAsked,
    spawned: onItsWay,
    ready: onItsWay,
    exited: onItsWay,
    reaped: (_, { at, why }) => end(at, why),
    stop: onItsWay,
    lost: hasNone,
    released: hasNone,
    tick: noDeadline,
  },
  ended: {
    acquired: over,
    busy: over,
    placed: over,
    'wait-failed': over,
    spawned: over,
    ready: over,
    exited: over,
    reaped: over,
    stop: over,
    lost: over,
    released: over,
    tick: over,
  },
}

/** The first step: whether a slot is free is asked only where nobody of ours is known to be before it. */
export function beginContender(at: Instant, maybeFree: boolean, context: ContenderContext): ContenderStep {
  const [state, effects]: ContenderStep = maybeFree
    ? [{ is: 'acquiring', since: at, deadline: at + ANSWER_WITHIN }, [{ do: 'try-lock' }]]
    : becomeStandby(at, [], context)
  return [state, [...effects, noteOn('new', state)]]
}

/** One step of one contender. Changes of state carry a `note` with their cause. */
export function stepContender(state: ContenderState, event: ContenderEvent, context: ContenderContext): ContenderStep {
  const row = CONTENDER_TABLE[state.is] as { readonly [E in ContenderEventName]: unknown }
  const answer = row[event.is]
  if (typeof answer !== 'function') return [state, []]
  // The table's type ties each handler to its state and event; the look-up by two run-time names can not show it.
  const step = answer as Handler<ContenderStateName, ContenderEventName>
  const [next, effects] = step(state as never, event as never, context)
  return next.is === state.is ? [next, effects] : [next, [...effects, noteOn(state.is, next)]]
}

function noteOn(from: string, to: ContenderState): ContenderEffect {
  return { do: 'note', event: 'election', from, to: to.is, reason: reasonFor(to) }
}

function reasonFor(state: ContenderState): string {
  switch (state.is) {
    case 'acquiring':
      return 'asks for a main slot'
    case 'placing':
      return 'no main slot is free'
    case 'booting':
      return 'starts as a standby'
    case 'waiting':
      return 'waits for a main slot'
    case 'promoting':
      return `holds slot ${state.grip.slot} with token ${state.grip.token}, and starts as main`
    case 'main':
      return `main of slot ${state.grip.slot} with token ${state.grip.token}`
    case 'releasing':
      return `gives slot ${state.grip.slot} back`
    default:
      return state.why
  }
}

function becomeStandby(at: Instant, heldBy: readonly Stranger[], context: ContenderContext): ContenderStep {
  const [next, effects]: ContenderStep = context.hasPlaces
    ? [{ is: 'placing', since: at }, [{ do: 'take-place' }]]
    : wait(at, false, context)
  return [next, heldBy.length === 0 ? effects : [heldNote('every slot', heldBy), ...effects]]
}

function heldNote(what: string, heldBy: readonly Stranger[]): ContenderEffect {
  const who = heldBy.map(({ pid, command }) => `pid ${pid} (${command})`).join(', ')
  return {
    do: 'note',
    event: 'slot-held',
    from: '',
    to: '',
    reason: `${what} is held by ${who}, which is no main of ours`,
  }
}

function wait(at: Instant, warm: boolean, { ticket }: ContenderContext): ContenderStep {
  return [{ is: 'waiting', since: at, ticket, warm }, [{ do: 'start-waiting', warm }]]
}

function spawnMain(at: Instant, grip: Grip): ContenderStep {
  return [{ is: 'promoting', since: at, grip }, [{ do: 'spawn-process', role: 'main', grip }]]
}

function promote({ at, grip, told }: ContenderEventOf<'acquired'>): ContenderStep {
  return [{ is: 'main', since: at, grip }, told ? [] : [{ do: 'tell-promote', grip }]]
}

function drain(state: Holding, at: Instant, why: string): ContenderStep {
  return [{ is: 'draining', since: at, grip: state.grip, why }, []]
}

function lose(state: Holding, at: Instant, why: string): ContenderStep {
  return [
    { is: 'lost', since: at, grip: state.grip, why },
    [
      { do: 'tell-lost', why },
      { do: 'stop-process', why, force: true },
    ],
  ]
}

function release({ grip }: Holding, at: Instant, why: string): ContenderStep {
  return [{ is: 'releasing', since: at, grip, why }, [{ do: 'release-lock', grip }]]
}

function leave(at: Instant, why: string): ContenderStep {
  return [{ is: 'leaving', since: at, why }, []]
}

/** Nobody is promoted who is going: the waiting ends before the process does. */
function leaveQueue(at: Instant, why: string): ContenderStep {
  return [{ is: 'leaving', since: at, why }, [{ do: 'cancel-waiting' }]]
}

/** A warm standby that nobody will promote. Its fds are in its own hands, so that only a new process can queue again. */
function replace(at: Instant, why: string, mistaken: boolean): ContenderStep {
  const stop: ContenderEffect = { do: 'stop-process', why, force: mistaken }
  return [{ is: 'leaving', since: at, why }, mistaken ? [{ do: 'tell-lost', why }, stop] : [stop]]
}

function callBack(at: Instant, why: string, failed: string | null): ContenderStep {
  return [{ is: 'ended', since: at, why }, [{ do: 'cancel-waiting' }, { do: 'leave' }, { do: 'no-process', failed }]]
}

function end(at: Instant, why: string): ContenderStep {
  return [{ is: 'ended', since: at, why }, [{ do: 'leave' }]]
}
