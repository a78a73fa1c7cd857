// One step of an election: the event goes to its contender; what concerns several of them is settled here.
import type { Instant } from '../lifecycle/process-state.ts'
import type { ContenderEvent, ContenderEventOf } from './contender-event.ts'
import type { ContenderContext } from './contender-state.ts'
import { beginContender, type ContenderStep, stepContender } from './contender-transition.ts'
import type { ElectionEffect, ElectionEvent } from './election-event.ts'
import { type Contender, contenderOf, type ElectionState, heldSlots, isNewerToken } from './election-state.ts'

export type ElectionStep = readonly [ElectionState, readonly ElectionEffect[]]

/** Milliseconds after which somebody else may be asked for who has a slot that ours gave up. */
const LOOK_AFTER = 1_000

export function stepElection(election: ElectionState, event: ElectionEvent): ElectionStep {
  const run = new Run(election, event.at)
  run.take(event)
  return [run.finish(), run.effects]
}

/** What one step accumulates. Lives for one call of `stepElection`, nothing of it is kept. */
class Run {
  election: ElectionState
  readonly effects: ElectionEffect[] = []
  readonly before: ElectionState
  readonly at: Instant

  constructor(election: ElectionState, at: Instant) {
    this.election = election
    this.before = election
    this.at = at
  }

  take(event: ElectionEvent): void {
    switch (event.is) {
      case 'enter':
        return this.enter(event.worker, event.number)
      case 'contender': {
        const contender = contenderOf(this.election, event.worker, event.number)
        // Late: that process is gone and forgotten.
        if (contender === null) return
        return event.event.is === 'acquired' ? this.acquired(contender, event.event) : this.step(contender, event.event)
      }
      case 'slot-seen':
        return this.slotSeen(event.slot, event.heldBy.length > 0)
      case 'tick':
        return this.tick()
    }
  }

  /** Forgets who has ended; a slot that went with nobody of ours taking it is watched. */
  finish(): ElectionState {
    const contenders = this.election.contenders.filter(({ state }) => state.is !== 'ended')
    if (contenders.length === 0) return { ...this.election, contenders, vacated: [] }
    const held = new Set(heldSlots(contenders))
    const known = this.election.vacated.filter(({ slot }) => !held.has(slot))
    const given = heldSlots(this.before.contenders).filter(
      (slot, index, all) => !held.has(slot) && all.indexOf(slot) === index && !known.some((one) => one.slot === slot),
    )
    const lookAt = this.at + LOOK_AFTER
    return { ...this.election, contenders, vacated: [...known, ...given.map((slot) => ({ slot, lookAt }))] }
  }

  private enter(worker: number, number: number): void {
    if (contenderOf(this.election, worker, number) !== null) return
    const { contenders, settings } = this.election
    // Whoever waits was before it, and a slot in our own hands is not free.
    const maybeFree =
      !contenders.some(({ state }) => state.is === 'waiting') && new Set(heldSlots(contenders)).size < settings.mains
    const step = beginContender(this.at, maybeFree, this.context())
    this.settle(worker, number, step, [...contenders, { worker, number, state: step[0] }])
  }

  private acquired(contender: Contender, event: ContenderEventOf<'acquired'>): void {
    const { slot, token } = event.grip
    const { at } = this
    const last = this.election.tokens[slot] ?? '0'
    if (!isNewerToken(token, last)) {
      const why = `slot ${slot} came with token ${token}, which is not above ${last}: whoever compares tokens would refuse it`
      return this.step(contender, { is: 'wait-failed', at, why, mistaken: true })
    }
    this.election = { ...this.election, tokens: { ...this.election.tokens, [slot]: token } }
    for (const other of this.election.contenders) {
      const acts = other.state.is === 'main' || other.state.is === 'promoting'
      if (other === contender || !acts || other.state.grip.slot !== slot) continue
      // Dead and not reported yet, or its lock was taken from it: it is no main any more in either case.
      this.step(other, { is: 'lost', at, why: `slot ${slot} went to another contender` })
    }
    this.step(contender, event)
  }

  private slotSeen(slot: number, isHeld: boolean): void {
    const lookAt = this.at + LOOK_AFTER
    const vacated = this.election.vacated.flatMap((one) =>
      one.slot !== slot ? [one] : isHeld ? [] : [{ slot, lookAt }],
    )
    this.election = { ...this.election, vacated }
  }

  private tick(): void {
    const { at } = this
    for (const contender of this.election.contenders) this.step(contender, { is: 'tick', at })
    const vacated = this.election.vacated.map((one) => {
      if (at < one.lookAt) return one
      this.effects.push({ do: 'look-at-slot', slot: one.slot })
      return { slot: one.slot, lookAt: at + LOOK_AFTER }
    })
    this.election = { ...this.election, vacated }
  }

  private step({ worker, number, state }: Contender, event: ContenderEvent): void {
    const step = stepContender(state, event, this.context())
    const contenders = this.election.contenders.map((one) =>
      one.worker === worker && one.number === number ? { ...one, state: step[0] } : one,
    )
    this.settle(worker, number, step, contenders)
  }

  private settle(worker: number, number: number, step: ContenderStep, contenders: readonly Contender[]): void {
    const queued = step[1].some((effect) => effect.do === 'start-waiting')
    const nextTicket = this.election.nextTicket + (queued ? 1 : 0)
    this.election = { ...this.election, contenders, nextTicket }
    for (const effect of step[1]) this.effects.push({ do: 'contender', worker, number, effect })
  }

  private context(): ContenderContext {
    const { settings, nextTicket } = this.election
    return { warm: settings.warm, hasPlaces: settings.standbys > 0, ticket: nextTicket }
  }
}
