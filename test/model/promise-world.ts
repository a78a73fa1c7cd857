// A service in a random world, and what is counted in it.
import fc from 'fast-check'
import type { RolloutSpec } from '../../src/config/effective.ts'
import { slotServes } from '../../src/lifecycle/slot-state.ts'
import { type ServiceState, wantedSlots } from '../../src/rollout/service-state.ts'
import type { ProgramName } from './fake-program.ts'
import { checkInvariants } from './invariants.ts'
import { type SpecChanges, serviceSpec, step } from './service-spec.ts'
import { Simulation } from './simulation.ts'

export const bounds: fc.Arbitrary<Pick<RolloutSpec, 'maxSurge' | 'maxUnavailable'>> = fc.constantFrom(
  { maxSurge: 1, maxUnavailable: 0 },
  { maxSurge: 2, maxUnavailable: 0 },
  { maxSurge: 0, maxUnavailable: 1 },
  { maxSurge: 0, maxUnavailable: 2 },
  { maxSurge: 1, maxUnavailable: 1 },
)
export const worlds = fc.record({ seed: fc.nat(1_000_000), rough: fc.boolean(), eager: fc.boolean() })

export function startedWorld(
  changes: SpecChanges,
  world: { seed: number; rough: boolean; eager: boolean },
  settle = 5_000,
): Simulation {
  const spec = serviceSpec({
    startTimeout: 5_000,
    stop: { signals: [step('TERM', 1_000), step('KILL', 1_000)] },
    ...changes,
  })
  const simulation = new Simulation(spec, world)
  checkInvariants(simulation)
  simulation.send({ is: 'start', slots: null })
  simulation.advance(settle)
  return simulation
}

export function serving(service: ServiceState): number {
  return wantedSlots(service).filter(slotServes).length
}

/** The least number of workers in service from now on. */
export function watchServing(world: Simulation): () => number {
  let least = serving(world.service)
  world.observe(({ after }) => {
    least = Math.min(least, serving(after))
  })
  return () => least
}

export function deploy(world: Simulation, program: ProgramName | 'mixed', changes: SpecChanges = {}): void {
  const { service } = world
  const spec = service.specs[service.generation] ?? serviceSpec()
  world.send({
    is: 'deploy',
    spec: { ...spec, ...changes, command: [program] } as typeof spec,
    renew: true,
    desired: service.desired,
  })
}
