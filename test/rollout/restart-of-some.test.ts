import { describe, expect, it } from 'vitest'
import { currentOf } from '../../src/lifecycle/slot-state.ts'
import { readyCount, specOf } from '../../src/rollout/service-state.ts'
import { numbers, only, phases, restart, rolloutNotes, up } from './quiet-world.ts'

describe('one on trial for a restart that was superseded by one of another slot', () => {
  it('is restarted when it dies, and fails nothing', () => {
    const simulation = up({ instances: 2, rollout: { maxSurge: 0, maxUnavailable: 2, canary: false, minReady: 1_000 } })
    simulation.send(restart([0]))
    simulation.advance(10)
    const spec = {
      ...specOf(simulation.service, 1),
      rollout: { ...specOf(simulation.service, 1).rollout, minReady: 0 },
    }
    simulation.send({ is: 'deploy', spec, renew: false, desired: 2 })
    simulation.send(restart([1]))
    // The other is done while this one still boots.
    simulation.hang(only(simulation, 0))
    simulation.advance(100)
    expect(simulation.service.rollout).toEqual({ is: 'stable' })
    simulation.kill9(only(simulation, 0))
    simulation.advance(100)
    expect(simulation.service.rollout).toEqual({ is: 'stable' })
    expect(readyCount(simulation.service)).toBe(2)
  })
})

describe('a restart of some slots', () => {
  it('leaves alone what is not concerned, whatever state it is in', () => {
    const simulation = up({ instances: 3, restart: { unrecoverable: [9] } })
    simulation.exit(only(simulation, 2), 9)
    simulation.advance(10)
    expect(phases(simulation)).toEqual(['running', 'running', 'fatal'])
    simulation.send(restart([0]))
    simulation.advance(1_000)
    expect(phases(simulation)).toEqual(['running', 'running', 'fatal'])
    expect(simulation.service.rollout).toEqual({ is: 'stable' })
    expect(numbers(simulation)).toEqual(['1/1', '0/2'])
  })

  it('that are not there is over at once', () => {
    const simulation = up()
    simulation.send(restart([7]))
    expect(simulation.service.rollout).toEqual({ is: 'stable' })
    expect(rolloutNotes(simulation.effects)).toEqual([])
    expect(numbers(simulation)).toEqual(['0/1'])
  })

  it('fails when one of them is given up, and only then', () => {
    const rollout = { maxSurge: 0, maxUnavailable: 1, canary: false, minReady: 1_000 }
    const simulation = up({ instances: 3, restart: { unrecoverable: [9] }, rollout })
    simulation.send(restart([0, 1]))
    simulation.advance(1_500)
    expect(simulation.service.slots[1]?.phase).toMatchObject({ is: 'running', live: { trial: true } })
    simulation.exit(only(simulation, 2), 9)
    simulation.advance(0)
    expect(simulation.service.rollout.is).toBe('rolling')
    simulation.exit(only(simulation, 0), 9)
    simulation.advance(0)
    expect(simulation.service.rollout).toMatchObject({ is: 'failed', slot: 0, step: 'run of web/0 (generation 1)' })
    expect(phases(simulation)).toEqual(['fatal', 'running', 'fatal'])
  })

  it('has a canary of its own', () => {
    const simulation = up({ instances: 4, rollout: { maxSurge: 2, maxUnavailable: 0, minReady: 100 } })
    simulation.send(restart([1, 2]))
    simulation.advance(60)
    expect(simulation.living()).toHaveLength(5)
    simulation.advance(80)
    expect(simulation.service.rollout.is).toBe('rolling')
    simulation.advance(1_000)
    expect(simulation.service).toMatchObject({ generation: 1, lastGeneration: 1, rollout: { is: 'stable' } })
  })

  it('also runs a job again, and no other', () => {
    const simulation = up(
      { instances: 3, command: ['job'], ready: { by: 'delay', delay: 0 }, restart: { when: 'never' } },
      5_000,
    )
    expect(phases(simulation)).toEqual(['exited', 'exited', 'exited'])
    simulation.send(restart([0, 1]))
    simulation.advance(10_000)
    expect(simulation.service.rollout).toEqual({ is: 'stable' })
    expect([...simulation.processes.keys()].sort()).toEqual(['0/1', '0/2', '1/1', '1/2', '2/1'])
  })

  it('adds workers beside it without a trial', () => {
    const simulation = up({ instances: 2, command: ['slow'] }, 5_000)
    simulation.send(restart([0]))
    simulation.send({ is: 'scale', desired: 3 })
    expect(currentOf(simulation.service.slots[2]?.phase ?? { is: 'stopped', since: 0, why: '' })).toMatchObject({
      trial: false,
    })
    simulation.advance(20_000)
    expect(simulation.service.rollout).toEqual({ is: 'stable' })
    expect(readyCount(simulation.service)).toBe(3)
  })
})
