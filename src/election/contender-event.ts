import type { Instant } from '../lifecycle/process-state.ts'
import type { Grip, Role } from './contender-state.ts'

/** A process that holds a slot and is none of ours. */
export interface Stranger {
  readonly pid: number
  readonly command: string
}

export type ContenderEvent =
  /** `told`: whoever took the lock has told the process already. */
  | { readonly is: 'acquired'; readonly at: Instant; readonly grip: Grip; readonly told: boolean }
  /** No slot is free now, or others wait already; `heldBy` is known where no main of ours is in the way. */
  | { readonly is: 'busy'; readonly at: Instant; readonly heldBy: readonly Stranger[] }
  /** One of the M places of standbys is its own. */
  | { readonly is: 'placed'; readonly at: Instant }
  /** It will never be told of a slot: the waiting ended, could not begin, or its outcome is worth nothing (`mistaken`). */
  | { readonly is: 'wait-failed'; readonly at: Instant; readonly why: string; readonly mistaken: boolean }
  | { readonly is: 'spawned'; readonly at: Instant }
  | { readonly is: 'ready'; readonly at: Instant }
  /** Dead; members of its process group may be left. */
  | { readonly is: 'exited'; readonly at: Instant; readonly why: string }
  /** Nothing is left of it, or it never came to be. */
  | { readonly is: 'reaped'; readonly at: Instant; readonly why: string }
  /** It was asked to end, or is going to be at once. */
  | { readonly is: 'stop'; readonly at: Instant; readonly why: string }
  /** The slot is its own no more. */
  | { readonly is: 'lost'; readonly at: Instant; readonly why: string }
  /** The slot was given back; `heldBy`: and yet somebody who is none of ours holds it. */
  | { readonly is: 'released'; readonly at: Instant; readonly heldBy: readonly Stranger[] }
  | { readonly is: 'tick'; readonly at: Instant }

export type ContenderEventName = ContenderEvent['is']
export type ContenderEventOf<E extends ContenderEventName> = Extract<ContenderEvent, { is: E }>

/** What the interpreter is to do for one contender. Data only; outcomes come back as events. */
export type ContenderEffect =
  /** Answered by `acquired`, `busy` or `wait-failed`. */
  | { readonly do: 'try-lock' }
  /** Answered by `placed` or `wait-failed`. */
  | { readonly do: 'take-place' }
  /** Answered by `acquired` or `wait-failed`. Warm: what takes the lock tells the process by itself, if it can. */
  | { readonly do: 'start-waiting'; readonly warm: boolean }
  /** Of whatever is asked for: no answer comes. */
  | { readonly do: 'cancel-waiting' }
  | { readonly do: 'spawn-process'; readonly role: Role; readonly grip: Grip | null }
  | { readonly do: 'tell-promote'; readonly grip: Grip }
  | { readonly do: 'tell-lost'; readonly why: string }
  | { readonly do: 'stop-process'; readonly why: string; readonly force: boolean }
  /** Answered by `released`. */
  | { readonly do: 'release-lock'; readonly grip: Grip }
  /** There will be none: it was called back, or `failed` says why. */
  | { readonly do: 'no-process'; readonly failed: string | null }
  /** The contender is over: its place, and its fds, if any are ours still, are closed. */
  | { readonly do: 'leave' }
  | { readonly do: 'note'; readonly event: string; readonly from: string; readonly to: string; readonly reason: string }
