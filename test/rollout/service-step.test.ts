import { describe, expect, it } from 'vitest'
import { currentOf, slotServes } from '../../src/lifecycle/slot-state.ts'
import { nextCommand } from '../../src/rollout/reconcile.ts'
import type { ServiceEffect, ServiceEvent } from '../../src/rollout/service-event.ts'
import { deadlineOfService, isDown, newService, provenAt, readyCount, specOf } from '../../src/rollout/service-state.ts'
import { stepService } from '../../src/rollout/service-step.ts'
import { checkInvariants } from '../model/invariants.ts'
import { type SpecChanges, serviceSpec, step } from '../model/service-spec.ts'
import { type FakeProcess, Simulation } from '../model/simulation.ts'

/** Everything happens at once and once: what a test sees is what the rules say. */
function world(changes: SpecChanges = {}): Simulation {
  const stop = { signals: [step('TERM', 1_000), step('KILL', 1_000)] }
  const simulation = new Simulation(serviceSpec({ stop, startTimeout: 2_000, ...changes }), {
    seed: 1,
    rough: false,
    eager: true,
  })
  checkInvariants(simulation)
  return simulation
}

function up(changes: SpecChanges = {}, settle = 2_000): Simulation {
  const simulation = world(changes)
  simulation.send({ is: 'start', slots: null })
  simulation.advance(settle)
  return simulation
}

const phases = ({ service }: Simulation) => service.slots.map(({ phase }) => phase.is)
const numbers = (simulation: Simulation) => simulation.living().map(({ slot, number }) => `${slot}/${number}`)
const rolloutNotes = (effects: readonly ServiceEffect[]) =>
  effects.flatMap((effect) => (effect.do === 'rollout-note' ? [`${effect.from} → ${effect.to}: ${effect.reason}`] : []))
const stop = (slots: number[] | null = null) => ({ is: 'stop', slots, text: 'stopped by the operator' }) as const
const restart = (slots: number[] | null = null, mode: 'rolling' | 'cold' = 'rolling') =>
  ({ is: 'restart', slots, mode, cause: 'restart by the operator' }) as const

function only(simulation: Simulation, slot = 0): FakeProcess {
  const [process] = simulation.living().filter((one) => one.slot === slot)
  if (process === undefined) throw new Error(`nothing runs in slot ${slot}`)
  return process
}

function deploy(simulation: Simulation, program: string, more: SpecChanges = {}, desired?: number): void {
  const { service } = simulation
  const { restart, stop, rollout, ...rest } = more
  const old = specOf(service, service.generation)
  const spec = { ...old, ...rest, command: [program], rollout: { ...old.rollout, ...rollout } }
  simulation.send({ is: 'deploy', spec, renew: true, desired: desired ?? service.desired })
}

describe('start', () => {
  it('starts every worker', () => {
    const simulation = up({ instances: 3 })
    expect(phases(simulation)).toEqual(['running', 'running', 'running'])
    expect(readyCount(simulation.service)).toBe(3)
    expect(simulation.service.rollout).toEqual({ is: 'stable' })
  })

  it('of some starts those alone where the service was down', () => {
    const simulation = world({ instances: 3 })
    simulation.send({ is: 'start', slots: [1] })
    simulation.advance(100)
    expect(numbers(simulation)).toEqual(['1/1'])
    simulation.send({ is: 'start', slots: [2] })
    simulation.advance(100)
    expect(numbers(simulation)).toEqual(['1/1', '2/1'])
    simulation.send({ is: 'start', slots: null })
    simulation.advance(100)
    expect(numbers(simulation)).toEqual(['1/1', '2/1', '0/1'])
  })

  it('leaves what runs alone, and what is not declared', () => {
    const simulation = up()
    const before = simulation.service
    simulation.send({ is: 'start', slots: null })
    expect(simulation.service).toEqual(before)
    simulation.send({ is: 'start', slots: [0, 7] })
    expect(numbers(simulation)).toEqual(['0/1'])
  })

  it('in back-off starts now, and keeps the count', () => {
    const simulation = up({ command: ['exits-at-boot'], restart: { immediate: 0, initial: 60_000, max: 60_000 } }, 100)
    expect(simulation.service.slots[0]).toMatchObject({ phase: { is: 'backoff' }, failures: 1 })
    simulation.calm = true
    simulation.send({ is: 'start', slots: null })
    expect(simulation.service.slots[0]).toMatchObject({ phase: { is: 'starting' }, failures: 1 })
    simulation.advance(100)
    expect(readyCount(simulation.service)).toBe(1)
  })

  it('on what is fatal or has exited begins to count anew', () => {
    for (const [program, when, phase] of [
      ['exits-at-boot', 'always', 'fatal'],
      ['exits-at-boot', 'never', 'exited'],
    ] as const) {
      const simulation = up({ command: [program], restart: { maxRetries: 0, when } }, 100)
      expect(phases(simulation)).toEqual([phase])
      simulation.calm = true
      simulation.send({ is: 'start', slots: null })
      expect(simulation.service.slots[0]).toMatchObject({ phase: { is: 'starting' }, failures: 0 })
      simulation.advance(100)
      expect(readyCount(simulation.service)).toBe(1)
    }
  })

  it('starts again what is still on its way down', () => {
    const simulation = up({ command: ['slow'] }, 5_000)
    simulation.send(stop())
    simulation.send({ is: 'start', slots: null })
    expect(phases(simulation)).toEqual(['stopping'])
    simulation.advance(10_000)
    expect(phases(simulation)).toEqual(['running'])
    expect(numbers(simulation)).toEqual(['0/2'])
  })

  it('starts nothing beside one that is on its way down, also where a surge would allow it', () => {
    const simulation = up({ command: ['slow'], rollout: { maxSurge: 1, maxUnavailable: 0 } }, 5_000)
    simulation.send(stop())
    simulation.send({ is: 'start', slots: null })
    expect(simulation.held()).toHaveLength(1)
    simulation.advance(10_000)
    expect(numbers(simulation)).toEqual(['0/2'])
  })

  it('does not bring back what was scaled away', () => {
    const simulation = up({ instances: 2, command: ['slow'] }, 5_000)
    simulation.send({ is: 'scale', desired: 1 })
    simulation.send({ is: 'start', slots: [1] })
    simulation.advance(10_000)
    expect(numbers(simulation)).toEqual(['0/1'])
  })
})

describe('stop', () => {
  it('of some leaves the others, and of the last of them is a stop of all', () => {
    const simulation = up({ instances: 2 })
    simulation.send(stop([1]))
    simulation.advance(100)
    expect(simulation.service).toMatchObject({ wanted: 'up', stoppedSlots: [1] })
    expect(numbers(simulation)).toEqual(['0/1'])
    simulation.send(stop([0]))
    simulation.advance(100)
    expect(simulation.service).toMatchObject({ wanted: 'down', stoppedSlots: [] })
    expect(isDown(simulation.service)).toBe(true)
  })

  it('in back-off makes it stopped', () => {
    const simulation = up({ command: ['exits-at-boot'], restart: { immediate: 0 } }, 50)
    simulation.send(stop())
    expect(phases(simulation)).toEqual(['stopped'])
    expect(deadlineOfService(simulation.service)).toBeNull()
  })

  it('is hurried by a second word, and cut short by a kill', () => {
    for (const event of [{ is: 'hurry' }, { is: 'kill', text: 'now' }] as const) {
      const simulation = up({ command: ['stubborn'] })
      simulation.send(stop())
      simulation.send(event)
      simulation.advance(300)
      expect(simulation.living()).toEqual([])
    }
  })

  it('calls back what waits to be spawned', () => {
    const simulation = new Simulation(serviceSpec({ instances: 2 }), { seed: 3, rough: true, eager: false })
    checkInvariants(simulation)
    simulation.send({ is: 'start', slots: null })
    simulation.send(stop())
    expect(simulation.held()).toEqual([])
    expect(isDown(simulation.service)).toBe(true)
    simulation.advance(1_000)
    expect([...simulation.processes.values()].map(({ spawn }) => spawn)).toEqual(['cancelled', 'cancelled'])
  })

  it('by kill is for good', () => {
    const simulation = up({ instances: 2, command: ['stubborn'] })
    simulation.send({ is: 'kill', text: 'the supervisor ends' })
    simulation.advance(5_000)
    expect(isDown(simulation.service)).toBe(true)
    expect(simulation.service.wanted).toBe('down')
  })

  it('cancels a rollout', () => {
    const simulation = up({ instances: 2, rollout: { maxSurge: 1, maxUnavailable: 0 } })
    deploy(simulation, 'slow')
    simulation.advance(100)
    simulation.send(stop())
    expect(simulation.service).toMatchObject({
      goal: 1,
      rollout: { is: 'cancelled', reason: 'cancelled: stopped by the operator' },
    })
    simulation.advance(10_000)
    expect(simulation.held()).toEqual([])
    simulation.send({ is: 'start', slots: null })
    simulation.advance(1_000)
    expect(simulation.living().map(({ generation }) => generation)).toEqual([1, 1])
  })
})

describe('scale', () => {
  it('adds workers, and takes the last ones away', () => {
    const simulation = up({ instances: 1 })
    simulation.send({ is: 'scale', desired: 3 })
    simulation.advance(100)
    expect(numbers(simulation)).toEqual(['0/1', '1/1', '2/1'])
    simulation.send({ is: 'scale', desired: 1 })
    simulation.advance(100)
    expect(numbers(simulation)).toEqual(['0/1'])
    expect(simulation.service.slots).toHaveLength(1)
    expect(simulation.service).toMatchObject({ generation: 1, lastGeneration: 1 })
  })

  it('never gives a number twice, so that late news of the dead concern nobody', () => {
    const simulation = up({ instances: 2 })
    simulation.send({ is: 'scale', desired: 1 })
    simulation.advance(100)
    simulation.send({ is: 'scale', desired: 2 })
    simulation.advance(100)
    expect(numbers(simulation)).toEqual(['0/1', '1/2'])
  })

  it('is remembered while the service is down', () => {
    const simulation = world({ instances: 1 })
    simulation.send({ is: 'scale', desired: 2 })
    expect(simulation.service.slots).toEqual([])
    simulation.send({ is: 'start', slots: null })
    simulation.advance(100)
    expect(numbers(simulation)).toEqual(['0/1', '1/1'])
  })

  it('during a rollout changes its target', () => {
    const simulation = up({ instances: 3, rollout: { maxSurge: 1, maxUnavailable: 0 } })
    simulation.send(restart())
    simulation.send({ is: 'scale', desired: 2 })
    simulation.advance(100)
    simulation.send({ is: 'scale', desired: 4 })
    simulation.advance(1_000)
    expect(simulation.service).toMatchObject({ generation: 2, rollout: { is: 'stable' } })
    expect(simulation.living().map(({ generation }) => generation)).toEqual([2, 2, 2, 2])
  })

  it('forgets which of the slots that go were stopped', () => {
    const simulation = up({ instances: 3 })
    simulation.send(stop([2]))
    simulation.send({ is: 'scale', desired: 2 })
    simulation.send({ is: 'scale', desired: 3 })
    simulation.advance(1_000)
    expect(readyCount(simulation.service)).toBe(3)
  })
})

describe('the gate', () => {
  it('keeps workers waiting until it opens', () => {
    const simulation = world({ instances: 2 })
    simulation.send({ is: 'gate', waitsFor: ['db (ready)', 'mq (ready)'] })
    simulation.send({ is: 'start', slots: null })
    expect(phases(simulation)).toEqual(['waiting', 'waiting'])
    simulation.send({ is: 'gate', waitsFor: ['mq (ready)'] })
    expect(simulation.service.slots[1]?.phase).toMatchObject({ on: ['mq (ready)'] })
    simulation.send({ is: 'gate', waitsFor: ['db (ready)'] })
    expect(simulation.service.slots[1]?.phase).toMatchObject({ on: ['db (ready)'] })
    simulation.send({ is: 'gate', waitsFor: [] })
    simulation.advance(100)
    expect(phases(simulation)).toEqual(['running', 'running'])
  })

  it('that closes later touches nobody, not even by a crash', () => {
    const simulation = up()
    simulation.send({ is: 'gate', waitsFor: ['db (ready)'] })
    simulation.kill9(only(simulation))
    simulation.advance(100)
    expect(phases(simulation)).toEqual(['running'])
  })
})

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
    const simulation = up({
      instances: 2,
      restart: { when: 'on-failure' },
      rollout: { maxSurge: 0, maxUnavailable: 2, canary: false },
    })
    simulation.send(restart([0, 1]))
    simulation.advance(15)
    const [first, second] = simulation.living()
    if (first === undefined || second === undefined) throw new Error('both should be on trial')
    simulation.send(stop())
    simulation.advance(100)
    deploy(simulation, 'good')
    simulation.send({ is: 'start', slots: null })
    simulation.advance(5)
    expect(simulation.living()).toHaveLength(2)
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

describe('news', () => {
  it('of slots that are not there are none', () => {
    const simulation = up()
    const before = simulation.service
    simulation.tell(9, 1, { is: 'ready' })
    simulation.tell(0, 99, { is: 'ready' })
    expect(simulation.service).toBe(before)
  })

  it('of which nothing is known are none', () => {
    const { service } = up()
    const event = { is: 'unheard-of', at: 5_000, random: 0.5 } as unknown as ServiceEvent
    expect(stepService(service, event)).toEqual([service, []])
  })

  it('of a service that has a generation without spec are a bug', () => {
    const broken = { ...newService(serviceSpec(), 1), specs: {} }
    expect(() =>
      stepService(broken, { is: 'restart', slots: null, mode: 'rolling', cause: '', at: 0, random: 0 }),
    ).toThrow(/no spec of generation 1/)
  })
})

describe('reload', () => {
  it('reaches the workers that are asked for', () => {
    const simulation = up({ instances: 2, reload: { by: 'command', command: ['reload'], timeout: 1_000 } })
    simulation.send({ is: 'reload', slots: [1] })
    simulation.advance(0)
    const done = simulation.effects.filter(
      (effect) => effect.do === 'slot' && effect.effect.do === 'process' && effect.effect.effect.do === 'reload-done',
    )
    expect(done.map((effect) => effect.do === 'slot' && effect.slot)).toEqual([1])
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
