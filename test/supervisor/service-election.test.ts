// Whoever wants a process of a service with slots gets exactly one answer, whatever throws on the way.
import fc from 'fast-check'
import { describe, expect, onTestFinished, test, vi } from 'vitest'
import type { AcquireOutcome, Candidate, LockProvider, PlaceOutcome } from '../../src/locks/lock-provider.ts'
import type { LaunchRequest } from '../../src/supervisor/prepare-spawn.ts'
import { ServiceElection } from '../../src/supervisor/service-election.ts'
import type { RunningProcess, ServiceRuntime } from '../../src/supervisor/service-runtime.ts'
import { until } from '../os/scratch.ts'

const DEEDS = ['tryNow', 'takePlace', 'wait', 'cancel', 'leave', 'launch', 'note', 'parked'] as const
type Deed = (typeof DEEDS)[number]
type Answer = 'acquired' | 'busy' | 'placed' | 'failed'

/** Answers when it is told to, or when it is called back. */
class FakeCandidate implements Candidate {
  readonly inheritFds: readonly number[] = []
  private readonly world: World
  private pending: ((answer: Answer | 'cancelled') => void) | null = null

  constructor(world: World) {
    this.world = world
  }

  get isAsked(): boolean {
    return this.pending !== null
  }

  answer(answer: Answer | 'cancelled'): void {
    const { pending } = this
    this.pending = null
    pending?.(answer)
  }

  tryNow(): Promise<AcquireOutcome> {
    this.world.may('tryNow')
    return this.ask().then((answer) => (answer === 'placed' ? BUSY : this.world.outcome(answer)))
  }

  takePlace(): Promise<PlaceOutcome> {
    this.world.may('takePlace')
    return this.ask().then((answer): PlaceOutcome => {
      if (answer === 'cancelled') return { is: 'cancelled' }
      return answer === 'failed' ? { is: 'failed', why: 'no fds' } : { is: 'placed' }
    })
  }

  wait(): Promise<AcquireOutcome> {
    this.world.may('wait')
    return this.ask().then((answer) => this.world.outcome(answer === 'acquired' ? answer : 'failed'))
  }

  handOver(): void {}

  cancel(): void {
    this.answer('cancelled')
    this.world.may('cancel')
  }

  leave(): void {
    this.answer('cancelled')
    this.world.may('leave')
  }

  private ask(): Promise<Answer | 'cancelled'> {
    return new Promise((resolve) => {
      this.pending = resolve
    })
  }
}

const BUSY: AcquireOutcome = { is: 'busy', holders: [] }

interface Wanted {
  readonly request: LaunchRequest
  readonly candidate: FakeCandidate
  launched: number
  noProcess: number
  /** Called back before a process was asked for. */
  calledBack: boolean
}

class World {
  readonly wanted: Wanted[] = []
  readonly election: ServiceElection
  /** What throws next, once. */
  throws: Deed | null = null
  /** What lifecycle does at the next word that there is no process, at once. */
  next: (() => void) | null = null
  private fresh = new FakeCandidate(this)
  /** How often /proc was searched for who else holds a slot. */
  looks = 0
  /** Of those who were called back before a process was asked for. */
  refused = 0
  private tokens = 1_000_000_000
  private numbers = 0

  constructor(slots: { mains: number; standbys: number; warm: boolean }) {
    const provider: Pick<LockProvider, 'candidate' | 'close' | 'report' | 'health'> = {
      candidate: () => this.fresh,
      close: () => {},
      report: async () => [],
      health: () => ({ state: 'ok', problem: null }),
    }
    this.election = new ServiceElection(
      { lock: 'db', directory: '/', promoteSignal: null, stopFile: null, ...slots },
      provider as LockProvider,
      {
        now: () => 0,
        launch: (request) => {
          this.of(request).launched++
          this.may('launch')
        },
        parked: () => this.may('parked'),
        noProcess: (request, failed) => this.heard(request, failed),
        trouble: () => {},
        stopProcess: () => {},
        note: () => this.may('note'),
        onChange: () => {},
      },
    )
  }

  may(deed: Deed): void {
    if (this.throws !== deed) return
    this.throws = null
    throw new Error(`${deed} threw`)
  }

  outcome(answer: Answer | 'cancelled'): AcquireOutcome {
    if (answer === 'cancelled') return { is: 'cancelled' }
    if (answer === 'busy') return BUSY
    if (answer !== 'acquired') return { is: 'failed', why: 'no fds' }
    const held = {
      slot: 0,
      token: String(++this.tokens),
      deadline: Infinity,
      onLost: () => {},
      release: async () => {},
      strangers: async () => {
        this.looks++
        return []
      },
    }
    return { is: 'acquired', held, told: false }
  }

  enter(slot = 0): Wanted {
    const service = { state: { name: 'db' } } as ServiceRuntime
    const request = { service, slot, number: ++this.numbers, generation: 1 } as LaunchRequest
    const candidate = new FakeCandidate(this)
    this.fresh = candidate
    const one: Wanted = { request, candidate, launched: 0, noProcess: 0, calledBack: false }
    this.wanted.push(one)
    this.election.enter(request, `db.${request.number}`)
    return one
  }

  callBack(one: Wanted): void {
    if (one.launched > 0 || one.noProcess > 0 || one.calledBack) return
    one.calledBack = true
    if (!this.election.callBack(one.request.slot, one.request.number)) this.refused++
  }

  private heard(request: LaunchRequest, failed: string | null): void {
    const one = this.of(request)
    one.noProcess++
    // As the interpreter does: what could not be started is over.
    if (failed !== null) this.election.tell(request.slot, request.number, { is: 'reaped', why: failed })
    const { next } = this
    this.next = null
    next?.()
  }

  private of({ number }: LaunchRequest): Wanted {
    const found = this.wanted.find(({ request }) => request.number === number)
    if (found === undefined) throw new Error(`nobody is number ${number}`)
    return found
  }
}

const commands = fc.oneof(
  { weight: 3, arbitrary: fc.record({ do: fc.constant('enter' as const), which: fc.constant(0) }) },
  { weight: 3, arbitrary: fc.record({ do: fc.constant('call-back' as const), which: fc.nat(5) }) },
  {
    weight: 5,
    arbitrary: fc.record({
      do: fc.constantFrom('acquired' as const, 'busy' as const, 'placed' as const, 'failed' as const),
      which: fc.nat(5),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({ do: fc.constantFrom(...DEEDS.map((deed) => `${deed} throws` as const)), which: fc.nat(0) }),
  },
  {
    weight: 2,
    arbitrary: fc.record({ do: fc.constantFrom('then-enter' as const, 'then-call-back' as const), which: fc.nat(5) }),
  },
)
type Command = typeof commands extends fc.Arbitrary<infer C> ? C : never

function obey(world: World, { do: verb, which }: Command): void {
  const pick = <T>(from: readonly T[]): T | undefined => from[which % Math.max(1, from.length)]
  const callOneBack = (): void => {
    const one = pick(
      world.wanted.filter(({ launched, noProcess, calledBack }) => launched + noProcess === 0 && !calledBack),
    )
    if (one !== undefined) world.callBack(one)
  }
  switch (verb) {
    case 'enter':
      return void world.enter()
    case 'call-back':
      return callOneBack()
    case 'then-enter':
      world.next = () => void world.enter()
      return
    case 'then-call-back':
      // At once after it has come: the election has not heard of it yet.
      world.next = () => {
        world.callBack(world.enter())
      }
      return
    case 'acquired':
    case 'busy':
    case 'placed':
    case 'failed':
      return pick(world.wanted.filter(({ candidate }) => candidate.isAsked))?.candidate.answer(verb)
    default:
      world.throws = verb.slice(0, verb.indexOf(' ')) as Deed
  }
}

const slots = fc.record({
  mains: fc.integer({ min: 1, max: 2 }),
  standbys: fc.integer({ min: 0, max: 2 }),
  warm: fc.boolean(),
})

describe('who is called back before there is a process', () => {
  test('hears exactly once that there will be none, whatever throws meanwhile, and whatever follows from the news at once', async () => {
    const property = fc.asyncProperty(slots, fc.array(commands, { minLength: 2, maxLength: 30 }), async (of, life) => {
      const world = new World(of)
      for (const command of life) {
        obey(world, command)
        await settled()
      }
      for (const one of world.wanted) {
        if (one.calledBack) expect(one).toMatchObject({ launched: 0, noProcess: 1 })
        expect(one.noProcess).toBeLessThanOrEqual(1)
        expect(one.launched).toBeLessThanOrEqual(1)
      }
      expect(world.refused).toBe(0)
      // And so does everybody else in the end.
      world.throws = null
      world.next = null
      for (const one of world.wanted) world.callBack(one)
      await settled()
      for (const { launched, noProcess } of world.wanted) expect(launched + noProcess).toBeGreaterThanOrEqual(1)
      world.election.close()
    })
    await fc.assert(property, { numRuns: 300 })
  })
})

describe('while a standby may follow a dead main, the cores are its own', () => {
  async function mainDies(): Promise<{ world: World; standby: Wanted; successor: Wanted }> {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
    onTestFinished(() => void vi.useRealTimers())
    const world = new World({ mains: 1, standbys: 1, warm: false })
    const come = async (...answers: Answer[]): Promise<Wanted> => {
      world.enter()
      const one = world.wanted.at(-1) as Wanted
      for (const answer of answers) {
        one.candidate.answer(answer)
        await settled()
      }
      return one
    }
    const main = await come('acquired')
    expect(main.launched).toBe(1)
    const standby = await come('placed')
    expect(standby.candidate.isAsked).toBe(true)
    world.election.tell(0, main.request.number, { is: 'exited', why: 'killed' })
    world.election.tell(0, main.request.number, { is: 'reaped', why: 'killed' })
    const successor = await come()
    return { world, standby, successor }
  }

  test('who comes in the place of the main waits 50 ms before it asks for anything', async () => {
    const { world, successor } = await mainDies()
    vi.advanceTimersByTime(49)
    expect(successor.candidate.isAsked).toBe(false)
    vi.advanceTimersByTime(1)
    expect(successor.candidate.isAsked).toBe(true)
    world.election.close()
  })

  test('and asks for nothing if it was called back meanwhile', async () => {
    const { world, successor } = await mainDies()
    world.callBack(successor)
    vi.advanceTimersByTime(1_000)
    expect(successor).toMatchObject({ noProcess: 1, candidate: { isAsked: false } })
    world.election.close()
  })

  test('nor if all was closed meanwhile: nobody would give its place back', async () => {
    const { world, successor } = await mainDies()
    world.election.close()
    vi.advanceTimersByTime(1_000)
    expect(successor.candidate.isAsked).toBe(false)
  })

  test('nobody looks for who else may hold the slot, once it is taken', async () => {
    const { world, standby } = await mainDies()
    standby.candidate.answer('acquired')
    await settled()
    expect(standby.launched).toBe(1)
    vi.advanceTimersByTime(1_000)
    expect(world.looks).toBe(0)
    world.election.close()
  })

  test('nor once everything is closed', async () => {
    const { world } = await mainDies()
    await settled()
    world.election.close()
    vi.advanceTimersByTime(1_000)
    expect(world.looks).toBe(0)
  })

  test('while it is not, they do after 50 ms', async () => {
    const { world } = await mainDies()
    await settled()
    vi.advanceTimersByTime(49)
    expect(world.looks).toBe(0)
    vi.advanceTimersByTime(1)
    expect(world.looks).toBe(1)
    world.election.close()
  })
})

test('one standby that can not be told of a promotion is enough for the health; ok when the last one can, or is gone', async () => {
  const world = new World({ mains: 1, standbys: 2, warm: true })
  const { election } = world
  world.enter(0).candidate.answer('acquired')
  await settled()
  const failing = new Set([1, 2])
  for (const slot of failing) {
    const { request, candidate } = world.enter(slot)
    candidate.answer('placed')
    await settled()
    const openCommands = () => {
      if (failing.has(slot)) throw Object.assign(new Error(`no descriptors for ${slot}`), { code: 'EMFILE' })
      return { fd: -1, close: () => {} }
    }
    const { number } = request
    election.spawned({ slot, number, identity: { pid: 0, startTime: 0 }, lane: { openCommands } } as RunningProcess)
    election.tell(slot, number, { is: 'ready' })
  }
  const troubleOf = (slot: number) => ({
    state: 'degraded',
    problem: `standbys can not be told of a promotion just now: no descriptors for ${slot}`,
  })
  expect(election.health).toEqual(troubleOf(1))
  failing.delete(1)
  await until('the first can be told', () => world.wanted[1]?.candidate.isAsked === true)
  expect(election.health).toEqual(troubleOf(2))
  for (const is of ['exited', 'reaped'] as const) election.tell(2, 3, { is, why: 'killed' })
  expect(election.health).toEqual({ state: 'ok', problem: null })
  election.close()
})

/** Every promise that was resolved has been heard. */
function settled(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve))
}
