// What the planner does where an election of mains has the word on who may be replaced, and with workers that are kept back.
import { describe, expect, it } from 'vitest'
import { newElection } from '../../src/election/election-state.ts'
import { isOutdatedNumber } from '../../src/rollout/reconcile.ts'
import type { ServiceEvent } from '../../src/rollout/service-event.ts'
import { isDown, newService, provenAt, readyCount, type ServiceState } from '../../src/rollout/service-state.ts'
import { stepService } from '../../src/rollout/service-step.ts'
import { serviceSpec } from '../model/service-spec.ts'

const slots = {
  lock: 'db',
  directory: '/locks',
  mains: 1,
  standbys: 1,
  warm: true,
  promoteSignal: null,
  stopFile: null,
}
const spec = serviceSpec({ name: 'db', instances: 2, slots, rollout: { maxSurge: 0, maxUnavailable: 1 } })

type Event = ServiceEvent extends infer E ? (E extends ServiceEvent ? Omit<E, 'at' | 'random'> : never) : never

class Service {
  state: ServiceState = newService(spec, 1)
  at = 0

  send(event: Event): void {
    this.at += 1_000
    ;[this.state] = stepService(this.state, { ...event, at: this.at, random: 0.5 } as ServiceEvent)
  }

  process(slot: number, number: number, is: string, more: object = {}): void {
    const event = { is, at: this.at + 1_000, ...more }
    this.send({ is: 'slot', slot, event: { is: 'process', at: this.at + 1_000, number, event } } as Event)
  }

  live(slot: number, number: number): void {
    this.process(slot, number, 'spawned', { process: { pid: 100 * slot + number, startTime: 1 } })
    this.process(slot, number, 'ready')
  }

  get numbers(): number[] {
    return this.state.slots.map(({ lastNumber }) => lastNumber)
  }
}

function up(): Service {
  const service = new Service()
  service.send({ is: 'start', slots: null })
  service.live(0, 1)
  service.live(1, 1)
  return service
}

describe('a service with slots', () => {
  it('begins with an election that lets nobody go', () => {
    expect(newElection(slots)).toMatchObject({ contenders: [] })
    expect(up().state.replaceable).toEqual([])
    expect(newService(serviceSpec(), 1).replaceable).toBeNull()
  })

  it('replaces whom the election lets go, in its order, and nobody else', () => {
    const service = up()
    service.send({ is: 'restart', slots: null, mode: 'rolling', cause: 'asked' })
    expect(service.state.slots.map(({ phase }) => phase.is)).toEqual(['running', 'running'])
    service.send({ is: 'replaceable', slots: [1] })
    expect(service.state.slots.map(({ phase }) => phase.is)).toEqual(['running', 'stopping'])
    service.process(1, 1, 'exited', { code: 0, signal: null, leftover: false })
    service.live(1, 2)
    expect(service.numbers).toEqual([1, 2])
    service.send({ is: 'replaceable', slots: [7, 0] })
    expect(service.state.slots.map(({ phase }) => phase.is)).toEqual(['stopping', 'running'])
  })

  it('knows by its number whether a process is of yesterday', () => {
    const service = up()
    service.send({ is: 'restart', slots: null, mode: 'rolling', cause: 'asked' })
    expect(isOutdatedNumber(service.state, 0, 1)).toBe(true)
    expect(isOutdatedNumber(service.state, 0, 9)).toBe(false)
    expect(isOutdatedNumber(service.state, 5, 1)).toBe(false)
  })
})

describe('a worker that is kept back', () => {
  it('counts as up but not as ready, proves a new generation, and starts when it may', () => {
    const service = new Service()
    service.send({ is: 'start', slots: null })
    service.live(0, 1)
    service.process(1, 1, 'parked')
    expect(service.state.slots[1]?.phase).toMatchObject({ is: 'running', live: { state: { is: 'parked' } } })
    expect(readyCount(service.state)).toBe(1)
    service.send({ is: 'restart', slots: null, mode: 'rolling', cause: 'asked' })
    service.send({ is: 'replaceable', slots: [1, 0] })
    service.process(1, 1, 'spawn-cancelled')
    const trial = service.state.slots[1]
    expect(trial?.phase).toMatchObject({ live: { trial: true, number: 2 } })
    service.process(1, 2, 'parked')
    const [, parked] = service.state.slots
    expect(parked?.phase).toMatchObject({ is: 'running', live: { trial: false } })
    expect(parked && provenAt(service.state, parked)).toBeNull()
    service.process(1, 2, 'spawned', { process: { pid: 7, startTime: 1 } })
    expect(service.state.slots[1]?.phase.is).toBe('starting')
  })

  it('is called back by a stop', () => {
    const service = new Service()
    service.send({ is: 'start', slots: null })
    for (const slot of [0, 1]) service.process(slot, 1, 'parked')
    service.send({ is: 'stop', slots: null, text: 'asked' })
    for (const slot of [0, 1]) service.process(slot, 1, 'spawn-cancelled')
    expect(isDown(service.state)).toBe(true)
  })
})
