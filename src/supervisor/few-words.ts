// Who complains without end is heard a few times; then it is counted how often.
import { monotonicMillis } from '../os/monotonic-clock.ts'

const MOST = 20
/** Milliseconds. */
const WITHIN = 10_000

export class FewWords {
  private since = Number.NEGATIVE_INFINITY
  private said = 0
  private leftOut = 0

  /** @returns what is to be said; null: nothing, it was too much */
  next(text: string): string | null {
    const now = monotonicMillis()
    if (now - this.since > WITHIN) {
      const before = this.leftOut
      this.since = now
      this.said = 1
      this.leftOut = 0
      return before === 0 ? text : `${text} (${before} before it were left out)`
    }
    if (++this.said > MOST) {
      this.leftOut++
      return null
    }
    return this.said < MOST ? text : `${text} (what else it says in these ${WITHIN / 1000} s is left out)`
  }
}
