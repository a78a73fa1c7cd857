// Which services a service waits for, and in which order services start and stop.
import type { DependencyCondition, ServiceSpec } from '../config/effective.ts'
import { identityOf } from '../lifecycle/process-state.ts'
import { currentOf, type SlotState, slotIsParked, slotIsUp } from '../lifecycle/slot-state.ts'
import { type ServiceState, wantedSlots } from './service-state.ts'

type Specs = Readonly<Record<string, Pick<ServiceSpec, 'dependsOn'>>>

/** The dependencies of `spec` that are not met yet, as `db (ready)`. */
export function unmetDependencies(
  spec: Pick<ServiceSpec, 'dependsOn'>,
  serviceOf: (name: string) => ServiceState | undefined,
): string[] {
  return Object.entries(spec.dependsOn)
    .filter(([name, condition]) => {
      const service = serviceOf(name)
      return service === undefined || !isMet(service, condition)
    })
    .map(([name, condition]) => `${name} (${condition})`)
}

function isMet(service: ServiceState, condition: DependencyCondition): boolean {
  return service.wanted === 'up' && wantedSlots(service).every((slot) => hasReached(slot, condition))
}

function hasReached(slot: SlotState, condition: DependencyCondition): boolean {
  switch (condition) {
    case 'ready':
      return slotIsUp(slot)
    case 'started': {
      const live = currentOf(slot.phase)
      return slot.phase.is === 'exited' || slotIsParked(slot) || (live !== null && identityOf(live.state) !== null)
    }
    case 'exited':
      return slot.phase.is === 'exited' && slot.phase.clean
  }
}

/** The services named and all that they depend on, dependencies first. */
export function withDependencies(names: readonly string[], specs: Specs): string[] {
  const order: string[] = []
  const seen = new Set<string>()
  const visit = (name: string): void => {
    if (seen.has(name)) return
    seen.add(name)
    for (const dependency of Object.keys(specs[name]?.dependsOn ?? {})) visit(dependency)
    order.push(name)
  }
  for (const name of names) visit(name)
  return order
}

/** All that depend on `name`, directly or through others. */
export function dependentsOf(name: string, specs: Specs): string[] {
  const found = new Set<string>()
  const visit = (of: string): void => {
    for (const [dependent, { dependsOn }] of Object.entries(specs)) {
      if (!Object.hasOwn(dependsOn, of) || found.has(dependent)) continue
      found.add(dependent)
      visit(dependent)
    }
  }
  visit(name)
  found.delete(name)
  return [...found]
}

/** Waves in which to stop: each wave only after all that depend on it are down. */
export function stopWaves(names: readonly string[], specs: Specs): string[][] {
  const left = new Set(names)
  const waves: string[][] = []
  while (left.size > 0) {
    const needed = new Set([...left].flatMap((name) => Object.keys(specs[name]?.dependsOn ?? {})))
    const free = [...left].filter((name) => !needed.has(name))
    // A cycle can not come out of a checked config; if it does, stopping matters more than order.
    const wave = free.length > 0 ? free : [...left]
    waves.push(wave)
    for (const name of wave) left.delete(name)
  }
  return waves
}
