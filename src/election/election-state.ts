// Main and standby of one service: its contenders on this machine, and what is known of the slots.
import type { Instant } from '../lifecycle/process-state.ts'
import { earliest } from '../lifecycle/process-state.ts'
import { type ContenderState, gripOf, type Role, roleIn } from './contender-state.ts'

export interface ElectionSettings {
  /** K: main slots. Other supervisors may hold some of them. */
  readonly mains: number
  /** M: places for standbys. */
  readonly standbys: number
  readonly warm: boolean
}

/** One process of a worker, named as lifecycle names it. */
export interface Contender {
  readonly worker: number
  readonly number: number
  readonly state: ContenderState
}

/** A slot that one of ours gave up and nobody of ours has taken since. */
export interface VacatedSlot {
  readonly slot: number
  /** When to look who has it. */
  readonly lookAt: Instant
}

export interface ElectionState {
  readonly settings: ElectionSettings
  /** In the order in which they came. Those that have ended are forgotten. */
  readonly contenders: readonly Contender[]
  readonly vacated: readonly VacatedSlot[]
  /** By slot: the highest token seen. */
  readonly tokens: Readonly<Record<number, string>>
  readonly nextTicket: number
}

export function newElection(settings: ElectionSettings): ElectionState {
  return { settings, contenders: [], vacated: [], tokens: {}, nextTicket: 1 }
}

export function contenderOf(election: ElectionState, worker: number, number: number): Contender | null {
  return election.contenders.find((one) => one.worker === worker && one.number === number) ?? null
}

/** Who has the slot in our books: of several the one that got it last, the others are on their way out. */
export function holderOf(election: ElectionState, slot: number): Contender | null {
  let last: { readonly contender: Contender; readonly token: string } | null = null
  for (const contender of election.contenders) {
    const grip = gripOf(contender.state)
    if (grip === null || grip.slot !== slot) continue
    if (last === null || isNewerToken(grip.token, last.token)) last = { contender, token: grip.token }
  }
  return last === null ? null : last.contender
}

/** What is being given back is out of its holder's hands. */
export function heldSlots(contenders: readonly Contender[]): number[] {
  return contenders.flatMap(({ state }) => {
    const grip = state.is === 'releasing' ? null : gripOf(state)
    return grip === null ? [] : [grip.slot]
  })
}

/** Somebody waits, and a slot has nobody who works: it may be promoted in the next milliseconds. */
export function isPromotionNear({ contenders, settings }: ElectionState): boolean {
  const working = contenders.filter(({ state }) => state.is === 'main' || state.is === 'promoting')
  return working.length < settings.mains && contenders.some(({ state }) => state.is === 'waiting')
}

/** For the status. A process that is not known here is a standby: it acts as nothing else. */
export function roleOf(election: ElectionState, worker: number, number: number): Role {
  const contender = contenderOf(election, worker, number)
  return contender === null ? 'standby' : roleIn(contender.state)
}

/** When the election wants a `tick`, null: it waits for an event only. */
export function deadlineOfElection({ contenders, vacated }: ElectionState): Instant | null {
  let due: Instant | null = null
  for (const { state } of contenders) if (state.is === 'acquiring') due = earliest(due, state.deadline)
  for (const { lookAt } of vacated) due = earliest(due, lookAt)
  return due
}

/** Tokens are whole numbers of any length; revisions of a cluster need more than a float holds. */
export function isNewerToken(token: string, than: string): boolean {
  return BigInt(token) > BigInt(than)
}
