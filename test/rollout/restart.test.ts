import { describe, expect, it } from 'vitest'
import { nextCommand } from '../../src/rollout/reconcile.ts'
import { deadlineOfService, provenAt, readyCount } from '../../src/rollout/service-state.ts'
import { step } from '../model/service-spec.ts'
import { deploy, numbers, only, phases, restart, rolloutNotes, stop, up, world } from './quiet-world.ts'

describe('restart', () => {
  it('rolls, tells each step, and raises the generation', () => {
    const simulation = up({ instances: 2, rollout: { maxSurge: 1, maxUnavailable: 0 } })
    simulation.send(restart())
    expect(simulation.service).toMatchObject({ generation: 1, goal: 2, rollout: { is: 'canary' } })
    simulation.advance(1_000)
    expect(simulation.service).toMatchObject({ generation: 2, goal: 2, rollout: { is: 'stable' } })
    expect(Object.keys(simulation.service.specs)).toEqual(['2'])
    expect(rolloutNotes(simulation.effects)).toEqual([
      'stable → canary: restart by the operator; the first replacement has to prove itself',
      'canary → rolling: restart by the operator',
      'rolling → stable: every worker is of the new generation',
    ])
  })

  it('waits for the canary before it touches the others', () => {
    const simulation = up({ instances: 3, rollout: { maxSurge: 2, maxUnavailable: 0, minReady: 500 } })
    simulation.send(restart())
    simulation.advance(300)
    expect(simulation.living().filter(({ generation }) => generation === 2)).toHaveLength(1)
    expect(deadlineOfService(simulation.service)).toBe(2_000 + 20 + 500)
    simulation.advance(300)
    expect(simulation.living().filter(({ generation }) => generation === 2)).toHaveLength(3)
    simulation.advance(2_000)
    expect(simulation.service.rollout.is).toBe('stable')
  })

  it('does not wait for a canary where none is wanted', () => {
    const simulation = up({ instances: 3, rollout: { maxSurge: 2, maxUnavailable: 0, canary: false } })
    simulation.send(restart())
    expect(simulation.service.rollout.is).toBe('rolling')
    simulation.advance(10)
    expect(simulation.living().filter(({ generation }) => generation === 2)).toHaveLength(2)
  })

  it('takes along what is in back-off, fatal or has exited, with a new count', () => {
    for (const [when, maxRetries] of [
      ['always', null],
      ['always', 0],
      ['never', null],
    ] as const) {
      const simulation = up(
        { command: ['exits-at-boot'], restart: { immediate: 0, initial: 60_000, max: 60_000, maxRetries, when } },
        10,
      )
      simulation.advance(100)
      simulation.calm = true
      simulation.send(restart())
      expect(simulation.service.slots[0]).toMatchObject({
        phase: { is: 'starting', live: { generation: 2, trial: true } },
        failures: 0,
      })
      simulation.advance(100)
      expect(simulation.service).toMatchObject({ generation: 2, rollout: { is: 'stable' } })
    }
  })

  it('on what is stopped starts it, and of one slot starts that one', () => {
    const simulation = world({ instances: 2 })
    simulation.send(restart())
    simulation.advance(100)
    expect(readyCount(simulation.service)).toBe(2)
    simulation.send(stop())
    simulation.advance(100)
    simulation.send(restart([1]))
    simulation.advance(100)
    expect(phases(simulation)).toEqual(['stopped', 'running'])
    expect(simulation.service).toMatchObject({ generation: 2, rollout: { is: 'stable' } })
  })

  it('with no worker declared is done at once', () => {
    const simulation = up({ instances: 0 })
    simulation.send(restart())
    expect(simulation.service).toMatchObject({ generation: 2, goal: 2, rollout: { is: 'stable' } })
  })

  it('is not over by its deadline: it fails, and what was taken returns', () => {
    const simulation = up({ instances: 2, rollout: { maxSurge: 1, maxUnavailable: 0, timeout: 1_000 } })
    deploy(simulation, 'hangs-at-boot')
    simulation.advance(1_000)
    expect(simulation.service.rollout).toMatchObject({
      is: 'failed',
      reason: 'not finished within 1s',
      step: 'rollout',
      slot: null,
      generation: 2,
    })
    expect(rolloutNotes(simulation.effects).at(-1)).toBe('canary → failed: rollout: not finished within 1s')
    simulation.advance(5_000)
    expect(simulation.held().map(({ generation }) => generation)).toEqual([1, 1])
  })

  it('names where and why it failed', () => {
    const simulation = up({ instances: 2, rollout: { maxSurge: 1, maxUnavailable: 0, minReady: 100 } })
    deploy(simulation, 'unspawnable')
    expect(simulation.service.rollout).toMatchObject({
      is: 'failed',
      step: 'boot of web/0 (generation 2)',
      reason: 'could not be started: command not found',
      slot: 0,
    })
    deploy(simulation, 'good')
    simulation.advance(50)
    const onTrial = simulation.living().find(({ generation }) => generation === 3)
    if (onTrial === undefined) throw new Error('nothing is on trial')
    simulation.exit(onTrial, 7)
    simulation.advance(0)
    expect(simulation.service.rollout).toMatchObject({
      step: 'probation of web/0 (generation 3)',
      reason: 'exited with code 7',
    })
  })

  it('replaces the hung and the crashed of the old generation too', () => {
    const heartbeat = { interval: 10, timeout: 50, signals: [step('KILL', 500)] }
    for (const bound of [
      { maxSurge: 1, maxUnavailable: 0 },
      { maxSurge: 0, maxUnavailable: 1 },
    ]) {
      const simulation = up({ instances: 3, heartbeat, rollout: bound })
      simulation.send(restart())
      simulation.hang(only(simulation, 2))
      simulation.advance(5)
      simulation.kill9(only(simulation, 1))
      simulation.advance(5_000)
      expect(simulation.service).toMatchObject({ generation: 2, rollout: { is: 'stable' } })
      expect(simulation.living().map(({ generation }) => generation)).toEqual([2, 2, 2])
    }
  })

  it('replaces one that crashed while its canary was under way only after that', () => {
    const simulation = up({ instances: 2, rollout: { maxSurge: 0, maxUnavailable: 2, minReady: 200 } })
    simulation.send(restart())
    simulation.advance(50)
    simulation.kill9(only(simulation, 1))
    simulation.advance(50)
    expect(only(simulation, 1).generation).toBe(1)
    simulation.advance(5_000)
    expect(simulation.service).toMatchObject({ generation: 2, rollout: { is: 'stable' } })
  })

  it('puts a successor beside one that announced its end, where a surge allows', () => {
    const simulation = up({ instances: 1, rollout: { maxSurge: 1, maxUnavailable: 0 } })
    const old = only(simulation)
    simulation.tell(0, old.number, { is: 'finishing' })
    // The spare takes the surge; what follows it is rolled.
    simulation.send(restart())
    simulation.exit(old, 0)
    simulation.advance(1_000)
    expect(simulation.service).toMatchObject({ generation: 2, rollout: { is: 'stable' } })
  })

  it('starts beside one that announces its end during the rollout, and needs not wait for it', () => {
    const simulation = up({ instances: 2, rollout: { maxSurge: 1, maxUnavailable: 0, canary: false } })
    simulation.send(restart())
    simulation.tell(1, only(simulation, 1).number, { is: 'finishing' })
    simulation.advance(20)
    // The surge is taken; it is left to what it still has to do.
    expect(simulation.service.slots[1]).toMatchObject({ phase: { live: { state: { is: 'finishing' } } }, other: null })
    simulation.advance(20)
    expect(simulation.service.slots[1]).toMatchObject({
      phase: { live: { state: { is: 'finishing' } } },
      other: { is: 'coming' },
    })
    simulation.advance(20_000)
    expect(simulation.service).toMatchObject({ generation: 2, rollout: { is: 'stable' } })
  })
})

describe('a cold restart', () => {
  it('stops all, waits for the last of them, then starts all', () => {
    const simulation = up({ instances: 3, command: ['slow'] }, 5_000)
    simulation.send(restart(null, 'cold'))
    expect(simulation.service.rollout).toMatchObject({ is: 'rolling', mode: 'cold' })
    expect(phases(simulation)).toEqual(['stopping', 'stopping', 'stopping'])
    simulation.kill9(only(simulation, 1))
    simulation.advance(0)
    expect(phases(simulation)).toEqual(['stopping', 'stopped', 'stopping'])
    simulation.advance(10_000)
    expect(simulation.service).toMatchObject({ generation: 2, rollout: { is: 'stable' } })
    expect(phases(simulation)).toEqual(['running', 'running', 'running'])
  })

  it('of some slots leaves the others alone', () => {
    const simulation = up({ instances: 3, rollout: { maxSurge: 1, maxUnavailable: 0 } })
    // A spare beside one that drains has nothing to do with it, but a cold restart waits for all that is on its way.
    simulation.tell(2, only(simulation, 2).number, { is: 'finishing' })
    simulation.send(restart([0, 1], 'cold'))
    simulation.exit(only(simulation, 2), 0)
    simulation.advance(1_000)
    expect(simulation.service).toMatchObject({ generation: 1, rollout: { is: 'stable' } })
    expect(numbers(simulation).sort()).toEqual(['0/2', '1/2', '2/2'])
  })
})

describe('a restart of all at once', () => {
  it('stops all, and starts each again as it ends', () => {
    const simulation = up({ instances: 3, command: ['slow'] }, 5_000)
    simulation.send(restart(null, 'at-once'))
    expect(phases(simulation)).toEqual(['stopping', 'stopping', 'stopping'])
    simulation.kill9(only(simulation, 1))
    simulation.advance(0)
    expect(phases(simulation)).toEqual(['stopping', 'starting', 'stopping'])
    simulation.advance(10_000)
    expect(simulation.service).toMatchObject({ generation: 2, rollout: { is: 'stable' } })
    expect(phases(simulation)).toEqual(['running', 'running', 'running'])
  })
})

describe('two at once', () => {
  it('the second supersedes the first, and says so', () => {
    const simulation = up({ instances: 2, rollout: { maxSurge: 1, maxUnavailable: 0, canary: false } })
    simulation.send(restart())
    simulation.advance(5)
    simulation.send(restart())
    expect(simulation.service).toMatchObject({ generation: 1, goal: 3, lastGeneration: 3 })
    simulation.advance(1_000)
    expect(simulation.service).toMatchObject({ generation: 3, rollout: { is: 'stable' } })
    expect(rolloutNotes(simulation.effects)).toHaveLength(3)
  })

  it('a restart of some supersedes it too: the old generation returns', () => {
    const simulation = up({ instances: 3, rollout: { maxSurge: 1, maxUnavailable: 0 } })
    deploy(simulation, 'slow')
    while (simulation.service.rollout.is === 'canary') simulation.advance(100)
    simulation.send(restart([2]))
    simulation.advance(30_000)
    expect(simulation.service).toMatchObject({ generation: 1, goal: 1, rollout: { is: 'stable' } })
    expect(simulation.living().map(({ generation }) => generation)).toEqual([1, 1, 1])
  })

  it('the death of one that was superseded fails nothing', () => {
    const simulation = up({ instances: 2, rollout: { maxSurge: 0, maxUnavailable: 2, canary: false } })
    deploy(simulation, 'hangs-at-boot')
    simulation.advance(50)
    const superseded = simulation.living().filter(({ generation }) => generation === 2)
    expect(superseded).toHaveLength(2)
    deploy(simulation, 'good', { rollout: { canary: true } })
    for (const process of superseded) simulation.exit(process, 1)
    simulation.advance(5_000)
    expect(simulation.service).toMatchObject({ generation: 3, rollout: { is: 'stable' } })
  })
})

describe('the planner', () => {
  it('has nothing to say to a service at rest', () => {
    const simulation = up({ instances: 3 })
    expect(nextCommand(simulation.service, simulation.now)).toBeNull()
    expect(simulation.service.slots.map((slot) => provenAt(simulation.service, slot))).toEqual([null, null, null])
  })

  it('starts no spare for one that failed: its slot waits for the end and the back-off', () => {
    const heartbeat = { interval: 10, timeout: 50, signals: [step('TERM', 5_000), step('KILL', 500)] }
    const simulation = up({ heartbeat, restart: { resetAfter: 60_000 }, rollout: { maxSurge: 1, maxUnavailable: 0 } })
    simulation.hang(only(simulation))
    simulation.advance(1_000)
    expect(simulation.held()).toHaveLength(1)
    simulation.advance(10_000)
    expect(readyCount(simulation.service)).toBe(1)
  })

  it('starts no more spares than maxSurge', () => {
    const simulation = up({ instances: 3, rollout: { maxSurge: 2, maxUnavailable: 0 } })
    for (const slot of [0, 1, 2]) simulation.tell(slot, only(simulation, slot).number, { is: 'finishing' })
    expect(simulation.held()).toHaveLength(5)
  })

  it('takes back one that would be restarted from the old generation during a rollout before it is spawned', () => {
    const simulation = up({ instances: 2, rollout: { maxSurge: 0, maxUnavailable: 1, canary: false, minReady: 500 } })
    simulation.send(restart())
    simulation.advance(100)
    const before = simulation.processes.size
    simulation.kill9(only(simulation, 1))
    simulation.advance(0)
    expect([...simulation.processes.values()].slice(before).map(({ generation }) => generation)).toEqual([2])
  })
})
