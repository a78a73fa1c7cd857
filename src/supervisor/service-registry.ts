// All services that there are, and the generations of forkservers, which are kept up as services with one worker.
import type { ServiceSpec } from '../config/effective.ts'
import { newService } from '../rollout/service-state.ts'
import type { EngineParts } from './engine-parts.ts'
import { HeartbeatTable } from './heartbeat-table.ts'
import type { ServiceRuntime } from './service-runtime.ts'

export class ServiceRegistry {
  readonly services = new Map<string, ServiceRuntime>()
  private readonly forkservers = new Map<string, ServiceRuntime>()
  private readonly parts: Pick<EngineParts, 'makeOutput' | 'paths'>

  constructor(parts: Pick<EngineParts, 'makeOutput' | 'paths'>) {
    this.parts = parts
  }

  get(name: string): ServiceRuntime | undefined {
    return this.services.get(name) ?? this.forkservers.get(name)
  }

  get all(): readonly ServiceRuntime[] {
    return [...this.services.values(), ...this.forkservers.values()]
  }

  addService(spec: ServiceSpec, generation: number): void {
    if (this.services.has(spec.name)) throw new Error(`${spec.name} is there already (bug)`)
    this.services.set(spec.name, this.newRuntime(spec, generation))
  }

  addForkserver(spec: ServiceSpec, generation: number): void {
    this.forkservers.set(spec.name, this.newRuntime(spec, generation))
  }

  /** With all that it has open. @returns whether it was there */
  remove(name: string): boolean {
    const service = this.get(name)
    if (service === undefined) return false
    for (const { lanes } of service.slots.values()) for (const lane of lanes) lane?.close()
    // The log of a forkserver is that of the generations after it, too.
    if (this.services.delete(name)) void service.output.log.close()
    else this.forkservers.delete(name)
    return true
  }

  private newRuntime(spec: ServiceSpec, generation: number): ServiceRuntime {
    return {
      state: newService(spec, generation),
      output: this.parts.makeOutput(spec),
      heartbeats: new HeartbeatTable(this.parts.paths.heartbeat(spec.name)),
      slots: new Map(),
      strays: 0,
    }
  }
}
