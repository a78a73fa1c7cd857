import { describe, expect, it } from 'vitest'
import type { ServiceEvent } from '../../src/rollout/service-event.ts'
import { deadlineOfService, isDown, newService, readyCount } from '../../src/rollout/service-state.ts'
import { stepService } from '../../src/rollout/service-step.ts'
import { checkInvariants } from '../model/invariants.ts'
import { serviceSpec } from '../model/service-spec.ts'
import { Simulation } from '../model/simulation.ts'
import { deploy, numbers, only, phases, restart, stop, up, world } from './quiet-world.ts'

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
  it('gives the first signal longer where that is asked', () => {
    const simulation = up({ command: ['slow'] }, 5_000)
    simulation.send({ ...stop(), longer: 60_000 })
    const rungs = [{ wait: 61_000 }, { wait: 1_000 }]
    expect(simulation.service.slots[0]).toMatchObject({ phase: { live: { state: { descent: { rungs } } } } })
  })

  it('goes by signals alone where that is asked', () => {
    const simulation = up({ command: ['slow'], stop: { file: '/stop' } }, 5_000)
    simulation.send({ ...stop(), onlySignals: true })
    const rungs = [{ by: 'signal' }, { by: 'signal' }]
    expect(simulation.service.slots[0]).toMatchObject({ phase: { live: { state: { descent: { rungs } } } } })
  })

  it('sends another signal first where that is asked', () => {
    const simulation = up({ command: ['slow'] }, 5_000)
    simulation.send({ ...stop(), firstSignal: 'QUIT' })
    const rungs = [{ signal: 'QUIT' }, { signal: 'KILL' }]
    expect(simulation.service.slots[0]).toMatchObject({ phase: { live: { state: { descent: { rungs } } } } })
  })

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

  it('tells also the one that drains beside an empty place', () => {
    const simulation = up({ instances: 2, rollout: { maxSurge: 1, maxUnavailable: 0 } })
    const old = only(simulation, 1)
    simulation.tell(1, old.number, { is: 'finishing' })
    simulation.advance(100)
    simulation.send(restart(null, 'cold'))
    simulation.advance(100)
    // A cold restart waits for the last of the old ones.
    expect(simulation.service.slots[1]).toMatchObject({
      phase: { is: 'stopped' },
      other: { live: { state: { is: 'finishing' } } },
    })
    simulation.send({ is: 'scale', desired: 1 })
    expect(simulation.service.slots[1]).toMatchObject({ other: { live: { state: { is: 'stopping' } } } })
    simulation.advance(100)
    expect(old.alive).toBe(false)
    expect(simulation.service).toMatchObject({ generation: 2, rollout: { is: 'stable' } })
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

  it('is no rollout to wait for: a restart of workers that wait is in service at once', () => {
    const simulation = world({ instances: 2 })
    simulation.send({ is: 'gate', waitsFor: ['db (ready)'] })
    simulation.send({ is: 'start', slots: null })
    simulation.send(restart())
    expect(simulation.service).toMatchObject({ generation: 2, goal: 2, rollout: { is: 'stable' } })
    expect(phases(simulation)).toEqual(['waiting', 'waiting'])
    simulation.send({ is: 'gate', waitsFor: [] })
    simulation.advance(100)
    expect(phases(simulation)).toEqual(['running', 'running'])
  })

  it('does not keep those that run from being replaced', () => {
    const simulation = up({ instances: 2 })
    simulation.send({ is: 'gate', waitsFor: ['db (ready)'] })
    simulation.send(restart())
    simulation.advance(30_000)
    expect(simulation.service).toMatchObject({ generation: 2, rollout: { is: 'stable' } })
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
