import { describe, expect, it } from 'vitest'
import { slotServes } from '../../src/lifecycle/slot-state.ts'
import { readyCount, specOf } from '../../src/rollout/service-state.ts'
import { deploy, numbers, only, phases, restart, stop, up, world } from './quiet-world.ts'

describe('a job that ends during a rollout', () => {
  it('is run again from the new generation', () => {
    const simulation = up({
      instances: 2,
      restart: { when: 'on-failure' },
      rollout: { maxSurge: 1, maxUnavailable: 0, minReady: 100 },
    })
    simulation.send(restart())
    simulation.advance(10)
    simulation.exit(only(simulation, 1), 0)
    simulation.advance(0)
    expect(simulation.service.slots[1]?.phase.is).toBe('stopped')
    simulation.advance(5_000)
    expect(simulation.service).toMatchObject({ generation: 2, rollout: { is: 'stable' } })
    expect(readyCount(simulation.service)).toBe(2)
  })

  it('counts as its canary when it has run to its end', () => {
    const simulation = up({ instances: 2, command: ['job'], restart: { when: 'never' } }, 5_000)
    simulation.send(restart())
    simulation.advance(3_500)
    expect(simulation.service.rollout.is).not.toBe('canary')
    simulation.advance(10_000)
    expect(simulation.service).toMatchObject({ generation: 2, rollout: { is: 'stable' } })
  })

  it('is not run once more because others of its generation failed', () => {
    const rollout = { maxSurge: 0, maxUnavailable: 2, canary: false, minReady: 100 }
    const simulation = up({ instances: 2, restart: { when: 'never' }, rollout })
    deploy(simulation, 'good')
    simulation.advance(50)
    simulation.exit(only(simulation, 0), 0)
    simulation.exit(only(simulation, 1), 1)
    simulation.advance(1_000)
    expect(simulation.service).toMatchObject({ generation: 1, rollout: { is: 'failed', slot: 1 } })
    expect(phases(simulation)).toEqual(['exited', 'running'])
    expect(only(simulation, 1).generation).toBe(1)
  })
})

describe('deploy', () => {
  it('of rules that need no new process changes them under the running ones', () => {
    const simulation = up()
    const spec = { ...specOf(simulation.service, 1), description: 'new' }
    simulation.send({ is: 'deploy', spec, renew: false, desired: 2 })
    simulation.advance(100)
    expect(simulation.service).toMatchObject({
      generation: 1,
      lastGeneration: 1,
      desired: 2,
      specs: { 1: { description: 'new' } },
    })
    expect(numbers(simulation)).toEqual(['0/1', '1/1'])
  })

  it('is a new generation where a rollout is under way: what that started is of another spec', () => {
    const simulation = up({ instances: 2, rollout: { maxSurge: 1, maxUnavailable: 0 } })
    deploy(simulation, 'slow')
    const spec = { ...specOf(simulation.service, 1), description: 'new' }
    simulation.send({ is: 'deploy', spec, renew: false, desired: 2 })
    simulation.advance(10_000)
    expect(simulation.service).toMatchObject({
      generation: 3,
      rollout: { is: 'stable' },
      specs: { 3: { description: 'new' } },
    })
  })

  it('scales with it', () => {
    const simulation = up({ instances: 3 })
    simulation.send(stop([2]))
    deploy(simulation, 'good', {}, 2)
    simulation.advance(1_000)
    expect(simulation.service).toMatchObject({ desired: 2, stoppedSlots: [], generation: 2 })
    expect(numbers(simulation)).toHaveLength(2)
  })

  it('while the service is down is in service with the next start', () => {
    const simulation = world()
    deploy(simulation, 'slow')
    expect(simulation.service).toMatchObject({ generation: 2, rollout: { is: 'stable' } })
    simulation.send({ is: 'start', slots: null })
    simulation.advance(0)
    expect(simulation.held().map(({ generation }) => generation)).toEqual([2])
  })

  it('keeps the rules of a process as long as it lives', () => {
    const simulation = up({ command: ['stubborn'] })
    deploy(simulation, 'good', { stop: {} })
    simulation.advance(500)
    expect(Object.keys(simulation.service.specs)).toEqual(['1', '2'])
    simulation.advance(5_000)
    expect(Object.keys(simulation.service.specs)).toEqual(['2'])
  })
})

describe('the way back after a failure', () => {
  it('takes the slots that were taken, by the same bounds', () => {
    const simulation = up({ instances: 3, rollout: { maxSurge: 1, maxUnavailable: 0, canary: false, minReady: 10 } })
    deploy(simulation, 'good')
    simulation.advance(45)
    const proven = simulation.living().filter(({ generation }) => generation === 2)
    expect(simulation.service.slots[0]?.phase).toMatchObject({ is: 'running', live: { generation: 2 } })
    const coming = proven.find(({ slot }) => slot === 1)
    if (coming === undefined) throw new Error('slot 1 is not under way')
    simulation.exit(coming, 1)
    simulation.advance(0)
    expect(simulation.service.rollout).toMatchObject({ is: 'failed', slot: 1, converging: true })
    simulation.advance(5_000)
    expect(simulation.living().map(({ generation }) => generation)).toEqual([1, 1, 1])
    expect(simulation.service.slots.every(slotServes)).toBe(true)
  })

  it('ends where not even the old spec comes up: what runs stays', () => {
    const simulation = up({ instances: 2, rollout: { maxSurge: 1, maxUnavailable: 0, canary: false, minReady: 10 } })
    deploy(simulation, 'good')
    simulation.advance(45)
    const coming = simulation.living().find(({ slot, generation }) => slot === 1 && generation === 2)
    if (coming === undefined) throw new Error('slot 1 is not under way')
    simulation.exit(coming, 1)
    simulation.advance(5)
    const back = simulation
      .living()
      .find(({ slot, generation, number }) => slot === 0 && generation === 1 && number > 1)
    if (back === undefined) throw new Error('nothing goes back')
    simulation.exit(back, 1)
    simulation.advance(5_000)
    expect(simulation.service.rollout).toMatchObject({ is: 'failed', converging: false })
    expect(
      simulation
        .living()
        .map(({ generation }) => generation)
        .sort(),
    ).toEqual([1, 2])
  })

  it('is not given up because two of the new generation died at once', () => {
    const simulation = up({ instances: 3, rollout: { maxSurge: 0, maxUnavailable: 3, canary: false, minReady: 1_000 } })
    deploy(simulation, 'messy')
    simulation.advance(60_000)
    expect(simulation.service.rollout).toMatchObject({ is: 'failed', converging: true })
    expect(simulation.living().every(({ generation }) => generation === 1)).toBe(true)
  })
})
