// A process taken through several events.
import { expect } from 'vitest'
import type { ServiceSpec } from '../../src/config/effective.ts'
import type { ProcessEffect } from '../../src/lifecycle/process-effect.ts'
import type { ProcessEvent } from '../../src/lifecycle/process-event.ts'
import type { ProcessState, ProcessStateName, ProcessStateOf } from '../../src/lifecycle/process-state.ts'
import { stepProcess } from '../../src/lifecycle/process-transition.ts'
import { serviceSpec } from '../model/service-spec.ts'

export function run(
  state: ProcessState,
  spec: ServiceSpec,
  ...events: ProcessEvent[]
): [ProcessState, ProcessEffect[]] {
  const effects: ProcessEffect[] = []
  let now = state
  for (const event of events) {
    const [next, more] = stepProcess(now, event, spec)
    now = next
    effects.push(...more)
  }
  return [now, effects]
}

export function expectState<S extends ProcessStateName>(state: ProcessState, is: S): ProcessStateOf<S> {
  expect(state.is).toBe(is)
  return state as ProcessStateOf<S>
}

export const at = 5_000
export const spec = serviceSpec()
