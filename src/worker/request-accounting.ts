import { type HeartbeatWriter, monotonicNanos } from './heartbeat-writer.ts'

/** How late the counters in the slot may be. */
const countersMillis = 1_000
/** How much too late a deadline in the slot may be, at most; and no more than a fiftieth of the timeout. */
const slackMillis = 100

/**
 * Requests under way in this worker: how many were done, how long at least one was under way, and when the earliest one is
 * overdue. A request is named by any object that lives as long as it (the connection, for HTTP).
 */
export class RequestAccounting {
  readonly #heartbeat: HeartbeatWriter
  /** Nanoseconds, 0: requests have no deadline. */
  readonly #timeout: number
  /** Start of each that has a deadline, in nanoseconds; insertion order is order of start, so the first is the earliest. */
  readonly #underWay = new Map<object, number>()
  /** Those that have no deadline, too: of them nobody needs to know more. */
  #open = 0
  #idle: (() => void)[] = []
  #done = 0
  #busy = 0
  #busySince = 0
  /** No request is under way, but the busy time goes on until the end of this turn of the event loop. */
  #turnIsOpen = false
  /** What the slot says, nanoseconds. */
  #published = 0
  readonly #slack: number
  #later: NodeJS.Timeout | null = null

  constructor(heartbeat: HeartbeatWriter, timeoutMillis: number | null) {
    this.#heartbeat = heartbeat
    this.#timeout = (timeoutMillis ?? 0) * 1e6
    this.#slack = Math.min(slackMillis * 1e6, this.#timeout / 50)
  }

  /** Whether requests have a deadline, so that each must be known by its start. */
  get hasDeadline(): boolean {
    return this.#timeout > 0
  }

  begin(request: object): void {
    const now = monotonicNanos()
    if (this.#open === 0 && !this.#turnIsOpen) this.#busySince = now
    this.#open++
    this.#underWay.set(request, now)
    this.#publish()
  }

  /** A request without a name, where there is no deadline: half a microsecond less for each. */
  enter(): void {
    if (this.#open === 0 && !this.#turnIsOpen) this.#busySince = monotonicNanos()
    this.#open++
    if (this.#later === null) this.#publish()
  }

  leave(outcome: 'done' | 'gone'): void {
    this.#ended(outcome)
    if (this.#later === null) this.#publish()
  }

  /** @param outcome `gone`: the client left before its answer was complete, so it counts as no request done. */
  end(request: object, outcome: 'done' | 'gone'): void {
    if (!this.#underWay.delete(request)) return
    this.#ended(outcome)
    this.#publish()
  }

  #ended(outcome: 'done' | 'gone'): void {
    if (outcome === 'done') this.#done++
    this.#open--
    if (this.#open > 0) return
    if (!this.#turnIsOpen) setImmediate(this.#endTurn)
    this.#turnIsOpen = true
    if (this.#idle.length > 0) for (const resolve of this.#idle.splice(0)) resolve()
  }

  /** The clock is read twice a turn instead of twice a request: under load that makes 0.4 µs of 16 for each. */
  readonly #endTurn = (): void => {
    this.#turnIsOpen = false
    if (this.#open === 0) this.#busy += monotonicNanos() - this.#busySince
  }

  /** Resolves when no request is under way. */
  idle(): Promise<void> {
    if (this.#open === 0) return Promise.resolve()
    return new Promise((resolve) => this.#idle.push(resolve))
  }

  /**
   * Two writes for each request would cost as much as a small request itself (10 of 17 µs). So the slot's deadline is up to
   * twice the slack later than the true one, never earlier: it stays right for all requests that begin in the next moments,
   * and it is taken out only a moment after the last one ended.
   */
  #publish(): void {
    if (!this.#heartbeat.writes) return
    const deadline = this.#earliestDeadline()
    if (deadline > 0 && !this.#fits(deadline)) this.#write()
    this.#later ??= setTimeout(
      () => {
        this.#later = null
        this.#write()
      },
      this.#timeout > 0 ? this.#slack / 1e6 : countersMillis,
    ).unref()
  }

  #fits(deadline: number): boolean {
    return this.#published >= deadline && this.#published <= deadline + 2 * this.#slack
  }

  /** 0: none. */
  #earliestDeadline(): number {
    if (this.#timeout === 0) return 0
    for (const start of this.#underWay.values()) return start + this.#timeout
    return 0
  }

  #write(): void {
    const running = this.#open === 0 && !this.#turnIsOpen ? 0 : monotonicNanos() - this.#busySince
    const deadline = this.#earliestDeadline()
    // One that fits stays: a supervisor that was stopped together with us has moved it by that time.
    if (deadline === 0) this.#published = 0
    else if (!this.#fits(deadline)) this.#published = deadline + this.#slack
    this.#heartbeat.requests(this.#done, this.#busy + running, this.#published)
  }
}
