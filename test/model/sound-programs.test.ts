import fc from 'fast-check'
import { describe, expect, it, vi } from 'vitest'
import { isRolling } from '../../src/rollout/service-state.ts'
import { processEffects } from './invariants.ts'
import { bounds, serving, startedWorld, watchServing, worlds } from './promise-world.ts'
import { patience, runs } from './scenario.ts'
import type { SpecChanges } from './service-spec.ts'

vi.setConfig(patience)

describe('sound programs', () => {
  const sizes = fc.integer({ min: 1, max: 5 })
  const canary = fc.boolean()
  const minReady = fc.constantFrom(0, 100)

  it('are rolled with never fewer in service than maxUnavailable allows', () => {
    fc.assert(
      fc.property(
        worlds,
        bounds,
        sizes,
        canary,
        minReady,
        fc.boolean(),
        (world, bound, instances, canary, minReady, slow) => {
          const rollout = { ...bound, canary, minReady }
          const simulation = startedWorld({ instances, rollout, command: [slow ? 'slow' : 'good'] }, world)
          const least = watchServing(simulation)
          simulation.send({ is: 'restart', slots: null, mode: 'rolling', cause: 'restart' })
          expect(simulation.service.rollout.is).toBe(canary ? 'canary' : 'rolling')
          simulation.advance(60_000)
          expect(simulation.service).toMatchObject({
            generation: 2,
            goal: 2,
            lastGeneration: 2,
            rollout: { is: 'stable' },
          })
          expect(serving(simulation.service)).toBe(instances)
          expect(least()).toBeGreaterThanOrEqual(instances - bound.maxUnavailable)
          for (const slot of simulation.service.slots)
            expect(slot).toMatchObject({ failures: 0, restarts: 0, other: null })
        },
      ),
      { numRuns: runs(80) },
    )
  })

  it('come up again after a cold restart, none before all are down', () => {
    fc.assert(
      fc.property(worlds, bounds, sizes, (world, rollout, instances) => {
        const simulation = startedWorld({ instances, rollout, command: ['slow'] }, world)
        simulation.observe(({ effects }) => {
          const spawns = effects.some((effect) => effect.do === 'slot' && effect.effect.do === 'spawn')
          if (spawns) expect(simulation.held().filter(({ generation }) => generation === 1)).toEqual([])
        })
        simulation.send({ is: 'restart', slots: null, mode: 'cold', cause: 'restart' })
        simulation.advance(30_000)
        expect(simulation.service).toMatchObject({ generation: 2, rollout: { is: 'stable' } })
        expect(serving(simulation.service)).toBe(instances)
      }),
      { numRuns: runs(30) },
    )
  })

  it('are replaced one by one where only some are asked for, without a new generation', () => {
    fc.assert(
      fc.property(
        worlds,
        bounds,
        fc.uniqueArray(fc.nat(3), { minLength: 1 }),
        canary,
        (world, bound, slots, canary) => {
          const simulation = startedWorld({ instances: 4, rollout: { ...bound, canary } }, world)
          const before = simulation.held().map(({ slot, number }) => ({ slot, number }))
          const least = watchServing(simulation)
          simulation.send({ is: 'restart', slots, mode: 'rolling', cause: 'restart' })
          simulation.advance(30_000)
          expect(simulation.service).toMatchObject({ generation: 1, lastGeneration: 1, rollout: { is: 'stable' } })
          expect(least()).toBeGreaterThanOrEqual(4 - bound.maxUnavailable)
          const after = simulation.held()
          for (const { slot, number } of before) {
            const kept = after.some((process) => process.slot === slot && process.number === number)
            expect(kept).toBe(!slots.includes(slot))
          }
        },
      ),
      { numRuns: runs(40) },
    )
  })

  it('may be scaled and restarted on top of each other and end where the last word was', () => {
    const deeds = fc.array(
      fc.oneof(
        fc.record({ do: fc.constant('scale' as const), desired: fc.integer({ min: 1, max: 6 }), pass: fc.nat(200) }),
        fc.record({ do: fc.constant('restart' as const), desired: fc.constant(0), pass: fc.nat(200) }),
      ),
      { minLength: 1, maxLength: 12 },
    )
    fc.assert(
      fc.property(worlds, bounds, deeds, (world, rollout, life) => {
        const simulation = startedWorld({ instances: 2, rollout }, world)
        let [desired, restarts] = [2, 0]
        for (const deed of life) {
          if (deed.do === 'scale') {
            desired = deed.desired
            simulation.send({ is: 'scale', desired })
          } else {
            restarts++
            simulation.send({ is: 'restart', slots: null, mode: 'rolling', cause: 'restart' })
          }
          simulation.advance(deed.pass)
        }
        simulation.advance(60_000)
        expect(simulation.service).toMatchObject({ generation: 1 + restarts, rollout: { is: 'stable' } })
        expect(serving(simulation.service)).toBe(desired)
        expect(simulation.held()).toHaveLength(desired)
      }),
      { numRuns: runs(60) },
    )
  })
})

describe('a job', () => {
  it.each(['on-failure', 'never'] as const)('with `when: %s` can be run again and again', (when) => {
    fc.assert(
      fc.property(worlds, bounds, fc.boolean(), (world, rollout, canary) => {
        const simulation = startedWorld(
          {
            command: ['job'],
            instances: 2,
            restart: { when },
            ready: { by: 'delay', delay: 50 },
            rollout: { ...rollout, canary },
          },
          world,
        )
        for (const generation of [2, 3]) {
          expect(simulation.service.slots.map(({ phase }) => phase)).toMatchObject([
            { is: 'exited', clean: true },
            { is: 'exited', clean: true },
          ])
          simulation.send({ is: 'restart', slots: null, mode: 'rolling', cause: 'restart' })
          expect(isRolling(simulation.service.rollout)).toBe(true)
          simulation.advance(10_000)
          expect(simulation.service).toMatchObject({ generation, rollout: { is: 'stable' } })
        }
        expect(processEffects(simulation.effects, 'release')).toHaveLength(6)
      }),
      { numRuns: runs(15) },
    )
  })

  it('of which some end during the rollout is run again in every slot', () => {
    fc.assert(
      fc.property(worlds, fc.nat(3_000), (world, pass) => {
        const spec: SpecChanges = {
          command: ['job'],
          instances: 4,
          ready: { by: 'delay', delay: 50 },
          restart: { when: 'never' },
        }
        const simulation = startedWorld(spec, world, pass)
        simulation.send({ is: 'restart', slots: null, mode: 'rolling', cause: 'restart' })
        simulation.advance(30_000)
        expect(simulation.service).toMatchObject({ generation: 2, rollout: { is: 'stable' } })
        const renewed = new Set(
          [...simulation.processes.values()].filter(({ generation }) => generation === 2).map(({ slot }) => slot),
        )
        expect(renewed.size).toBe(4)
      }),
      { numRuns: runs(30) },
    )
  })
})
