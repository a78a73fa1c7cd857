import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { longestPace, nextTurn, variedInterval } from '../../src/rollout/pace.ts'
import {
  deadlineOfService,
  expectedTurn,
  isDown,
  isRolling,
  readyCount,
  specOf,
} from '../../src/rollout/service-state.ts'
import type { SpecChanges } from '../model/service-spec.ts'
import type { Simulation } from '../model/simulation.ts'
import { only, phases, restart, stop, up, world } from './quiet-world.ts'

const SECOND = { interval: 1_000 }

/** When each process was asked for from the world, and which: `0/1`. */
function watchStarts(simulation: Simulation): [number, string][] {
  const starts: [number, string][] = []
  simulation.observe(({ event, effects }) => {
    for (const effect of effects) {
      if (effect.do === 'slot' && effect.effect.do === 'spawn')
        starts.push([event.at, `${effect.slot}/${effect.effect.number}`])
    }
  })
  return starts
}

function started(changes: SpecChanges): { simulation: Simulation; starts: [number, string][] } {
  const simulation = world(changes)
  const starts = watchStarts(simulation)
  simulation.send({ is: 'start', slots: null })
  return { simulation, starts }
}

/** All up, and the last start long ago. */
function settled(changes: SpecChanges): { simulation: Simulation; starts: [number, string][]; since: number } {
  const simulation = up({ pace: SECOND, ...changes }, 20_000)
  return { simulation, starts: watchStarts(simulation), since: simulation.now }
}

function killAll(simulation: Simulation): void {
  for (const process of simulation.living()) simulation.kill9(process)
}

const notes = ({ effects }: Simulation, slot: number) =>
  effects.flatMap((effect) => {
    if (effect.do !== 'slot' || effect.slot !== slot || effect.effect.do !== 'note') return []
    const { from, to, reason } = effect.effect
    return [`${from} → ${to}: ${reason}`]
  })

describe('an interval', () => {
  it.each([
    [0, 800],
    [0.5, 1_000],
    [1, 1_200],
  ])('varies by its jitter: %f', (random, millis) => {
    expect(variedInterval({ interval: 1_000, jitter: 0.2 }, random)).toBe(millis)
  })

  it('is never nothing', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 100_000 }),
        fc.double({ min: 0, max: 1, noNaN: true }),
        fc.double({ min: 0, max: 1, noNaN: true }),
        (interval, jitter, random) => {
          const varied = variedInterval({ interval, jitter }, random)
          expect(varied).toBeGreaterThanOrEqual(Math.max(1, Math.floor(interval * (1 - jitter))))
          expect(varied).toBeLessThanOrEqual(Math.ceil(interval * (1 + jitter)))
          expect(longestPace({ interval, jitter }, 3)).toBeGreaterThanOrEqual(3 * varied - 3)
        },
      ),
    )
  })

  it('counts from the last start, by the pace of today', () => {
    const last = { at: 5_000, random: 1 }
    expect(nextTurn(null, { interval: 1_000, jitter: 0 })).toBeNull()
    expect(nextTurn(last, { interval: 0, jitter: 0.2 })).toBeNull()
    expect(nextTurn(last, { interval: 1_000, jitter: 0.2 })).toBe(6_200)
  })
})

describe('starts in their turn', () => {
  it('come one per interval, the first at once, in the order of the slots', () => {
    const { simulation, starts } = started({ instances: 3, pace: SECOND })
    expect(starts).toEqual([[0, '0/1']])
    simulation.advance(10_000)
    expect(starts).toEqual([
      [0, '0/1'],
      [1_000, '1/1'],
      [2_000, '2/1'],
    ])
    expect(deadlineOfService(simulation.service)).toBeNull()
  })

  it('are expected when their turn comes, as far as it can be told', () => {
    const { simulation } = started({ instances: 3, pace: SECOND })
    const expected = () => [0, 1, 2].map((slot) => expectedTurn(simulation.service, slot))
    expect(expected()).toEqual([null, 1_000, 2_000])
    simulation.advance(1_500)
    expect(expected()).toEqual([null, null, 2_000])
    // Never seen between two steps: every turn that has come is taken.
    expect(expectedTurn({ ...simulation.service, lastStart: null }, 2)).toBeNull()
  })

  it('hold for workers that died as well, who fell first starts first', () => {
    const { simulation, starts, since } = settled({ instances: 3 })
    const [first, ...others] = simulation.living().toReversed()
    if (first !== undefined) simulation.kill9(first)
    simulation.advance(10)
    for (const process of others.toReversed()) simulation.kill9(process)
    simulation.advance(10_000)
    expect(starts).toEqual([
      [since, '2/2'],
      [since + 1_000, '0/2'],
      [since + 2_000, '1/2'],
    ])
    expect(simulation.service.slots.map(({ restarts }) => restarts)).toEqual([1, 1, 1])
  })

  it('come after the wait that `restart` asks for', () => {
    const { simulation, starts, since } = settled({ instances: 3, restart: { delay: 3_000 } })
    killAll(simulation)
    simulation.advance(0)
    expect(phases(simulation)).toEqual(['backoff', 'backoff', 'backoff'])
    simulation.advance(20_000)
    expect(starts.map(([at]) => at - since)).toEqual([3_000, 4_000, 5_000])
  })

  it('hold for a start that the operator asks for in a back-off', () => {
    const { simulation, starts, since } = settled({ instances: 2, restart: { delay: 60_000 } })
    killAll(simulation)
    simulation.advance(100)
    simulation.send({ is: 'start', slots: null })
    simulation.advance(5_000)
    expect(starts.map(([at]) => at - since)).toEqual([100, 1_100])
  })

  it('hold for a scale up, and a scale down is done at once', () => {
    const { simulation, starts, since } = settled({ instances: 1 })
    simulation.send({ is: 'scale', desired: 4 })
    simulation.advance(1_500)
    expect(starts.map(([at]) => at - since)).toEqual([0, 1_000])
    simulation.send({ is: 'scale', desired: 1 })
    simulation.advance(500)
    expect(simulation.held()).toHaveLength(1)
    expect(starts).toHaveLength(2)
    expect(simulation.service.queue).toEqual([])
  })

  it('say so in the journal, and why', () => {
    const { simulation } = settled({ instances: 2 })
    killAll(simulation)
    simulation.advance(2_000)
    expect(notes(simulation, 0).at(-2)).toBe('running → starting: killed by SIGKILL; restarted at once')
    expect(notes(simulation, 1)).toEqual([
      'stopped → waiting: waits for its turn',
      'waiting → starting: its turn has come',
      'starting → running: ready',
      'running → waiting: waits for its turn: killed by SIGKILL',
      'waiting → starting: its turn has come',
      'starting → running: ready',
    ])
    expect(simulation.service.slots[1]?.phase.since).toBe(simulation.now - 2_000 + 1_000 + 20)
  })

  it('end when the operator stops the service, at once', () => {
    const { simulation, starts } = started({ instances: 3, pace: SECOND })
    simulation.advance(500)
    simulation.send(stop())
    simulation.advance(100)
    expect(isDown(simulation.service)).toBe(true)
    simulation.advance(10_000)
    expect(starts).toEqual([[0, '0/1']])
    expect(notes(simulation, 2)).toEqual([
      'stopped → waiting: waits for its turn',
      'waiting → stopping: called back before it was started',
      'stopping → stopped: stopped by the operator',
    ])
  })

  it('are not forgotten over a stop and a start', () => {
    const { simulation, starts } = started({ instances: 1, pace: { interval: 10_000 } })
    simulation.advance(500)
    simulation.send(stop())
    simulation.advance(500)
    simulation.send({ is: 'start', slots: null })
    simulation.advance(20_000)
    expect(starts).toEqual([
      [0, '0/1'],
      [10_000, '0/2'],
    ])
  })

  it('wait for a dependency first', () => {
    const simulation = world({ instances: 2, pace: SECOND })
    const starts = watchStarts(simulation)
    simulation.send({ is: 'gate', waitsFor: ['db (ready)'] })
    simulation.send({ is: 'start', slots: null })
    simulation.advance(3_000)
    expect(starts).toEqual([])
    simulation.send({ is: 'gate', waitsFor: [] })
    simulation.advance(3_000)
    expect(starts.map(([at]) => at)).toEqual([3_000, 4_000])
  })
})

describe('another pace', () => {
  function repace(simulation: Simulation, interval: number): void {
    const { service } = simulation
    const spec = { ...specOf(service, service.generation), pace: { interval, jitter: 0 } }
    simulation.send({ is: 'deploy', spec, renew: false, desired: service.desired })
  }

  it('holds from the next start on', () => {
    const { simulation, starts } = started({ instances: 4, pace: { interval: 10_000 } })
    simulation.advance(500)
    repace(simulation, 1_000)
    simulation.advance(5_000)
    expect(starts.map(([at]) => at)).toEqual([0, 1_000, 2_000, 3_000])
  })

  it('that is none lets all start that wait', () => {
    const { simulation, starts } = started({ instances: 3, pace: { interval: 10_000 } })
    simulation.advance(500)
    repace(simulation, 0)
    simulation.advance(100)
    expect(starts.map(([at]) => at)).toEqual([0, 500, 500])
    expect(simulation.service).toMatchObject({ queue: [], lastStart: null })
    expect(readyCount(simulation.service)).toBe(3)
  })
})

describe('a rolling restart', () => {
  it('beside the old ones starts its new workers in their turn', () => {
    const { simulation, starts, since } = settled({ instances: 3, rollout: { maxSurge: 2, maxUnavailable: 0 } })
    simulation.send(restart())
    simulation.advance(10_000)
    expect(starts.map(([at]) => at - since)).toEqual([0, 1_000, 2_000])
    expect(simulation.service).toMatchObject({ generation: 2, rollout: { is: 'stable' } })
  })

  it('in place of the old ones stops each only when the next one may start', () => {
    const { simulation, starts, since } = settled({ instances: 3 })
    const gaps: number[] = []
    let down = 0
    simulation.observe(({ event, before, after }) => {
      if (readyCount(before) === 3 && readyCount(after) === 2) down = event.at
      if (readyCount(before) === 2 && readyCount(after) === 3) gaps.push(event.at - down)
    })
    simulation.send(restart())
    simulation.advance(10_000)
    // 10 ms to stop, 20 ms to boot.
    expect(gaps).toEqual([30, 30, 30])
    expect(starts.map(([at]) => at - since)).toEqual([10, 1_020, 2_030])
  })

  it('gives way to a worker that died', () => {
    const { simulation, starts, since } = settled({ instances: 3, rollout: { maxSurge: 1, maxUnavailable: 0 } })
    simulation.send(restart())
    simulation.advance(500)
    simulation.kill9(only(simulation, 2))
    simulation.advance(10_000)
    expect(starts.slice(0, 3)).toEqual([
      [since, '0/2'],
      [since + 1_000, '2/3'],
      [since + 2_000, '1/2'],
    ])
    // What waited for its turn with the old generation is started with the new one.
    expect(simulation.service.rollout.is).toBe('stable')
    expect(simulation.living().every(({ generation }) => generation === 2)).toBe(true)
  })

  it('has the time that its pace takes beside its own', () => {
    const pace = { interval: 1_000, jitter: 0.5 }
    const { simulation, since } = settled({ instances: 3, pace, rollout: { timeout: 1_000 } })
    simulation.send(restart())
    const { rollout } = simulation.service
    expect(isRolling(rollout) ? rollout.deadline - since : null).toBe(1_000 + 4_500)
    simulation.advance(10_000)
    expect(simulation.service).toMatchObject({ generation: 2, rollout: { is: 'stable' } })
  })

  it('that is cold stops all at once, and starts them in their turn', () => {
    const { simulation, starts, since } = settled({ instances: 3 })
    simulation.send(restart(null, 'cold'))
    simulation.advance(10)
    expect(simulation.living().every(({ generation }) => generation === 2)).toBe(true)
    simulation.advance(10_000)
    expect(starts.map(([at]) => at - since)).toEqual([10, 1_010, 2_010])
  })

  it('that is superseded takes the place in the queue of the one before', () => {
    const { simulation, starts, since } = settled({ instances: 2 })
    simulation.send(restart(null, 'cold'))
    simulation.advance(500)
    simulation.send(restart(null, 'cold'))
    simulation.advance(10_000)
    expect(simulation.service).toMatchObject({ generation: 3, rollout: { is: 'stable' } })
    expect(simulation.service.slots.map(({ restarts }) => restarts)).toEqual([0, 0])
    // The second generation had one worker, the third has two; none was started that nobody wanted any more.
    expect(starts.map(([at]) => at - since)).toEqual([10, 1_010, 2_010])
  })
})

it('every worker is up in its time, whatever the dice say', () => {
  const setup = fc.record({ seed: fc.nat(1_000), instances: fc.integer({ min: 1, max: 5 }) })
  fc.assert(
    fc.property(setup, fc.constantFrom(0, 0.2, 1), ({ seed, instances }, jitter) => {
      const simulation = world({ instances, pace: { interval: 500, jitter } }, seed)
      simulation.send({ is: 'start', slots: null })
      simulation.advance((instances - 1) * 500 * (1 + jitter) + 100)
      expect(readyCount(simulation.service)).toBe(instances)
    }),
    { numRuns: 50 },
  )
})
