// One timer for the earliest deadline of all. Without a deadline there is no timer, and no wake-up.
import type { Instant } from '../lifecycle/process-state.ts'
import type { SupervisedClock } from './supervised-clock.ts'

/** Never armed further ahead, so that a gap (the supervisor's own suspension) is seen. */
const AHEAD_AT_MOST = 1_000

export class DeadlineTimer {
  private readonly deadlines = new Map<string, Instant>()
  private readonly clock: SupervisedClock
  private readonly onDue: (keys: string[]) => void
  private timer: NodeJS.Timeout | null = null
  private turn: NodeJS.Immediate | null = null
  private armedFor = Number.POSITIVE_INFINITY

  constructor(clock: SupervisedClock, onDue: (keys: string[]) => void) {
    this.clock = clock
    this.onDue = onDue
  }

  set(key: string, at: Instant | null): void {
    if (at === null) {
      this.deadlines.delete(key)
      if (this.deadlines.size === 0) this.disarm()
      return
    }
    this.deadlines.set(key, at)
    if (at < this.armedFor && this.turn === null) this.arm(at)
  }

  close(): void {
    this.deadlines.clear()
    this.disarm()
    if (this.turn !== null) clearImmediate(this.turn)
    this.turn = null
  }

  private disarm(): void {
    if (this.timer !== null) clearTimeout(this.timer)
    this.timer = null
    this.armedFor = Number.POSITIVE_INFINITY
    this.clock.expectWake('deadline', null)
  }

  private arm(at: Instant): void {
    if (this.timer !== null) clearTimeout(this.timer)
    const now = this.clock.now()
    const wait = Math.min(AHEAD_AT_MOST, Math.max(0, Math.ceil(at - now)))
    this.armedFor = at
    this.clock.expectWake('deadline', now + wait)
    this.timer = setTimeout(() => this.fire(), wait)
  }

  /** Timers run before input after a pause: only what is still due after a full turn of the loop is overdue. */
  private fire(): void {
    this.timer = null
    this.clock.now()
    this.clock.expectWake('deadline', null)
    this.turn = setImmediate(() => {
      this.turn = null
      const now = this.clock.now()
      const due = [...this.deadlines].filter(([, at]) => at <= now).map(([key]) => key)
      for (const key of due) this.deadlines.delete(key)
      this.armedFor = Number.POSITIVE_INFINITY
      if (due.length > 0) this.onDue(due)
      this.rearm()
    })
  }

  private rearm(): void {
    let earliest = Number.POSITIVE_INFINITY
    for (const at of this.deadlines.values()) earliest = Math.min(earliest, at)
    if (earliest < this.armedFor) this.arm(earliest)
  }
}
