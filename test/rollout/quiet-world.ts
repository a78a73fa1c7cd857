// A service in a world without chance, and the words of its operator.

import type { ServiceEffect } from '../../src/rollout/service-event.ts'
import type { RolloutMode } from '../../src/rollout/service-state.ts'
import { specOf } from '../../src/rollout/service-state.ts'
import type { FakeProcess } from '../model/fake-process.ts'
import { checkInvariants } from '../model/invariants.ts'
import { type SpecChanges, serviceSpec, step } from '../model/service-spec.ts'
import { Simulation } from '../model/simulation.ts'

/** Everything happens at once and once: what a test sees is what the rules say. */
export function world(changes: SpecChanges = {}, seed = 1): Simulation {
  const stop = { signals: [step('TERM', 1_000), step('KILL', 1_000)] }
  const simulation = new Simulation(serviceSpec({ stop, startTimeout: 2_000, ...changes }), {
    seed,
    rough: false,
    eager: true,
  })
  checkInvariants(simulation)
  return simulation
}

export function up(changes: SpecChanges = {}, settle = 2_000): Simulation {
  const simulation = world(changes)
  simulation.send({ is: 'start', slots: null })
  simulation.advance(settle)
  return simulation
}

export const phases = ({ service }: Simulation) => service.slots.map(({ phase }) => phase.is)
export const numbers = (simulation: Simulation) => simulation.living().map(({ slot, number }) => `${slot}/${number}`)
export const rolloutNotes = (effects: readonly ServiceEffect[]) =>
  effects.flatMap((effect) => (effect.do === 'rollout-note' ? [`${effect.from} → ${effect.to}: ${effect.reason}`] : []))
export const stop = (slots: number[] | null = null) => ({ is: 'stop', slots, text: 'stopped by the operator' }) as const
export const restart = (slots: number[] | null = null, mode: RolloutMode = 'rolling') =>
  ({ is: 'restart', slots, mode, cause: 'restart by the operator' }) as const

export function only(simulation: Simulation, slot = 0): FakeProcess {
  const [process] = simulation.living().filter((one) => one.slot === slot)
  if (process === undefined) throw new Error(`nothing runs in slot ${slot}`)
  return process
}

export function deploy(simulation: Simulation, program: string, more: SpecChanges = {}, desired?: number): void {
  const { service } = simulation
  const { restart, pace, earlyDeath, stop, rollout, ...rest } = more
  const old = specOf(service, service.generation)
  const policies = {
    pace: { ...old.pace, ...pace },
    earlyDeath: { ...old.earlyDeath, ...earlyDeath },
    rollout: { ...old.rollout, ...rollout },
  }
  const spec = { ...old, ...rest, ...policies, command: [program] }
  simulation.send({ is: 'deploy', spec, renew: true, desired: desired ?? service.desired })
}
