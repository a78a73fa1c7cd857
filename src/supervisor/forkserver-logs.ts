// The output of a forkserver is one log, whichever generation of it writes: two writers would rotate it under each other.
import type { ServiceSpec } from '../config/effective.ts'
import type { ServiceLog } from '../logs/service-log.ts'
import { instanceOf, logNameOf } from './forkserver-name.ts'
import { outputKey, type ServiceOutput } from './service-runtime.ts'

export class ForkserverLogs {
  private readonly outputs = new Map<string, { readonly forkserver: string; readonly output: ServiceOutput }>()

  /** @param make what a service would get */
  outputOf(spec: ServiceSpec, make: (spec: ServiceSpec, name: string) => ServiceOutput): ServiceOutput {
    const instance = instanceOf(spec.name)
    if (instance === null) return make(spec, spec.name)
    const { forkserver } = instance
    const key = `${forkserver} ${outputKey(spec)}`
    const known = this.outputs.get(key)
    if (known !== undefined) return known.output
    const output = make(spec, logNameOf(forkserver))
    this.outputs.set(key, { forkserver, output })
    return output
  }

  /** @param forkservers null: all */
  logs(forkservers: readonly string[] | null = null): ServiceLog[] {
    return [...this.outputs.values()]
      .filter(({ forkserver }) => forkservers?.includes(forkserver) ?? true)
      .map(({ output }) => output.log)
  }
}
