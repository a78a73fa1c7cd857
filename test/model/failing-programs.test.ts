import fc from 'fast-check'
import { describe, expect, it, vi } from 'vitest'
import { BROKEN, type ProgramName } from './fake-program.ts'
import { bounds, deploy, serving, startedWorld, watchServing, worlds } from './promise-world.ts'
import { patience, runs } from './scenario.ts'
import { type SpecChanges, step } from './service-spec.ts'

vi.setConfig(patience)

describe('a new generation that does not prove itself', () => {
  it('touches no more of the old one than maxUnavailable, and what it touched returns', () => {
    fc.assert(
      fc.property(
        worlds,
        bounds,
        fc.integer({ min: 1, max: 4 }),
        fc.boolean(),
        fc.constantFrom(...BROKEN),
        (world, bound, instances, canary, program) => {
          const heartbeat = { interval: 10, timeout: 30, signals: [step('KILL', 500)] }
          const simulation = startedWorld({ instances, heartbeat, rollout: { ...bound, canary, minReady: 100 } }, world)
          const old = simulation.held().map(({ slot, number }) => `${slot}/${number}`)
          const least = watchServing(simulation)
          deploy(simulation, program)
          simulation.advance(60_000)
          const { service } = simulation
          expect(service).toMatchObject({ generation: 1, goal: 1, lastGeneration: 2 })
          expect(service.rollout).toMatchObject({
            is: 'failed',
            generation: 2,
            slot: expect.any(Number),
            reason: expect.stringMatching(/\w/),
          })
          expect(serving(service)).toBe(instances)
          expect(simulation.held().every(({ generation }) => generation === 1)).toBe(true)
          const touched = old.filter((name) => simulation.processes.get(name)?.released).length
          expect(touched).toBeLessThanOrEqual(canary ? Math.min(1, bound.maxUnavailable) : bound.maxUnavailable)
          expect(least()).toBeGreaterThanOrEqual(instances - bound.maxUnavailable)
        },
      ),
      { numRuns: runs(120) },
    )
  })

  it('does not come back by a crash', () => {
    fc.assert(
      fc.property(worlds, bounds, fc.array(fc.nat(3), { minLength: 1, maxLength: 8 }), (world, rollout, crashes) => {
        const simulation = startedWorld({ instances: 4, rollout: { ...rollout, minReady: 100 } }, world)
        deploy(simulation, 'exits-at-boot')
        simulation.advance(10_000)
        const before = simulation.log.length
        for (const which of crashes) {
          const process = simulation.living()[which]
          if (process !== undefined) simulation.kill9(process)
          simulation.advance(3_000)
        }
        expect(simulation.log.length).toBeGreaterThan(before)
        expect(serving(simulation.service)).toBe(4)
        expect(simulation.living().every(({ generation }) => generation === 1)).toBe(true)
      }),
      { numRuns: runs(30) },
    )
  })

  it('fails the rollout also when it is given up only later, and everything returns', () => {
    const restart = { unrecoverable: [1], resetAfter: 0 }
    const simulation = startedWorld(
      { instances: 3, restart, rollout: { maxSurge: 1, maxUnavailable: 0, minReady: 500 } },
      { seed: 1, rough: false, eager: true },
    )
    deploy(simulation, 'good')
    simulation.advance(700)
    expect(simulation.service.rollout.is).toBe('rolling')
    const renewed = simulation.living().find(({ generation, slot }) => generation === 2 && slot === 0)
    if (renewed === undefined) throw new Error('no worker of the new generation')
    simulation.exit(renewed, 1)
    simulation.advance(1)
    expect(simulation.service.rollout).toMatchObject({ is: 'failed', slot: 0, step: 'run of web/0 (generation 2)' })
    simulation.advance(10_000)
    expect(simulation.living().map(({ generation }) => generation)).toEqual([1, 1, 1])
  })

  it('may be replaced by one that does, while it hangs', () => {
    fc.assert(
      fc.property(
        worlds,
        bounds,
        fc.integer({ min: 1, max: 3 }),
        fc.boolean(),
        fc.nat(1_500),
        (world, rollout, instances, canary, pass) => {
          const simulation = startedWorld({ instances, rollout: { ...rollout, canary } }, world)
          deploy(simulation, 'hangs-at-boot')
          simulation.advance(pass)
          deploy(simulation, 'good')
          // Long before the boot deadline of those that hang.
          simulation.advance(3_000)
          expect(simulation.service).toMatchObject({ generation: 3, rollout: { is: 'stable' } })
          expect(serving(simulation.service)).toBe(instances)
        },
      ),
      { numRuns: runs(40) },
    )
  })
})

describe('a program that fails, however it does', () => {
  /** Starts that back-off allows in so long a time: the first, the immediate ones, then one after each wait. */
  function startsAllowed(millis: number, immediate: number): number {
    let starts = 1 + immediate
    let [sum, wait] = [0, 100]
    while (sum <= millis) {
      sum += Math.min(wait, 30_000) * 0.8
      wait *= 2
      starts++
    }
    return starts
  }

  const failing: fc.Arbitrary<ProgramName> = fc.constantFrom(
    'unspawnable',
    'exits-at-boot',
    'finishes-at-boot',
    'hangs-at-boot',
    'dies-on-probation',
  )

  it('restarts no more often than its back-off allows', () => {
    fc.assert(
      fc.property(
        worlds,
        bounds,
        failing,
        fc.nat(5),
        fc.constantFrom(0, 100),
        fc.boolean(),
        (world, bound, program, immediate, minReady, heartbeat) => {
          const spec: SpecChanges = {
            command: [program],
            instances: 2,
            // Longer than it takes to end one that announced its end and does not keep its word.
            restart: { immediate, jitter: 0.2, resetAfter: 5_000 },
            rollout: { ...bound, minReady },
            heartbeat: heartbeat ? { interval: 10, timeout: 30, signals: [step('KILL', 500)] } : null,
          }
          const simulation = startedWorld(spec, world, 60_000)
          for (const slot of [0, 1]) {
            const starts = [...simulation.processes.values()].filter((process) => process.slot === slot).length
            expect(starts).toBeLessThanOrEqual(startsAllowed(60_000, immediate))
          }
        },
      ),
      { numRuns: runs(80) },
    )
  })

  it('does so during a rollout as well, when it gets as far as proving itself', () => {
    fc.assert(
      fc.property(worlds, bounds, fc.boolean(), fc.integer({ min: 2, max: 4 }), (world, rollout, canary, instances) => {
        const simulation = startedWorld(
          { instances, restart: { resetAfter: 5_000 }, rollout: { ...rollout, canary, minReady: 0, timeout: 60_000 } },
          world,
        )
        // Every new worker becomes ready, which is all that is asked of it, and dies at once.
        deploy(simulation, 'dies-on-probation')
        simulation.advance(60_000)
        for (let slot = 0; slot < instances; slot++) {
          const starts = [...simulation.processes.values()].filter((process) => process.slot === slot).length
          expect(starts).toBeLessThanOrEqual(2 * startsAllowed(60_000, 3) + 4)
        }
      }),
      { numRuns: runs(40) },
    )
  })

  it('is given up after maxRetries', () => {
    fc.assert(
      fc.property(
        worlds,
        fc.constantFrom<ProgramName[]>('unspawnable', 'exits-at-boot', 'finishes-at-boot'),
        fc.nat(6),
        (world, program, maxRetries) => {
          const simulation = startedWorld({ command: [program], restart: { maxRetries } }, world, 120_000)
          expect(simulation.service.slots[0]?.phase.is).toBe('fatal')
          expect(simulation.processes.size).toBe(maxRetries + 1)
        },
      ),
      { numRuns: runs(30) },
    )
  })
})

describe('a worker that leaves or hangs', () => {
  const heartbeat = { interval: 100, timeout: 500, signals: [step('KILL', 500)] }

  it('that announces its end is always replaced, beside it where a surge allows', () => {
    fc.assert(
      fc.property(worlds, bounds, fc.constantFrom('always', 'on-failure', 'never'), (world, rollout, when) => {
        const simulation = startedWorld({ restart: { when }, rollout }, world)
        const [first] = simulation.living()
        if (first === undefined) throw new Error('nothing runs')
        simulation.tell(first.slot, first.number, { is: 'finishing' })
        expect(simulation.held()).toHaveLength(rollout.maxSurge > 0 ? 2 : 1)
        simulation.exit(first, 0)
        simulation.advance(1_000)
        expect(serving(simulation.service)).toBe(1)
        expect(simulation.living()).not.toContain(first)
      }),
      { numRuns: runs(20) },
    )
  })

  it('that hangs is replaced in its time', () => {
    fc.assert(
      fc.property(worlds, bounds, (world, rollout) => {
        const simulation = startedWorld({ heartbeat, rollout }, world)
        const [first] = simulation.living()
        if (first === undefined) throw new Error('nothing runs')
        simulation.hang(first)
        simulation.advance(heartbeat.timeout + 200)
        expect(serving(simulation.service)).toBe(1)
        expect(first.alive).toBe(false)
      }),
      { numRuns: runs(20) },
    )
  })

  it('that never listens is gone one ladder after a stop', () => {
    const simulation = startedWorld({ command: ['stubborn'], instances: 3 }, { seed: 7, rough: true, eager: false })
    simulation.send({ is: 'stop', slots: null, text: 'stop' })
    simulation.advance(1_000 + 2 * 2_000 + 500)
    expect(simulation.living()).toEqual([])
    expect(simulation.held()).toEqual([])
  })

  it('that never listens is waited for where the ladder says never, until it is killed', () => {
    const never = { signals: [step('TERM', null)] }
    const simulation = startedWorld({ command: ['stubborn'], stop: never }, { seed: 7, rough: false, eager: false })
    simulation.send({ is: 'stop', slots: null, text: 'stop' })
    simulation.advance(1_000_000)
    expect(simulation.living()).toHaveLength(1)
    simulation.send({ is: 'kill', text: 'now' })
    simulation.advance(5_000)
    expect(simulation.held()).toEqual([])
  })
})
