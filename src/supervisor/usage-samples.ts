// Memory and CPU time of the workers, for `status`. Reading them takes 25 us a process: where there are many, a call reads
// for a few milliseconds and answers the rest from the last reading, which goes on after the answer.
import { type ResourceUsage, usageOf } from '../os/resource-usage.ts'

/** So many are always read at once. */
const FEW = 200
/** Milliseconds. */
const WHILE_SOMEBODY_WAITS = 4
const BETWEEN_TURNS = 3
const PORTION = 25

export class UsageSamples {
  private readonly samples = new Map<number, ResourceUsage>()
  private order: number[] = []
  private turn: NodeJS.Immediate | null = null

  /** For these processes; those not read yet are missing, and will be there at the next call. */
  sample(pids: readonly number[]): ReadonlyMap<number, ResourceUsage> {
    if (pids.length <= FEW) return usageOf(pids)
    const wanted = new Set(pids)
    for (const pid of this.samples.keys()) if (!wanted.has(pid)) this.samples.delete(pid)
    // Those that were never read come first, then the oldest readings.
    const known = this.order.filter((pid) => wanted.has(pid))
    const seen = new Set(known)
    this.order = [...pids.filter((pid) => !seen.has(pid)), ...known]
    const left = this.read(WHILE_SOMEBODY_WAITS, this.order.length)
    this.turn ??= setImmediate(() => this.goOn(left))
    return this.samples
  }

  close(): void {
    if (this.turn !== null) clearImmediate(this.turn)
    this.turn = null
  }

  /** Until everything has been read once since the last call. */
  private goOn(left: number): void {
    this.turn = null
    const rest = this.read(BETWEEN_TURNS, left)
    if (rest > 0) this.turn = setImmediate(() => this.goOn(rest))
  }

  /** Reads from the front of the queue, and puts behind what was read. @returns how many of `left` are left */
  private read(milliseconds: number, left: number): number {
    const until = performance.now() + milliseconds
    while (left > 0 && performance.now() < until) {
      const portion = this.order.splice(0, Math.min(PORTION, left))
      for (const [pid, usage] of usageOf(portion)) this.samples.set(pid, usage)
      this.order.push(...portion)
      left -= portion.length
    }
    return left
  }
}
