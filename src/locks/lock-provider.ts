// What decides who is main. A kernel lock dies with the last process that holds it; a lease has a deadline.

import type { ProcessIdentity } from '../os/process-identity.ts'

/** CLOCK_MONOTONIC in milliseconds, Infinity: it ends with its holder only. */
export type LockDeadline = number

export type LostReason = 'deadline' | 'revoked' | 'replaced'

export interface LockHolder {
  readonly pid: number
  readonly command: string
}

export interface SlotReport {
  readonly slot: number
  /** Of the last who took the slot, null: nobody ever did. */
  readonly token: string | null
  readonly identity: string | null
  /** Every process that holds it now: the main, and what it passed the lock on to. Empty: the slot is free. */
  readonly holders: readonly LockHolder[]
}

export interface ProviderHealth {
  readonly state: 'ok' | 'degraded' | 'unreachable'
  readonly problem: string | null
}

export interface LockProvider {
  readonly name: string
  readonly kind: 'kernel' | 'lease'
  /** In which scope tokens rise. */
  readonly fencing: 'cluster' | 'slot' | 'none'
  /** Looks whether it can work at all. @throws HoldfastError */
  open(): Promise<void>
  /** Somebody who wants a slot, once. `identity` names it in reports: unique, ASCII, 100 characters at most. */
  candidate(identity: string): Candidate
  report(): Promise<readonly SlotReport[]>
  health(): ProviderHealth
  /** Ends every waiting; what is held and not handed over is free then. */
  close(): void
}

export type AcquireOutcome =
  | { readonly is: 'acquired'; readonly held: Held /** The process has been told. */; readonly told: boolean }
  /** No slot is free, or others wait already. `holders` hold one and are not known to us. */
  | { readonly is: 'busy'; readonly holders: readonly LockHolder[] }
  | { readonly is: 'failed'; readonly why: string }
  | { readonly is: 'cancelled' }

export type PlaceOutcome =
  | { readonly is: 'placed' }
  | { readonly is: 'failed'; readonly why: string }
  | { readonly is: 'cancelled' }

/** Asks for one thing at a time, and gets one slot at most. */
export interface Candidate {
  /** A slot that is free right now, behind nobody. */
  tryNow(): Promise<AcquireOutcome>
  /** One of the places for standbys. Then `inheritFds` are there. */
  takePlace(): Promise<PlaceOutcome>
  /**
   * What the process has to inherit, each at any number below 16: a Node process, for one, closes those for its children.
   * A warm standby all of its slots, unlocked, and its place; a main the slot that it holds. Empty: nothing.
   */
  readonly inheritFds: readonly number[]
  /**
   * In the queue, first come, first served. `tell` is the command FIFO of a standby that has inherited the fds: it is told by
   * whatever takes the lock, even when we are dead; ours are closed. Null: nobody is there to be told. `process` is the standby's, for
   * the signal that says the same, where one is asked for.
   */
  wait(tell: number | null, process?: ProcessIdentity): Promise<AcquireOutcome>
  /** The process has its copies, or will never have any use for them. */
  handOver(): void
  /** Of what is asked for. A candidate that waits for a process of its own is of no use afterwards. */
  cancel(): void
  /** All of it: the waiting, the place, and every fd that is still ours. */
  leave(): void
}

export interface Held {
  readonly slot: number
  /** A whole number. */
  readonly token: string
  readonly deadline: LockDeadline
  /** At most once, on the event loop. */
  onLost(onLost: (why: LostReason) => void): void
  /** The main is reaped: gives the slot back, as far as the kernel has not done so. */
  release(): Promise<void>
  /** Who has it, released or not, and is not known to us. Not for free: see the provider. */
  strangers(): Promise<readonly LockHolder[]>
}
