import fc from 'fast-check'
import { describe, expect, it, vi } from 'vitest'
import { gripOf } from '../../src/election/contender-state.ts'
import { queueOf } from '../../src/election/replacement-order.ts'
import { CALM, type Chances, ElectionWorld } from './election-world.ts'

vi.setConfig({ testTimeout: 120_000 })
const RUNS = 200 * Number(process.env.MODEL_RUNS ?? 1)
/** Longer than anything that is under way may take, with M + K workers one after the other. */
const LONG_ENOUGH = 60_000

const settings = fc.record({
  mains: fc.integer({ min: 1, max: 3 }),
  standbys: fc.integer({ min: 0, max: 3 }),
  warm: fc.boolean(),
})
const trouble: fc.Arbitrary<Chances> = fc.record({
  spawnFails: fc.constantFrom(0, 0.2),
  leavesHeir: fc.constantFrom(0, 0.2),
  waitFails: fc.constantFrom(0, 0.2),
})
const commands = fc.oneof(
  fc.record({ do: fc.constant('advance' as const), by: fc.constantFrom(1, 20, 100, 400, 2_000, 6_000) }),
  fc.record({ do: fc.constantFrom('kill-main', 'kill-standby', 'kill-any', 'stop', 'lose'), which: fc.nat(10) }),
  fc.record({ do: fc.constantFrom('failover', 'restart', 'hard-restart', 'stranger', 'strangers-gone', 'down', 'up') }),
)
type Command = { do: string; by?: number; which?: number }

function obey(world: ElectionWorld, command: Command): void {
  const { do: verb, by = 0, which = 0 } = command
  const pick = <T>(from: readonly T[]): T | undefined => from[which % Math.max(1, from.length)]
  switch (verb) {
    case 'advance':
      return world.advance(by)
    case 'kill-main':
    case 'kill-standby':
    case 'kill-any': {
      const role = verb === 'kill-main' ? 'main' : 'standby'
      const one = pick(world.alive().filter(({ actsAs }) => verb === 'kill-any' || actsAs === role))
      return one === undefined ? undefined : world.kill9(one)
    }
    case 'stop':
      return world.stop(which % world.workers.length, 'by the operator')
    case 'lose': {
      const one = pick(world.mains())
      return one === undefined ? undefined : world.lose(one)
    }
    case 'failover':
      world.failover()
      return
    case 'restart':
    case 'hard-restart':
      world.generation++
      world.restart = verb === 'restart' ? 'rolling' : 'hard'
      return
    case 'stranger':
      return world.addStranger()
    case 'strangers-gone':
      return world.removeStrangers()
    default:
      world.wanted = verb === 'up'
  }
}

/** What must hold after every single step. */
function checkInvariants(world: ElectionWorld): void {
  const { mains: most } = world.election.settings
  const acting = world.mains().filter(({ grip }) => grip !== null)
  expect(acting.length).toBe(world.mains().length)
  expect(acting.length).toBeLessThanOrEqual(most)
  const slots = acting.map(({ grip }) => grip?.slot)
  expect(new Set(slots).size).toBe(slots.length)
  // Whoever acts as main has the lock itself.
  for (const one of acting) expect(world.locks.slots[one.grip?.slot ?? -1]).toBe(one)
  const booked = world.election.contenders.flatMap(({ state }) =>
    state.is === 'main' || state.is === 'promoting' ? [state.grip.slot] : [],
  )
  expect(new Set(booked).size).toBe(booked.length)
}

function checkTokens(world: ElectionWorld): void {
  const tokens = world.locks.grants.map(({ grip }) => BigInt(grip.token))
  for (const [index, token] of tokens.entries()) if (index > 0) expect(token > (tokens[index - 1] ?? 0n)).toBe(true)
}

function live(input: { settings: Parameters<typeof newWorld>[0]; seed: number; chances: Chances; life: Command[] }) {
  const world = newWorld(input.settings, input.seed, input.chances)
  for (const command of input.life) obey(world, command)
  return world
}

function newWorld(
  of: { mains: number; standbys: number; warm: boolean },
  seed: number,
  chances: Chances,
): ElectionWorld {
  return new ElectionWorld(of, seed, chances, checkInvariants)
}

const lives = fc.record({
  settings,
  seed: fc.nat(),
  chances: trouble,
  life: fc.array(commands, { minLength: 1, maxLength: 40, size: 'max' }),
})

function expectAtRest(world: ElectionWorld): void {
  const { mains, standbys } = world.election.settings
  const states = world.election.contenders.map(({ state }) => state.is).sort()
  expect(states).toEqual([...Array(mains).fill('main'), ...Array(standbys).fill('waiting')])
  expect(world.mains().length).toBe(mains)
  expect(world.election.vacated).toEqual([])
}

describe('an election, whatever dies, hangs or is asked', () => {
  it('has at most K mains, one of a slot, each with its lock in its own hands, and tokens that rise', () => {
    fc.assert(
      fc.property(lives, (input) => checkTokens(live(input))),
      { numRuns: RUNS },
    )
  })

  it('comes to rest with K mains and M standbys in the queue when the trouble is over', () => {
    fc.assert(
      fc.property(lives, (input) => {
        const world = live(input)
        Object.assign(world, { chances: CALM, wanted: true })
        world.removeStrangers()
        world.advance(LONG_ENOUGH)
        expectAtRest(world)
        expect(world.restart).toBe('none')
      }),
      { numRuns: RUNS },
    )
  })

  it('leaves nothing when it is stopped', () => {
    fc.assert(
      fc.property(lives, (input) => {
        const world = live(input)
        world.removeStrangers()
        obey(world, { do: 'down' })
        world.advance(LONG_ENOUGH)
        expect(world.alive()).toEqual([])
        expect(world.election.contenders).toEqual([])
        expect(world.election.vacated).toEqual([])
        expect(world.locks.slots.filter((one) => one !== null)).toEqual([])
        expect(world.locks.places.size + world.locks.queue.length + world.locks.placeQueue.length).toBe(0)
      }),
      { numRuns: RUNS },
    )
  })
})

const calmLives = fc.record({ settings, seed: fc.nat() })

function atRest({ settings: of, seed }: { settings: Parameters<typeof newWorld>[0]; seed: number }): ElectionWorld {
  const world = newWorld(of, seed, CALM)
  world.advance(LONG_ENOUGH)
  expectAtRest(world)
  return world
}

describe('a restart, with standbys', () => {
  it('takes the standbys first, then the mains one by one, each when the one before has a proven follower', () => {
    fc.assert(
      fc.property(calmLives, fc.boolean(), ({ settings: of, seed }, warm) => {
        const world = atRest({ settings: { ...of, standbys: Math.max(1, of.standbys), warm }, seed })
        const { mains, standbys } = world.election.settings
        const before = world.election.contenders.map(({ worker, number }) => `${worker}.${number}`)
        obey(world, { do: 'restart' })
        let least = mains
        for (let time = 0; time < LONG_ENOUGH; time += 5) {
          world.advance(5)
          least = Math.min(least, heldByLiving(world))
          if (world.restart === 'none') break
        }
        expect(world.restart).toBe('none')
        world.advance(LONG_ENOUGH)
        expectAtRest(world)
        for (const { worker, number } of world.election.contenders) expect(before).not.toContain(`${worker}.${number}`)
        const order = world.stops.map(({ role }) => role)
        expect(order).toEqual([...Array(standbys).fill('standby'), ...Array(mains).fill('main')])
        expect(least).toBeGreaterThanOrEqual(mains - 1)
      }),
      { numRuns: RUNS },
    )
  })

  it('that is cold stops all before it starts one, and promotes nobody on the way', () => {
    fc.assert(
      fc.property(calmLives, (input) => {
        const world = atRest(input)
        const grants = world.locks.grants.length
        obey(world, { do: 'hard-restart' })
        world.advance(LONG_ENOUGH)
        expectAtRest(world)
        for (const { generation } of world.alive()) expect(generation).toBe(2)
        expect(world.locks.grants.length).toBe(grants + world.election.settings.mains)
      }),
      { numRuns: RUNS },
    )
  })
})

describe('a planned switch, or a main that dies', () => {
  it.each(['failover', 'kill-main'])('(%s) promotes who waited longest, once, and fills the queue again', (verb) => {
    fc.assert(
      fc.property(calmLives, fc.nat(5), (input, which) => {
        const world = atRest(input)
        const { standbys } = world.election.settings
        const [first] = queueOf(world.election)
        const last = world.locks.grants.length
        obey(world, { do: verb, which })
        if (verb === 'failover' && standbys === 0) {
          expect(world.stops).toEqual([])
          return
        }
        world.advance(LONG_ENOUGH)
        expectAtRest(world)
        expect(world.locks.grants.length).toBe(last + 1)
        if (standbys > 0) expect(world.locks.grants[last]?.name).toBe(`${first?.worker}.${first?.number}`)
      }),
      { numRuns: RUNS },
    )
  })

  it('is followed in the order of the queue, however many die', () => {
    fc.assert(
      fc.property(calmLives, ({ settings: of, seed }) => {
        const world = atRest({ settings: { ...of, mains: 3, standbys: 3 }, seed })
        const queue = queueOf(world.election).map(({ worker, number }) => `${worker}.${number}`)
        const last = world.locks.grants.length
        for (const main of world.mains()) world.kill9(main)
        world.advance(LONG_ENOUGH)
        expect(world.locks.grants.slice(last).map(({ name }) => name)).toEqual(queue)
        expectAtRest(world)
      }),
      { numRuns: RUNS },
    )
  })
})

function heldByLiving(world: ElectionWorld): number {
  return world.election.contenders.filter(({ state }) => gripOf(state) !== null && state.is !== 'releasing').length
}
