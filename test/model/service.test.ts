import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { newService } from '../../src/rollout/service-state.ts'
import { stepService } from '../../src/rollout/service-step.ts'
import { checkInvariants } from './invariants.ts'
import { type Command, commands, obey, runs, type Setup, setups } from './scenario.ts'
import { Simulation } from './simulation.ts'

function live(setup: Setup, life: readonly Command[]): Simulation {
  const world = new Simulation(setup.spec, setup)
  checkInvariants(world)
  for (const command of life) obey(world, command)
  return world
}

const lives = fc.array(commands, { minLength: 1, maxLength: 40, size: 'max' })

describe('a service, whatever its workers and its operator do', () => {
  it('keeps the invariants', () => {
    fc.assert(
      fc.property(setups, lives, (setup, life) => {
        live(setup, life)
      }),
      { numRuns: runs(400) },
    )
  })
})
