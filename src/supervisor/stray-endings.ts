// When a slot is down, what is left of its programs outside of their process groups ends, too.
import type { Journal } from './journal.ts'
import type { ServiceRuntime } from './service-runtime.ts'
import type { StraySweeper } from './stray-sweeper.ts'

export interface StrayEndingsContext {
  readonly strays: StraySweeper
  readonly journal: Journal
  readonly idPrefix: string
  /** `strays` of these services has changed. */
  readonly onChange: (services: readonly string[]) => void
}

interface Asked {
  readonly service: ServiceRuntime
  readonly slot: number
}

export class StrayEndings {
  private readonly context: StrayEndingsContext
  private asked: Asked[] = []

  constructor(context: StrayEndingsContext) {
    this.context = context
  }

  /**
   * The service counts as having strays until it is known that there are none. Who is asked for in one turn is looked for together:
   * one by one, our list of children was read a thousand times in a `down` of a thousand services, for 0.4 of its 0.9 s.
   */
  end(service: ServiceRuntime, slot: number): void {
    service.strays++
    if (this.asked.push({ service, slot }) === 1) {
      setImmediate(() => this.context.strays.whenSettled(() => this.endAsked()))
    }
  }

  private endAsked(): void {
    const { strays, idPrefix, onChange } = this.context
    if (strays.isClosed) return
    const asked = this.asked.splice(0)
    const prefixOf = ({ service, slot }: Asked): string => `${idPrefix}.${service.state.name}.${slot}.`
    const found = strays.among(`${idPrefix}.`, asked.map(prefixOf))
    for (const one of asked) {
      one.service.strays--
      if (found.has(prefixOf(one))) this.sweep(one, prefixOf(one))
    }
    onChange(asked.map(({ service }) => service.state.name))
  }

  private sweep({ service, slot }: Asked, prefix: string): void {
    const { strays, journal, onChange } = this.context
    const { name } = service.state
    service.strays++
    strays.sweep(prefix, (left) => {
      service.strays--
      const rest = left.length === 0 ? '' : `; still there: ${left.map(({ pid }) => pid).join(', ')}`
      const reason = `descendants that had left the process group were ended${rest}`
      journal.write({ kind: 'worker', service: name, worker: `${name}/${slot}`, event: 'strays', reason })
      onChange([name])
    })
  }
}
