// When a slot is down, what is left of its programs outside of their process groups ends, too.
import type { Journal } from './journal.ts'
import type { ServiceRuntime } from './service-runtime.ts'
import type { StraySweeper } from './stray-sweeper.ts'

export interface StrayEndingsContext {
  readonly strays: StraySweeper
  readonly journal: Journal
  readonly idPrefix: string
  /** `strays` of this service has changed. */
  readonly onChange: (service: string) => void
}

export class StrayEndings {
  private readonly context: StrayEndingsContext

  constructor(context: StrayEndingsContext) {
    this.context = context
  }

  /** The service counts as having strays until it is known that there are none. */
  end(service: ServiceRuntime, slot: number): void {
    let isLater = false
    service.strays++
    this.context.strays.whenSettled(() => {
      service.strays--
      this.endNow(service, slot)
      if (isLater) this.context.onChange(service.state.name)
    })
    isLater = true
  }

  private endNow(service: ServiceRuntime, slot: number): void {
    const { strays, journal, idPrefix, onChange } = this.context
    const { name } = service.state
    const prefix = `${idPrefix}.${name}.${slot}.`
    if (!strays.any(prefix)) return
    service.strays++
    strays.sweep(prefix, (left) => {
      service.strays--
      const rest = left.length === 0 ? '' : `; still there: ${left.map(({ pid }) => pid).join(', ')}`
      const reason = `descendants that had left the process group were ended${rest}`
      journal.write({ kind: 'worker', service: name, worker: `${name}/${slot}`, event: 'strays', reason })
      onChange(name)
    })
  }
}
