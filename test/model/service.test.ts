import fc from 'fast-check'
import { describe, expect, it, vi } from 'vitest'
import { currentOf, slotServes } from '../../src/lifecycle/slot-state.ts'
import {
  deadlineOfService,
  isDown,
  isRolling,
  newService,
  type ServiceState,
  wantedSlots,
} from '../../src/rollout/service-state.ts'
import { stepService } from '../../src/rollout/service-step.ts'
import { checkInvariants } from './invariants.ts'
import { type Command, commands, obey, patience, runs, type Setup, setups } from './scenario.ts'
import { Simulation } from './simulation.ts'

vi.setConfig(patience)

/** Longer than any boot, ladder, sweep, back-off and rollout of these lives. */
const LONG_ENOUGH = 120_000

function live(setup: Setup, life: readonly Command[]): Simulation {
  const world = new Simulation(setup.spec, setup)
  checkInvariants(world)
  for (const command of life) obey(world, command)
  return world
}

const lives = fc.array(commands, { minLength: 1, maxLength: 40, size: 'max' })

describe('a service, whatever its workers and its operator do', () => {
  it('keeps the invariants, and leaves nothing behind when it is stopped', () => {
    fc.assert(
      fc.property(setups, lives, fc.constantFrom('stop', 'kill'), (setup, life, verb) => {
        const world = live(setup, life)
        obey(world, verb === 'stop' ? { do: 'stop', slots: null } : { do: 'kill' })
        world.advance(LONG_ENOUGH)
        expect(isDown(world.service)).toBe(true)
        expect(deadlineOfService(world.service)).toBeNull()
        expect(world.living()).toEqual([])
        expect(world.held()).toEqual([])
        if (setup.spec.stop.group) expect(world.leftovers()).toBe(0)
      }),
      { numRuns: runs(300) },
    )
  })

  it('comes to rest with every worker in service once its programs are sound', () => {
    fc.assert(
      fc.property(setups, lives, (setup, life) => {
        const world = live(setup, life)
        world.calm = true
        obey(world, { do: 'gate', waitsFor: [] })
        obey(world, { do: 'start', slots: null })
        // What hangs without a heartbeat is never found out: somebody has to look.
        for (const process of world.living()) if (process.hung) world.kill9(process)
        world.advance(LONG_ENOUGH)
        // What lives now may be a program that dies now and then: what follows it is sound.
        expectAtRest(world.service)
        expect(world.living().length).toBe(world.service.slots.filter((slot) => currentOf(slot.phase) !== null).length)
      }),
      { numRuns: runs(300) },
    )
  })

  it('comes to the same state when its events are replayed', () => {
    fc.assert(
      fc.property(setups, lives, (setup, life) => {
        const world = live({ ...setup, throughJson: false }, life)
        let again: ServiceState = newService(setup.spec, 1)
        let throughJson = again
        const effects = []
        for (const event of world.log) {
          const [next, more] = stepService(again, event)
          again = next
          effects.push(...more)
          throughJson = stepService(JSON.parse(JSON.stringify(throughJson)), JSON.parse(JSON.stringify(event)))[0]
        }
        expect(again).toEqual(world.service)
        expect(throughJson).toEqual(world.service)
        expect(effects).toEqual(world.effects)
      }),
      { numRuns: runs(100) },
    )
  })
})

function expectAtRest(service: ServiceState): void {
  expect(isRolling(service.rollout)).toBe(false)
  // Not even the old spec came up: what runs then stays, whatever its generation.
  const mixed = service.rollout.is === 'failed' && !service.rollout.converging
  for (const slot of wantedSlots(service)) {
    expect(slot.other).toBeNull()
    if (slot.phase.is === 'exited' || slot.phase.is === 'fatal') continue
    expect({ ...slot, serves: slotServes(slot) }).toMatchObject({ serves: true })
    if (!mixed) expect(currentOf(slot.phase)?.generation).toBe(service.generation)
  }
}
