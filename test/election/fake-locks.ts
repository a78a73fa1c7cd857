// Locks of a simulated kernel: K slots behind a gate, M places. First come, first served; free when the last holder is gone.
import type { Grip } from '../../src/election/contender-state.ts'

/** Who may hold something: the open files of one contender, or a stranger. */
export interface Holder {
  readonly name: string
  readonly isOurs: boolean
}

export interface QueuedHolder {
  readonly holder: Holder
  readonly granted: (grip: Grip) => void
}

export class FakeLocks {
  readonly slots: (Holder | null)[]
  readonly queue: QueuedHolder[] = []
  readonly places = new Set<Holder>()
  readonly placeQueue: { readonly holder: Holder; readonly granted: () => void }[] = []
  readonly grants: { readonly name: string; readonly grip: Grip }[] = []
  private readonly placeCount: number
  private readonly token: () => string

  constructor(mains: number, standbys: number, token: () => string) {
    this.slots = Array.from({ length: mains }, () => null)
    this.placeCount = standbys
    this.token = token
  }

  /** Behind nobody, or not at all. */
  tryNow(holder: Holder): Grip | null {
    const slot = this.slots.indexOf(null)
    return this.queue.length > 0 || slot < 0 ? null : this.grant(holder, slot)
  }

  wait(queued: QueuedHolder): void {
    this.queue.push(queued)
    this.serve()
  }

  takePlace(holder: Holder, granted: () => void): void {
    this.placeQueue.push({ holder, granted })
    this.serve()
  }

  cancel(holder: Holder): void {
    remove(this.queue, (one) => one.holder === holder)
    remove(this.placeQueue, (one) => one.holder === holder)
  }

  /** Every file of it is closed. */
  free(holder: Holder): void {
    for (const [slot, one] of this.slots.entries()) if (one === holder) this.slots[slot] = null
    this.places.delete(holder)
    this.cancel(holder)
    this.serve()
  }

  private serve(): void {
    while (this.placeQueue.length > 0 && this.places.size < this.placeCount) {
      const next = this.placeQueue.shift()
      if (next !== undefined) this.places.add(next.holder)
      next?.granted()
    }
    const slot = this.slots.indexOf(null)
    const first = slot < 0 ? undefined : this.queue.shift()
    if (first === undefined) return
    const grip = this.grant(first.holder, slot)
    this.places.delete(first.holder)
    first.granted(grip)
    // Its place is free now.
    this.serve()
  }

  private grant(holder: Holder, slot: number): Grip {
    if (this.slots[slot] !== null) throw new Error(`slot ${slot} is held`)
    this.slots[slot] = holder
    const grip = { slot, token: this.token() }
    this.grants.push({ name: holder.name, grip })
    return grip
  }
}

function remove<T>(from: T[], which: (one: T) => boolean): void {
  for (let index = from.length - 1; index >= 0; index--) {
    const one = from[index]
    if (one !== undefined && which(one)) from.splice(index, 1)
  }
}
