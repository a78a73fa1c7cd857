import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { DependencyCondition } from '../../src/config/effective.ts'
import type { SlotPhase } from '../../src/lifecycle/slot-state.ts'
import { dependentsOf, stopWaves, unmetDependencies, withDependencies } from '../../src/rollout/dependencies.ts'
import { newService, type ServiceState } from '../../src/rollout/service-state.ts'
import { FINISHING, READY, SPAWNING } from '../lifecycle/representative-processes.ts'
import { running, slotIn, starting, stopping } from '../lifecycle/representative-slots.ts'
import { serviceSpec } from '../model/service-spec.ts'

function service(phases: readonly SlotPhase[], changes: Partial<ServiceState> = {}): ServiceState {
  const slots = phases.map((phase, slot) => ({ ...slotIn(phase), slot }))
  return { ...newService(serviceSpec({ name: 'db', instances: phases.length }), 1), wanted: 'up', slots, ...changes }
}

function isMet(condition: DependencyCondition, db: ServiceState | undefined): boolean {
  return unmetDependencies({ dependsOn: { db: condition } }, () => db).length === 0
}

const exited = (clean: boolean): SlotPhase => ({ is: 'exited', since: 0, generation: 1, clean })
const fatal: SlotPhase = { is: 'fatal', since: 0, generation: 1, why: 'gave up' }
const backoff: SlotPhase = { is: 'backoff', since: 0, until: 9, crashLoop: false }
const stopped: SlotPhase = { is: 'stopped', since: 0, why: 'not started yet' }

describe('a dependency', () => {
  it.each<[string, SlotPhase[], { ready: boolean; started: boolean; exited: boolean }]>([
    ['every worker ready', [running(), running({}, READY)], { ready: true, started: true, exited: false }],
    ['one still boots', [running(), starting()], { ready: false, started: true, exited: false }],
    ['one is not spawned yet', [running(), starting({}, SPAWNING)], { ready: false, started: false, exited: false }],
    ['one announced its end', [running({}, FINISHING)], { ready: false, started: true, exited: false }],
    ['one is being ended', [stopping('decide')], { ready: false, started: true, exited: false }],
    ['one backs off', [running(), backoff], { ready: false, started: false, exited: false }],
    ['one is given up', [running(), fatal], { ready: false, started: false, exited: false }],
    ['not started', [stopped], { ready: false, started: false, exited: false }],
    ['a job that is done', [exited(true)], { ready: false, started: true, exited: true }],
    ['a job that failed', [exited(false)], { ready: false, started: true, exited: false }],
    ['a job of which one still runs', [exited(true), running()], { ready: false, started: true, exited: false }],
    ['no workers wanted', [], { ready: true, started: true, exited: true }],
  ])('with %s', (_, phases, met) => {
    const db = service(phases)
    expect({ ready: isMet('ready', db), started: isMet('started', db), exited: isMet('exited', db) }).toEqual(met)
  })

  it('is not met by a service that is down, going down, or not there', () => {
    for (const condition of ['ready', 'started', 'exited'] as const) {
      expect(isMet(condition, service([running()], { wanted: 'down' }))).toBe(false)
      expect(isMet(condition, undefined)).toBe(false)
    }
  })

  it('does not wait for workers that the operator stopped, or that are not wanted any more', () => {
    expect(isMet('ready', service([running(), stopped], { stoppedSlots: [1] }))).toBe(true)
    expect(isMet('ready', service([running(), stopping('down')], { desired: 1 }))).toBe(true)
  })

  it('is named with what it is waited for', () => {
    const services: Record<string, ServiceState> = { db: service([starting()]), mq: service([running()]) }
    const spec = { dependsOn: { db: 'ready', mq: 'ready', job: 'exited' } } as const
    expect(unmetDependencies(spec, (name) => services[name])).toEqual(['db (ready)', 'job (exited)'])
  })
})

/** `{ web: 'db mq' }` as specs. */
function specs(needs: Record<string, string>) {
  const named = Object.entries(needs).map(([name, list]) => {
    const dependsOn = Object.fromEntries(
      list
        .split(' ')
        .filter(Boolean)
        .map((other) => [other, 'ready' as const]),
    )
    return [name, { dependsOn }] as const
  })
  return Object.fromEntries(named)
}

const house = specs({ web: 'api cache', api: 'db', cache: '', db: 'disk', disk: '', lonely: '' })
const circle = specs({ a: 'b', b: 'c', c: 'a', d: 'a' })

describe('the order of services', () => {
  it('starts what is needed first', () => {
    expect(withDependencies(['web'], house)).toEqual(['disk', 'db', 'api', 'cache', 'web'])
    expect(withDependencies(['lonely', 'api'], house)).toEqual(['lonely', 'disk', 'db', 'api'])
    expect(withDependencies(['web'], specs({ web: 'gone' }))).toEqual(['gone', 'web'])
  })

  it('knows who needs a service, directly or not', () => {
    expect(dependentsOf('disk', house).sort()).toEqual(['api', 'db', 'web'])
    expect(dependentsOf('lonely', house)).toEqual([])
  })

  it('is not fooled by names that every object has', () => {
    expect(dependentsOf('constructor', specs({ constructor: '', web: 'db', db: '' }))).toEqual([])
    expect(dependentsOf('toString', specs({ toString: '', web: 'toString' }))).toEqual(['web'])
  })

  it('stops in waves, those first that nobody needs', () => {
    expect(stopWaves(Object.keys(house), house)).toEqual([['web', 'lonely'], ['api', 'cache'], ['db'], ['disk']])
    expect(stopWaves(['db', 'web'], house)).toEqual([['db', 'web']])
    expect(stopWaves(['web', 'unheard-of'], house)).toEqual([['web', 'unheard-of']])
    expect(stopWaves([], house)).toEqual([])
  })

  it('comes to an end with a circle that should not be', () => {
    expect(withDependencies(['d'], circle).sort()).toEqual(['a', 'b', 'c', 'd'])
    expect(dependentsOf('a', circle).sort()).toEqual(['b', 'c', 'd'])
    expect(stopWaves(['a', 'b', 'c', 'd'], circle)).toEqual([['d'], ['a', 'b', 'c']])
  })

  it('stops everything once, after all that needs it, whatever needs what', () => {
    const names = ['a', 'b', 'c', 'd', 'e', 'f']
    // Each may need those before it: no circle.
    const arbitrary = fc.tuple(...names.map((_, index) => fc.subarray(names.slice(0, index))))
    fc.assert(
      fc.property(arbitrary, fc.subarray(names), (needs, some) => {
        const all = specs(Object.fromEntries(names.map((name, index) => [name, (needs[index] ?? []).join(' ')])))
        const waves = stopWaves(some, all)
        expect(waves.flat().sort()).toEqual([...some].sort())
        const waveOf = new Map(waves.flatMap((wave, index) => wave.map((name) => [name, index] as const)))
        for (const name of some) {
          for (const needed of Object.keys(all[name]?.dependsOn ?? {})) {
            if (waveOf.has(needed)) expect(waveOf.get(needed)).toBeGreaterThan(waveOf.get(name) ?? -1)
          }
        }
        const order = withDependencies(some, all)
        expect(new Set(order).size).toBe(order.length)
        for (const name of order) {
          for (const needed of Object.keys(all[name]?.dependsOn ?? {}))
            expect(order.indexOf(needed)).toBeLessThan(order.indexOf(name))
        }
      }),
    )
  })
})
