interface Waiting {
  /** Bytes that its client has not taken yet. */
  readonly waiting: number
}

/** Nobody is too slow who has less waiting than this. */
const FREE = 64 * 1024

/** What all event streams together may hold for clients that do not read: each alone may hold much, a thousand may not. */
export class StreamBudget {
  readonly #total: number
  readonly #streams = new Set<Waiting>()

  constructor(total: number) {
    this.#total = total
  }

  add(stream: Waiting): void {
    this.#streams.add(stream)
  }

  delete(stream: Waiting): void {
    this.#streams.delete(stream)
  }

  /** All together hold too much, and this one at least its share of it. */
  isOverdrawnBy(stream: Waiting): boolean {
    if (stream.waiting <= FREE) return false
    let sum = 0
    for (const { waiting } of this.#streams) sum += waiting
    return sum > this.#total && stream.waiting >= sum / this.#streams.size
  }
}
