import { type HeartbeatWriter, monotonicNanos } from './heartbeat-writer.ts'

/** How late the counters in the slot may be. Deadlines are never late. */
const countersMillis = 1_000

/**
 * Requests under way in this worker: how many were done, how long at least one was under way, and when the earliest one is
 * overdue. A request is named by any object that lives as long as it (the connection, for HTTP).
 */
export class RequestAccounting {
  readonly #heartbeat: HeartbeatWriter
  /** Nanoseconds, 0: requests have no deadline. */
  readonly #timeout: number
  /** Start of each in nanoseconds; insertion order is order of start, so the first is the earliest. */
  readonly #underWay = new Map<object, number>()
  #idle: (() => void)[] = []
  #done = 0
  #busy = 0
  #busySince = 0
  #deadline = 0
  #flush: NodeJS.Timeout | null = null

  constructor(heartbeat: HeartbeatWriter, timeoutMillis: number | null) {
    this.#heartbeat = heartbeat
    this.#timeout = (timeoutMillis ?? 0) * 1e6
  }

  begin(request: object): void {
    const now = monotonicNanos()
    if (this.#underWay.size === 0) this.#busySince = now
    this.#underWay.set(request, now)
    this.#publish()
  }

  /** @param outcome `gone`: the client left before its answer was complete, so it counts as no request done. */
  end(request: object, outcome: 'done' | 'gone'): void {
    if (!this.#underWay.delete(request)) return
    if (outcome === 'done') this.#done++
    if (this.#underWay.size === 0) {
      this.#busy += monotonicNanos() - this.#busySince
      for (const resolve of this.#idle.splice(0)) resolve()
    }
    this.#publish()
  }

  /** Resolves when no request is under way. */
  idle(): Promise<void> {
    if (this.#underWay.size === 0) return Promise.resolve()
    return new Promise((resolve) => this.#idle.push(resolve))
  }

  #publish(): void {
    if (!this.#heartbeat.writes) return
    if (this.#timeout > 0) {
      const deadline = this.#earliestDeadline()
      if (deadline !== this.#deadline) {
        this.#deadline = deadline
        this.#write()
        return
      }
    }
    this.#flush ??= setTimeout(() => {
      this.#flush = null
      this.#write()
    }, countersMillis).unref()
  }

  #earliestDeadline(): number {
    for (const start of this.#underWay.values()) return start + this.#timeout
    return 0
  }

  #write(): void {
    const running = this.#underWay.size > 0 ? monotonicNanos() - this.#busySince : 0
    this.#heartbeat.requests(this.#done, this.#busy + running, this.#deadline)
  }
}
