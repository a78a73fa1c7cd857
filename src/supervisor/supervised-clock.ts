// The supervisor's time: CLOCK_MONOTONIC less the time during which the supervisor itself did not run. A deadline written
// in it moves by itself when the supervisor was stopped (SIGSTOP, a suspended machine, a debugger).

import type { Instant } from '../lifecycle/process-state.ts'
import { monotonicMillis } from '../os/monotonic-clock.ts'

/** Lateness of a timer from which on it counts as "did not run". */
const GAP_FROM = 1_000

export class SupervisedClock {
  private lost = 0
  private readonly expected = new Map<string, number>()
  /** The earliest of them, infinite when there is none. */
  private due = Number.POSITIVE_INFINITY
  private readonly onGap: (gap: number) => void

  constructor(onGap: (gap: number) => void) {
    this.onGap = onGap
  }

  /** Milliseconds of supervisor time. Notices a gap on the way, whichever event came first after it. */
  now(): Instant {
    const raw = monotonicMillis()
    const gap = raw - this.due
    if (gap > GAP_FROM) {
      this.lost += gap
      for (const [timer, at] of this.expected) this.expected.set(timer, at + gap)
      this.due += gap
      this.onGap(gap)
    }
    return raw - this.lost
  }

  /** This timer should fire at this supervisor time; null: it is not armed. While none is, nobody can tell a gap. */
  expectWake(timer: string, at: Instant | null): void {
    if (at === null) this.expected.delete(timer)
    else this.expected.set(timer, at + this.lost)
    this.due = Math.min(...this.expected.values())
  }

  /** The same for many times at one moment. */
  isoConverter(): (at: Instant) => string {
    const offset = Date.now() - this.now()
    return (at) => new Date(offset + at).toISOString()
  }

  /** Wall clock of a supervisor time, ISO 8601. Right as long as the wall clock was not set since. */
  iso(at: Instant): string {
    return new Date(Date.now() - (this.now() - at)).toISOString()
  }
}
