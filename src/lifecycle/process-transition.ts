// The total table of one process: every state has a written answer to every event.
import type { Millis, ServiceSpec } from '../config/effective.ts'
import { die, end, spawnFailure, sweepWithForce } from './process-death.ts'
import type { ProcessEffect } from './process-effect.ts'
import type { ProcessEvent, ProcessEventName, ProcessEventOf } from './process-event.ts'
import type {
  Instant,
  ProcessIdentity,
  ProcessState,
  ProcessStateName,
  ProcessStateOf,
  StopReason,
} from './process-state.ts'
import {
  beginDescent,
  continueDescent,
  graver,
  killLadder,
  ladderFor,
  outranked,
  type Rung,
  regraded,
  stepDown,
  timeUntilKill,
} from './stop-ladder.ts'

export type ProcessStep = readonly [ProcessState, readonly ProcessEffect[]]

type Handler<S extends ProcessStateName, E extends ProcessEventName> = (
  state: ProcessStateOf<S>,
  event: ProcessEventOf<E>,
  spec: ServiceSpec,
) => ProcessStep

/** An answer too: why nothing happens. */
interface Ignored {
  readonly ignored: string
}
const ignored = (because: string): Ignored => ({ ignored: because })

type ProcessTable = {
  readonly [S in ProcessStateName]: { readonly [E in ProcessEventName]: Handler<S, E> | Ignored }
}

/** A worker asked to reload by signal has this long to say RELOADING=1; then the reload counts as done. */
export const RELOAD_ANSWER: Millis = 1_000

/** One EXTEND_TIMEOUT_USEC reaches no further: a worker that hangs after it is seen within this time. It may say it again. */
export const LONGEST_EXTENSION: Millis = 3_600_000

const notYet = ignored('there is no process yet')
const keptBackNoMore = ignored('it is not kept back')
const dead = ignored('the process is dead')
const alreadyThere = ignored('it has a process already')
const leaving = ignored('it is on its way out')
const reloadsLater = ignored('only a ready process reloads')

/** What is the same before there is a process, whatever it waits for. */
const withoutProcess = {
  spawned: (_: unknown, { at, process }: ProcessEventOf<'spawned'>, spec: ServiceSpec) => boot(process, at, spec),
  'spawn-failed': (_: unknown, { at, error, gotNoLock }: ProcessEventOf<'spawn-failed'>) =>
    end(spawnFailure(at, error, null, gotNoLock)),
  'spawn-cancelled': ignored('nobody has called it back'),
  ready: notYet,
  reloading: notYet,
  finishing: notYet,
  extend: notYet,
  overdue: notYet,
  reload: notYet,
  'reload-sent': notYet,
  stop: (_: unknown, { why }: ProcessEventOf<'stop'>, spec: ServiceSpec) => cancel(why, ladderFor(why, spec)),
  hurry: notYet,
  kill: (_: unknown, { why }: ProcessEventOf<'kill'>, spec: ServiceSpec) => cancel(why, killLadder(spec)),
  exited: notYet,
  swept: notYet,
  tick: notYet,
} as const

export const PROCESS_TABLE: ProcessTable = {
  spawning: { ...withoutProcess, parked: (_, { at }) => [{ is: 'parked', since: at }, []] },
  parked: { ...withoutProcess, parked: ignored('it is kept back already') },
  cancelling: {
    spawned: (state, { at, process }) => goDown({ process }, at, state.why, state.rungs),
    'spawn-failed': (state, { at, error }) => end(spawnFailure(at, error, state.why)),
    'spawn-cancelled': (state, { at }) => [{ is: 'gone', exit: spawnFailure(at, 'called back', state.why) }, []],
    parked: ignored('it is called back'),
    ready: notYet,
    reloading: notYet,
    finishing: notYet,
    extend: notYet,
    overdue: notYet,
    reload: notYet,
    'reload-sent': notYet,
    stop: (state, { why }, spec) => [regraded(state, why, spec), []],
    hurry: notYet,
    kill: (state, { why }, spec) => [{ ...state, why: graver(state.why, why), rungs: killLadder(spec) }, []],
    exited: notYet,
    swept: notYet,
    tick: notYet,
  },
  booting: {
    spawned: alreadyThere,
    'spawn-failed': alreadyThere,
    'spawn-cancelled': alreadyThere,
    parked: keptBackNoMore,
    ready: (state, { at }) => becomeReady(state, at),
    reloading: ignored('it is not ready yet'),
    finishing: (state, { at }, spec) => finish(state, null, at, spec),
    extend: (state, { at, by }, spec) =>
      spec.ready.by === 'delay' ? [state, []] : [{ ...state, deadline: extended(state.deadline, at, by) }, []],
    overdue: ignored('heartbeats count from ready on'),
    reload: reloadsLater,
    'reload-sent': reloadsLater,
    stop: (state, { at, why }, spec) => goDown(state, at, why, ladderFor(why, spec)),
    hurry: ignored('no stop was asked'),
    kill: (state, { at, why }, spec) => goDown(state, at, why, killLadder(spec)),
    exited: (state, event, spec) => die(state, event, { readyAt: null, announced: false, asked: null }, spec),
    swept: ignored('it lives'),
    tick: (state, { at }, spec) => {
      if (at < state.deadline) return [state, []]
      if (spec.ready.by === 'delay') return becomeReady(state, at)
      const why = bootTimeout(at - state.since)
      return goDown(state, at, why, ladderFor(why, spec))
    },
  },
  ready: {
    spawned: alreadyThere,
    'spawn-failed': alreadyThere,
    'spawn-cancelled': alreadyThere,
    parked: keptBackNoMore,
    ready: ignored('it is ready already'),
    reloading: (state, { at }, spec) => [
      { ...state, is: 'reloading', deadline: at + spec.reload.timeout, announced: true },
      [],
    ],
    finishing: (state, { at }, spec) => finish(state, state.readyAt, at, spec),
    extend: ignored('no deadline is under way'),
    overdue: (state, event, spec) => hang(state, event, spec),
    reload: (state, { at }, spec) => [
      { ...state, is: 'reloading', deadline: at + spec.reload.timeout, announced: false },
      [{ do: 'send-reload', process: state.process }],
    ],
    'reload-sent': ignored('the reload is over'),
    stop: (state, { at, why }, spec) => goDown(state, at, why, ladderFor(why, spec)),
    hurry: ignored('no stop was asked'),
    kill: (state, { at, why }, spec) => goDown(state, at, why, killLadder(spec)),
    exited: (state, event, spec) => die(state, event, { readyAt: state.readyAt, announced: false, asked: null }, spec),
    swept: ignored('it lives'),
    tick: ignored('nothing is due'),
  },
  reloading: {
    spawned: alreadyThere,
    'spawn-failed': alreadyThere,
    'spawn-cancelled': alreadyThere,
    parked: keptBackNoMore,
    ready: (state) => reloaded(state, null),
    reloading: (state, { at }, spec) => [{ ...state, announced: true, deadline: at + spec.reload.timeout }, []],
    finishing: (state, { at }, spec) => {
      const [next, effects] = finish(state, state.readyAt, at, spec)
      return [next, [{ do: 'reload-done', error: 'it announced its end instead' }, ...effects]]
    },
    extend: (state, { at, by }) => [{ ...state, deadline: extended(state.deadline, at, by) }, []],
    overdue: (state, event, spec) => {
      const [next, effects] = hang(state, event, spec)
      return next === state ? [state, []] : [next, [{ do: 'reload-done', error: 'it hung' }, ...effects]]
    },
    reload: ignored('a reload is under way'),
    'reload-sent': (state, { at, error }, spec) => {
      if (error !== null) return reloaded(state, error)
      // A command has done all there is to do; a signal is answered by those who speak the notify protocol.
      if (spec.reload.by === 'command' || spec.ready.by !== 'notify') return reloaded(state, null)
      return state.announced ? [state, []] : [{ ...state, deadline: at + RELOAD_ANSWER }, []]
    },
    stop: (state, { at, why }, spec) => interruptReload(goDown(state, at, why, ladderFor(why, spec))),
    hurry: ignored('no stop was asked'),
    kill: (state, { at, why }, spec) => interruptReload(goDown(state, at, why, killLadder(spec))),
    exited: (state, event, spec) => {
      const [next, effects] = die(state, event, { readyAt: state.readyAt, announced: false, asked: null }, spec)
      return [next, [{ do: 'reload-done', error: 'it died' }, ...effects]]
    },
    swept: ignored('it lives'),
    tick: (state, { at }, spec) => {
      if (at < state.deadline) return [state, []]
      const answerOutstanding = spec.reload.by !== 'signal' || state.announced
      return reloaded(state, answerOutstanding ? `not done within ${seconds(spec.reload.timeout)}` : null)
    },
  },
  finishing: {
    spawned: alreadyThere,
    'spawn-failed': alreadyThere,
    'spawn-cancelled': alreadyThere,
    parked: keptBackNoMore,
    ready: leaving,
    reloading: leaving,
    finishing: leaving,
    extend: (state, { at, by }) => [{ ...state, deadline: extended(state.deadline, at, by) }, []],
    overdue: (state, event, spec) => hang(state, event, spec),
    reload: leaving,
    'reload-sent': leaving,
    stop: (state, { at, why }, spec) => goDown({ ...state, announced: true }, at, why, ladderFor(why, spec)),
    hurry: (state, { at }, spec) => outOfTime(state, at, spec),
    kill: (state, { at, why }, spec) => goDown({ ...state, announced: true }, at, why, killLadder(spec)),
    exited: (state, event, spec) => die(state, event, { readyAt: state.readyAt, announced: true, asked: null }, spec),
    swept: ignored('it lives'),
    tick: (state, { at }, spec) => (at < state.deadline ? [state, []] : outOfTime(state, at, spec)),
  },
  stopping: {
    spawned: alreadyThere,
    'spawn-failed': alreadyThere,
    'spawn-cancelled': alreadyThere,
    parked: keptBackNoMore,
    ready: leaving,
    reloading: leaving,
    finishing: (state) => [{ ...state, announced: true }, []],
    extend: (state, { at, by }) => {
      const { rungEndsAt } = state.descent
      if (rungEndsAt === null || state.descent.overtime > 0) return [state, []]
      return [{ ...state, descent: { ...state.descent, rungEndsAt: extended(rungEndsAt, at, by) } }, []]
    },
    overdue: leaving,
    reload: leaving,
    'reload-sent': leaving,
    // A stop that outranks the reason under way takes its place: the slot then stays down.
    stop: (state, { at, why }, spec) => [{ ...state, descent: outranked(state.descent, why, at, spec) }, []],
    hurry: (state, { at }) => descend(state, stepDown(state.descent, state.process, at)),
    kill: (state, { at, why }, spec) => {
      const [next, effects] = descend(
        state,
        beginDescent(state.process, graver(state.descent.why, why), killLadder(spec), at),
      )
      return [next, [...removeStopFile(state), ...effects]]
    },
    exited: (state, event, spec) => {
      const { readyAt, announced, descent } = state
      const [next, effects] = die(state, event, { readyAt, announced, asked: descent.why }, spec)
      return [next, [...removeStopFile(state), ...effects]]
    },
    swept: ignored('it lives'),
    tick: (state, { at }) => descend(state, continueDescent(state.descent, state.process, at)),
  },
  sweeping: {
    spawned: dead,
    'spawn-failed': dead,
    'spawn-cancelled': dead,
    parked: keptBackNoMore,
    ready: dead,
    reloading: dead,
    finishing: dead,
    extend: dead,
    overdue: dead,
    reload: dead,
    'reload-sent': dead,
    stop: (state, { why }) => [{ ...state, exit: { ...state.exit, asked: graver(state.exit.asked ?? why, why) } }, []],
    hurry: (state, { at }) => sweepWithForce(state, at),
    kill: (state, { at }) => sweepWithForce(state, at),
    exited: dead,
    swept: (state) => end(state.exit),
    tick: (state, { at }) => {
      if (at < state.deadline) return [state, []]
      if (state.step === 'term') return sweepWithForce(state, at)
      const [next, effects] = end(state.exit)
      const reason =
        'something of its process group does not go away (a zombie that its parent does not reap?); going on without it'
      return [next, [{ do: 'note', event: 'group-left-over', reason }, ...effects]]
    },
  },
  gone: {
    spawned: dead,
    'spawn-failed': dead,
    'spawn-cancelled': dead,
    parked: keptBackNoMore,
    ready: dead,
    reloading: dead,
    finishing: dead,
    extend: dead,
    overdue: dead,
    reload: dead,
    'reload-sent': dead,
    stop: dead,
    hurry: dead,
    kill: dead,
    exited: dead,
    swept: dead,
    tick: dead,
  },
}

/** One step of one process. Events that do not concern the state leave it as it is. */
export function stepProcess(state: ProcessState, event: ProcessEvent, spec: ServiceSpec): ProcessStep {
  const row = PROCESS_TABLE[state.is] as { readonly [E in ProcessEventName]: unknown }
  const answer = row[event.is]
  // The table's type ties each handler to its state and event; the look-up by two run-time names can not show it.
  return typeof answer === 'function'
    ? (answer as Handler<ProcessStateName, ProcessEventName>)(state as never, event as never, spec)
    : [state, []]
}

function boot(process: ProcessIdentity, at: Instant, spec: ServiceSpec): ProcessStep {
  const delay = spec.ready.by === 'delay' ? spec.ready.delay : null
  if (delay === 0) return [{ is: 'ready', process, readyAt: at }, [{ do: 'became-ready' }]]
  const state: ProcessState = { is: 'booting', process, since: at, deadline: at + (delay ?? spec.startTimeout) }
  return [state, delay === null ? [{ do: 'watch-readiness', process }] : []]
}

function becomeReady(state: ProcessStateOf<'booting'>, at: Instant): ProcessStep {
  return [{ is: 'ready', process: state.process, readyAt: at }, [{ do: 'forget-readiness' }, { do: 'became-ready' }]]
}

function reloaded(state: ProcessStateOf<'reloading'>, error: string | null): ProcessStep {
  return [{ is: 'ready', process: state.process, readyAt: state.readyAt }, [{ do: 'reload-done', error }]]
}

function interruptReload([state, effects]: ProcessStep): ProcessStep {
  return [state, [{ do: 'reload-done', error: 'it was asked to stop' }, ...effects]]
}

/** It ends by itself; it has as long for it as a stop would give, and is then shown the way. */
function finish(
  state: { process: ProcessIdentity },
  readyAt: Instant | null,
  at: Instant,
  spec: ServiceSpec,
): ProcessStep {
  const deadline = at + (timeUntilKill(ladderFor(FINISHED, spec)) ?? spec.stop.timeout)
  return [
    { is: 'finishing', process: state.process, readyAt, deadline },
    [{ do: 'forget-readiness' }, { do: 'announced-end' }],
  ]
}

const FINISHED: StopReason = { kind: 'stop', text: 'announced its end, but did not end in time' }

function outOfTime(state: ProcessStateOf<'finishing'>, at: Instant, spec: ServiceSpec): ProcessStep {
  const why: StopReason = { kind: 'replace', text: FINISHED.text }
  // It has had what a replaced one is given.
  return goDown({ ...state, announced: true }, at, why, ladderFor(FINISHED, spec))
}

/** Of a deadline that the rules in force do not know any more the state stays as it is. */
function hang(
  state: ProcessStateOf<'ready' | 'reloading' | 'finishing'>,
  event: ProcessEventOf<'overdue'>,
  spec: ServiceSpec,
): ProcessStep {
  const text = overdueText(event, spec)
  if (text === null) return [state, []]
  const why: StopReason = { kind: event.which, text }
  return goDown({ ...state, announced: state.is === 'finishing' }, event.at, why, ladderFor(why, spec))
}

function overdueText({ which, late }: ProcessEventOf<'overdue'>, spec: ServiceSpec): string | null {
  if (which === 'request') {
    return spec.requestTimeout === null ? null : `a request took longer than ${seconds(spec.requestTimeout)}`
  }
  if (spec.heartbeat === null) return null
  const { timeout } = spec.heartbeat
  return `no heartbeat for ${seconds(timeout + late)} (timeout ${seconds(timeout)})`
}

function goDown(
  state: { process: ProcessIdentity; readyAt?: Instant | null; announced?: boolean },
  at: Instant,
  why: StopReason,
  rungs: readonly Rung[],
): ProcessStep {
  const { process, readyAt = null, announced = false } = state
  const [descent, effects] = beginDescent(process, why, rungs, at)
  const told: ProcessEffect = { do: 'tell-stop', reason: why.text, deadlineIn: timeUntilKill(rungs) }
  return [{ is: 'stopping', process, readyAt, announced, descent }, [{ do: 'forget-readiness' }, told, ...effects]]
}

function descend(state: ProcessStateOf<'stopping'>, [descent, effects]: ReturnType<typeof beginDescent>): ProcessStep {
  return [{ ...state, descent }, effects]
}

function removeStopFile({ process, descent }: ProcessStateOf<'stopping'>): readonly ProcessEffect[] {
  const file = descent.rungs.find((rung) => rung.by === 'file')
  return file === undefined ? [] : [{ do: 'remove-stop-file', process, path: file.path }]
}

function cancel(why: StopReason, rungs: readonly Rung[]): ProcessStep {
  return [{ is: 'cancelling', why, rungs }, [{ do: 'cancel-spawn' }]]
}

/** As in systemd: from now on, and a message never makes a deadline earlier. */
function extended(deadline: Instant, at: Instant, by: Millis): Instant {
  return Math.max(deadline, at + Math.min(by, LONGEST_EXTENSION))
}

function bootTimeout(after: Millis): StopReason {
  return { kind: 'boot-timeout', text: `not ready within ${seconds(after)}` }
}

/** `30s`, `1.5s`: one digit is enough for people. */
export function seconds(millis: Millis): string {
  return `${Math.round(millis / 100) / 10}s`
}
