import { describe, expect, it } from 'vitest'
import type { ContenderEvent } from '../../src/election/contender-event.ts'
import type { ContenderState } from '../../src/election/contender-state.ts'
import type { ElectionEffect } from '../../src/election/election-event.ts'
import {
  type Contender,
  contenderOf,
  deadlineOfElection,
  type ElectionState,
  holderOf,
  isNewerToken,
  isPromotionNear,
  newElection,
  roleOf,
} from '../../src/election/election-state.ts'
import { stepElection } from '../../src/election/election-step.ts'
import { planSwitch, queueOf, replaceableNow, restAt, stopOrder } from '../../src/election/replacement-order.ts'

const SETTINGS = { mains: 2, standbys: 2, warm: true }
const at = 10_000
const grip = (slot: number, token: number) => ({ slot, token: String(1_000_000_000 + token) })

const main = (worker: number, slot: number, since = 0): Contender => ({
  worker,
  number: 1,
  state: { is: 'main', since, grip: grip(slot, slot + 1) },
})
const waiting = (worker: number, ticket: number, since = 0): Contender => ({
  worker,
  number: 1,
  state: { is: 'waiting', since, ticket, warm: true },
})
const inState = (worker: number, state: ContenderState): Contender => ({ worker, number: 1, state })

function electionOf(contenders: Contender[], changes: Partial<ElectionState> = {}): ElectionState {
  const tokens = { 0: '1000000001', 1: '1000000002' }
  return { ...newElection(SETTINGS), contenders, tokens, nextTicket: 9, ...changes }
}

function tell(election: ElectionState, worker: number, event: ContenderEvent): ReturnType<typeof stepElection> {
  return stepElection(election, { is: 'contender', at: event.at, worker, number: 1, event })
}

function deeds(effects: readonly ElectionEffect[]): string[] {
  return effects.flatMap((one) => {
    if (one.do === 'look-at-slot') return [`look at ${one.slot}`]
    return one.effect.do === 'note' ? [] : [`${one.worker}.${one.number} ${one.effect.do}`]
  })
}

describe('who comes', () => {
  it('asks for a slot only where one may be free and nobody of ours waits', () => {
    const enter = (election: ElectionState): string[] =>
      deeds(stepElection(election, { is: 'enter', at, worker: 3, number: 1 })[1])
    expect(enter(newElection(SETTINGS))).toEqual(['3.1 try-lock'])
    expect(enter(electionOf([main(0, 0)]))).toEqual(['3.1 try-lock'])
    expect(enter(electionOf([main(0, 0), waiting(1, 1)]))).toEqual(['3.1 take-place'])
    expect(enter(electionOf([main(0, 0), main(1, 1)]))).toEqual(['3.1 take-place'])
    expect(enter(electionOf([main(3, 0)]))).toEqual([])
  })

  it('has its turn in the queue by the moment at which it queues', () => {
    const booting = (worker: number): Contender => inState(worker, { is: 'booting', since: 0 })
    let election = electionOf([booting(0), booting(1)])
    for (const worker of [1, 0]) [election] = tell(election, worker, { is: 'ready', at })
    expect(queueOf(election).map(({ worker }) => worker)).toEqual([1, 0])
    expect(election.nextTicket).toBe(11)
  })

  it('is forgotten when it has ended, and so is what comes later', () => {
    const [gone] = tell(electionOf([inState(0, { is: 'leaving', since: 0, why: 'x' })]), 0, {
      is: 'reaped',
      at,
      why: 'x',
    })
    expect(gone.contenders).toEqual([])
    expect(tell(gone, 0, { is: 'stop', at, why: 'x' })[1]).toEqual([])
  })
})

describe('a slot', () => {
  it('that comes to another one: the main before is dead, or no main any more', () => {
    const election = electionOf([main(0, 0), main(1, 1), waiting(2, 1)])
    const [next, effects] = tell(election, 2, { is: 'acquired', at, grip: grip(0, 5), told: true })
    expect(deeds(effects)).toEqual(['0.1 tell-lost', '0.1 stop-process'])
    expect(next.contenders.map(({ state }) => state.is)).toEqual(['lost', 'main', 'main'])
    expect(holderOf(next, 0)?.worker).toBe(2)
    expect(holderOf(next, 5)).toBeNull()
    expect(next.tokens[0]).toBe('1000000005')
  })

  it('of one that drains or is dead goes on without a word', () => {
    const draining = inState(0, { is: 'draining', since: 0, grip: grip(0, 1), why: 'x' })
    const [next, effects] = tell(electionOf([draining, waiting(2, 1)]), 2, {
      is: 'acquired',
      at,
      grip: grip(0, 5),
      told: true,
    })
    expect(deeds(effects)).toEqual([])
    expect(holderOf(next, 0)?.worker).toBe(2)
    expect(holderOf({ ...next, contenders: [...next.contenders].reverse() }, 0)?.worker).toBe(2)
    // It is nobody's loss when the first one is reaped.
    expect(tell(next, 0, { is: 'reaped', at, why: 'x' })[0].vacated).toEqual([])
  })

  it('with a token that does not rise makes no main', () => {
    const event = { is: 'acquired', at, grip: grip(0, 1), told: true } as const
    const [next, effects] = tell(electionOf([waiting(2, 1)]), 2, event)
    expect(deeds(effects)).toEqual(['2.1 tell-lost', '2.1 stop-process'])
    expect(next.contenders[0]?.state).toMatchObject({
      is: 'leaving',
      why: expect.stringMatching(/not above 1000000001/),
    })
    expect(next.tokens[0]).toBe('1000000001')
    const fresh = tell(electionOf([waiting(2, 1)], { tokens: {} }), 2, event)[0]
    expect(fresh.contenders[0]?.state.is).toBe('main')
  })

  it('that ours gave up is looked at until somebody has it', () => {
    const draining = inState(0, { is: 'draining', since: 0, grip: grip(0, 1), why: 'x' })
    let [election, effects] = tell(electionOf([draining, waiting(1, 1)]), 0, { is: 'reaped', at, why: 'x' })
    expect(election.vacated).toEqual([{ slot: 0, lookAt: at + 1_000 }])
    expect(deadlineOfElection(election)).toBe(at + 1_000)
    ;[election, effects] = stepElection(election, { is: 'tick', at: at + 999 })
    expect(deeds(effects)).toEqual([])
    ;[election, effects] = stepElection(election, { is: 'tick', at: at + 1_000 })
    expect(deeds(effects)).toEqual(['look at 0'])
    const seen = { is: 'slot-seen', at: at + 1_100, slot: 0 } as const
    ;[election] = stepElection(election, { ...seen, heldBy: [] })
    expect(election.vacated).toEqual([{ slot: 0, lookAt: at + 2_100 }])
    ;[election] = stepElection(election, { ...seen, slot: 1, heldBy: [] })
    expect(election.vacated.length).toBe(1)
    const [taken] = stepElection(election, { ...seen, heldBy: [{ pid: 7, command: 'x' }] })
    expect(taken.vacated).toEqual([])
    const [ours] = tell(election, 1, { is: 'acquired', at, grip: grip(0, 5), told: true })
    expect(ours.vacated).toEqual([])
  })

  it('is watched once, however often it is given up, and not when nobody of ours is left', () => {
    const releasing = inState(0, { is: 'draining', since: 0, grip: grip(0, 1), why: 'x' })
    const known = electionOf([releasing, waiting(1, 1)], { vacated: [{ slot: 0, lookAt: 5 }] })
    // Held again in our books: it is vacant no more. Given up again: watched anew.
    expect(tell(known, 0, { is: 'reaped', at, why: 'x' })[0].vacated).toEqual([{ slot: 0, lookAt: 5 }])
    let [election] = tell(electionOf([releasing]), 0, { is: 'reaped', at, why: 'x' })
    expect(election.vacated.length).toBe(1)
    ;[election] = tell(election, 0, { is: 'released', at, heldBy: [] })
    expect(election).toMatchObject({ contenders: [], vacated: [] })
  })
})

describe('the deadline', () => {
  it('is the earliest of all that ask', () => {
    expect(deadlineOfElection(newElection(SETTINGS))).toBeNull()
    const acquiring = (worker: number, deadline: number): Contender =>
      inState(worker, { is: 'acquiring', since: 0, deadline })
    expect(deadlineOfElection(electionOf([acquiring(0, 500), acquiring(1, 400), main(2, 0)]))).toBe(400)
  })
})

describe('whom a rolling restart may take', () => {
  const isOld = (...workers: number[]) => ({
    isOutdated: (worker: number) => workers.includes(worker),
    minReady: 500,
    expectsStandbys: true,
  })
  const all = [main(0, 0), main(1, 1), waiting(2, 1), waiting(3, 2)]

  it('is the standbys first', () => {
    expect(replaceableNow(electionOf(all), isOld(0, 1, 2, 3), at)).toEqual([2, 3])
    expect(replaceableNow(electionOf(all), isOld(0, 3), at)).toEqual([3])
  })

  it('is one main, when everybody has been in place for long enough and somebody waits', () => {
    const take = (contenders: Contender[], changes: Partial<ElectionState> = {}): number[] =>
      replaceableNow(electionOf(contenders, changes), isOld(0, 1), at)
    expect(take(all)).toEqual([0])
    expect(take([main(0, 0), main(1, 1)])).toEqual([])
    expect(take([main(0, 0), main(1, 1, at - 499), waiting(2, 1)])).toEqual([])
    expect(take([main(0, 0), main(1, 1), waiting(2, 1, at - 499)])).toEqual([])
    expect(take([main(0, 0), waiting(2, 1), inState(3, { is: 'booting', since: 0 })])).toEqual([])
    expect(take(all, { vacated: [{ slot: 1, lookAt: at }] })).toEqual([])
    expect(replaceableNow(electionOf(all), isOld(), at)).toEqual([])
    const alone = electionOf([main(0, 0), main(1, 1)])
    expect(replaceableNow(alone, { ...isOld(0, 1), expectsStandbys: false }, at)).toEqual([0])
  })

  it('is a main, too, when the standbys of others have all places: one of them follows', () => {
    const placing = (since: number): Contender[] => [main(0, 0), inState(1, { is: 'placing', since })]
    expect(replaceableNow(electionOf(placing(at - 999)), isOld(0), at)).toEqual([])
    expect(replaceableNow(electionOf(placing(at - 1_000)), isOld(0), at)).toEqual([0])
  })

  it('is asked again at the moment when all may be in place', () => {
    const rules = isOld()
    expect(restAt(electionOf(all), rules)).toBe(500)
    expect(restAt(electionOf([main(0, 0, 30), waiting(1, 1, 70)]), rules)).toBe(570)
    expect(restAt(electionOf([]), rules)).toBeNull()
    expect(restAt(electionOf(all, { vacated: [{ slot: 0, lookAt: 1 }] }), rules)).toBeNull()
    expect(restAt(electionOf([main(0, 0), inState(1, { is: 'placing', since: 20 })]), rules)).toBe(1_020)
    expect(restAt(electionOf([main(0, 0), inState(1, { is: 'booting', since: 20 })]), rules)).toBeNull()
  })

  it('is the other way round for nobody: standbys stop before mains', () => {
    expect(stopOrder(electionOf(all))).toEqual([2, 3, 0, 1])
    const both = [main(0, 0), { ...waiting(0, 1), number: 2 }, waiting(1, 2)]
    expect(stopOrder(electionOf(both))).toEqual([0, 1])
  })
})

describe('a planned switch', () => {
  it('is from the main of the lowest slot, or the one that is named, to the standby that waits longest', () => {
    const election = electionOf([main(0, 1), main(1, 0), waiting(2, 7), waiting(3, 4)])
    expect(planSwitch(election, null)).toEqual({ is: 'switch', worker: 1, follower: 3, slot: 0 })
    expect(planSwitch(election, 0)).toEqual({ is: 'switch', worker: 0, follower: 3, slot: 1 })
  })

  it('is refused with a reason', () => {
    expect(planSwitch(electionOf([waiting(2, 7)]), null)).toEqual({ is: 'refused', why: 'no main works here' })
    expect(planSwitch(electionOf([main(0, 0), waiting(2, 7)]), 2)).toEqual({
      is: 'refused',
      why: 'worker 2 is no main',
    })
    expect(planSwitch(electionOf([main(0, 0)]), null)).toEqual({
      is: 'refused',
      why: 'no standby of its own waits that could follow',
    })
  })
})

describe('the books', () => {
  it('know roles, and nobody who is not in them', () => {
    const election = electionOf([main(0, 0), waiting(1, 1)])
    expect([roleOf(election, 0, 1), roleOf(election, 1, 1), roleOf(election, 0, 2)]).toEqual([
      'main',
      'standby',
      'standby',
    ])
    expect(contenderOf(election, 0, 2)).toBeNull()
  })

  it('know whether somebody may be promoted in the next moments', () => {
    const dying = inState(0, { is: 'draining', since: 0, grip: grip(0, 1), why: 'it died' })
    expect(isPromotionNear(electionOf([dying, main(1, 1), waiting(2, 1)]))).toBe(true)
    expect(isPromotionNear(electionOf([main(0, 0), main(1, 1), waiting(2, 1)]))).toBe(false)
    expect(
      isPromotionNear(
        electionOf([inState(0, { is: 'promoting', since: 0, grip: grip(0, 1) }), main(1, 1), waiting(2, 1)]),
      ),
    ).toBe(false)
    expect(isPromotionNear(electionOf([dying, main(1, 1)]))).toBe(false)
  })

  it('compare tokens as numbers of any length', () => {
    expect(isNewerToken('9223372036854775807', '9223372036854775806')).toBe(true)
    expect(isNewerToken('10', '9')).toBe(true)
    expect(isNewerToken('9', '9')).toBe(false)
  })
})
