import { setPipeSize } from '../os/fifo.ts'

const SMALL = 64 * 1024
const LARGE = 1024 * 1024
const IN_TOTAL = 16 * LARGE

// A read of this size or more says little about idle streams: their lines come alone.
const BUSY_READ = 4 * 1024
const BUSY_READS = 8
// A stream that has not been busy for so long gives its pipe back when another wants one.
const QUIET = 10_000

/**
 * Gives hot streams a large pipe (1 MiB): a reader that comes every 5 ms then finds more, and the writer waits less.
 * Pipe memory is counted per user by the kernel, 64 MiB for an ordinary one, and when it is used up every new pipe has
 * 8 KiB; so 16 MiB in sum.
 */
export class PipeGrowth {
  readonly #inTotal: number
  readonly #grown = new Map<number, { lastBusy: number }>()
  /** Reads in a row that found much, of streams not grown. */
  readonly #busyReads = new Map<number, number>()
  #refusedUntil = 0

  constructor(options: { inTotal?: number } = {}) {
    this.#inTotal = options.inTotal ?? IN_TOTAL
  }

  /** Bytes that a full pipe of this stream holds, as far as known. */
  sizeOf(fd: number): number {
    return this.#grown.has(fd) ? LARGE : SMALL
  }

  /** A read found so many bytes. @param now monotonic milliseconds */
  noteRead(fd: number, bytes: number, now: number): void {
    if (bytes < BUSY_READ) {
      this.#busyReads.delete(fd)
      return
    }
    const grown = this.#grown.get(fd)
    if (grown !== undefined) {
      grown.lastBusy = now
      return
    }
    const reads = (this.#busyReads.get(fd) ?? 0) + 1
    if (bytes < SMALL && reads < BUSY_READS) this.#busyReads.set(fd, reads)
    else {
      this.#busyReads.delete(fd)
      this.#grow(fd, now)
    }
  }

  /** The stream is closed. */
  forget(fd: number): void {
    this.#busyReads.delete(fd)
    if (this.#grown.delete(fd)) setPipeSize(fd, SMALL)
  }

  #grow(fd: number, now: number): void {
    if (now < this.#refusedUntil || !this.#makeRoom(now)) return
    if (setPipeSize(fd, LARGE) >= LARGE) this.#grown.set(fd, { lastBusy: now })
    else this.#refusedUntil = now + QUIET // the user's share is used up, or /proc/sys/fs/pipe-max-size is smaller
  }

  #makeRoom(now: number): boolean {
    if ((this.#grown.size + 1) * LARGE <= this.#inTotal) return true
    for (const [fd, { lastBusy }] of this.#grown) {
      // It can not shrink while it holds more.
      if (now - lastBusy > QUIET && setPipeSize(fd, SMALL) < LARGE) {
        this.#grown.delete(fd)
        return true
      }
    }
    return false
  }
}
