// One OS process of a worker, from the request to start it until nothing of it is left.
import type { Millis } from '../config/effective.ts'
import type { Rung } from './stop-ladder.ts'

/** Milliseconds of the supervisor's time: CLOCK_MONOTONIC less the time during which the supervisor itself was stopped. */
export type Instant = number

/** pid and start time (clock ticks since boot) name a process for ever; a pid alone does not. */
export interface ProcessIdentity {
  readonly pid: number
  readonly startTime: number
}

/** Why a process is asked, or forced, to end. The kind decides what follows; the text is for people. */
export interface StopReason {
  readonly kind:
    | 'stop' // by the operator, a scale down or the supervisor's end: the slot stays down
    | 'replace' // by a rollout: a successor is there, or will be started by the planner
    | 'boot-timeout'
    | 'heartbeat'
    | 'request'
    | 'reload'
  readonly text: string
  /** So much longer (less than 0: shorter) than usual before the second step of the ladder. */
  readonly longer?: Millis
  /** Nobody will be there to take a second step: no file and no command is waited for, the first signal comes at once. */
  readonly onlySignals?: true
  /** `QUIT`: in place of the ladder's first, to say something else by it. */
  readonly firstSignal?: string
}

/** Asked for, not by what has happened to the process. */
export function stopReason({ text, longer, onlySignals, firstSignal }: Omit<StopReason, 'kind'>): StopReason {
  const how = { ...(longer && { longer }), ...(onlySignals && { onlySignals }), ...(firstSignal && { firstSignal }) }
  return { kind: 'stop', text, ...how }
}

/** How it goes, where that is not as usual. */
export type StopWay = Omit<StopReason, 'kind' | 'text'>

export interface ProcessExit {
  readonly at: Instant
  readonly code: number | null
  readonly signal: string | null
  readonly readyAt: Instant | null
  /** The worker said beforehand that it would end (STOPPING=1, `finishing`). */
  readonly announced: boolean
  readonly asked: StopReason | null
  /** The process never came to be: why. */
  readonly spawnError: string | null
  /** Nobody has died, and nothing was tried: it is kept from the locks of its service, by a stop file, say. */
  readonly gotNoLock?: boolean
}

/** The way down: which rung of the ladder, until when, and when its signal is sent again. */
export interface Descent {
  readonly why: StopReason
  readonly rungs: readonly Rung[]
  readonly rung: number
  readonly rungEndsAt: Instant | null
  readonly resend: { readonly at: Instant; readonly every: Millis } | null
  /** How often the last rung has been tried again. */
  readonly overtime: number
}

export type ProcessState =
  /** Waiting for its turn in the spawn queue; a stop asked meanwhile calls it back. */
  | { readonly is: 'spawning' }
  /** Kept back, without a process, for as long as it takes: a standby that is only started when it is promoted. */
  | { readonly is: 'parked'; readonly since: Instant }
  /** Called back. Whether that came in time the interpreter says: what was spawned already takes the ladder at once. */
  | { readonly is: 'cancelling'; readonly why: StopReason; readonly rungs: readonly Rung[] }
  /** `deadline` is the end of the boot time; with `ready: { delay }` the moment it counts as ready. */
  | { readonly is: 'booting'; readonly process: ProcessIdentity; readonly since: Instant; readonly deadline: Instant }
  | { readonly is: 'ready'; readonly process: ProcessIdentity; readonly readyAt: Instant }
  | {
      readonly is: 'reloading'
      readonly process: ProcessIdentity
      readonly readyAt: Instant
      readonly deadline: Instant
      /** It said RELOADING=1, so that it will say READY=1 again. */
      readonly announced: boolean
    }
  /** It announced its own end and works on what it has left. */
  | {
      readonly is: 'finishing'
      readonly process: ProcessIdentity
      readonly readyAt: Instant | null
      readonly deadline: Instant
    }
  | {
      readonly is: 'stopping'
      readonly process: ProcessIdentity
      readonly readyAt: Instant | null
      readonly announced: boolean
      readonly descent: Descent
    }
  /** Dead, but members of its process group are left; they got TERM, and get KILL at the deadline. */
  | {
      readonly is: 'sweeping'
      readonly process: ProcessIdentity
      readonly exit: ProcessExit
      readonly step: 'term' | 'kill'
      readonly deadline: Instant
    }
  | { readonly is: 'gone'; readonly exit: ProcessExit }

export type ProcessStateName = ProcessState['is']
export type ProcessStateOf<S extends ProcessStateName> = Extract<ProcessState, { is: S }>

/** Alive and serving: a new client would get an answer. One that announced its end takes no new ones. */
export function isServing(state: ProcessState): boolean {
  return state.is === 'ready' || state.is === 'reloading'
}

/** It knows that the slot is to stay down, or is dead and its remains know. */
export function isAskedToStop(state: ProcessState): boolean {
  if (state.is === 'cancelling') return state.why.kind === 'stop'
  if (state.is === 'stopping') return state.descent.why.kind === 'stop'
  return state.is === 'sweeping' && state.exit.asked?.kind === 'stop'
}

/** The process that this state speaks of, null before the spawn and after the end. */
export function identityOf(state: ProcessState): ProcessIdentity | null {
  return 'process' in state ? state.process : null
}

/** The moment at which the state wants a `tick`, null: it waits for an event only. */
export function deadlineOfProcess(state: ProcessState): Instant | null {
  switch (state.is) {
    case 'booting':
    case 'reloading':
    case 'finishing':
    case 'sweeping':
      return state.deadline
    case 'stopping':
      return earliest(state.descent.rungEndsAt, state.descent.resend?.at ?? null)
    default:
      return null
  }
}

export function earliest(a: Instant | null, b: Instant | null): Instant | null {
  if (a === null) return b
  if (b === null) return a
  return Math.min(a, b)
}
