// Which services wait for others, kept up to date as those change.
import { unmetDependencies } from '../rollout/dependencies.ts'
import type { ServiceRuntime } from './service-runtime.ts'

export class DependencyGates {
  private readonly services: ReadonlyMap<string, ServiceRuntime>
  private readonly onGate: (service: string, waitsFor: readonly string[]) => void
  private dependents = new Map<string, string[]>()

  constructor(
    services: ReadonlyMap<string, ServiceRuntime>,
    onGate: (service: string, waitsFor: readonly string[]) => void,
  ) {
    this.services = services
    this.onGate = onGate
  }

  /** After services were added or removed, or `dependsOn` changed. */
  reindex(): void {
    this.dependents = new Map()
    for (const [name, { state }] of this.services) {
      for (const dependency of Object.keys(state.specs[state.generation]?.dependsOn ?? {})) {
        this.dependents.set(dependency, [...(this.dependents.get(dependency) ?? []), name])
      }
    }
  }

  updateAll(): void {
    for (const name of this.services.keys()) this.update(name)
  }

  updateDependentsOf(name: string): void {
    for (const dependent of this.dependents.get(name) ?? []) this.update(dependent)
  }

  private update(name: string): void {
    const service = this.services.get(name)
    const spec = service?.state.specs[service.state.generation]
    if (service === undefined || spec === undefined) return
    const waitsFor = unmetDependencies(spec, (other) => this.services.get(other)?.state)
    if (waitsFor.join() !== service.state.waitsFor.join()) this.onGate(name, waitsFor)
  }
}
