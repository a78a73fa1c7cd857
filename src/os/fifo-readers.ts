// All our ends of FIFOs. Some keep their fds; of more than that the quiet ones are parked, so that the fd table stays small
// however many workers there are: every spawn copies it, and every exec closes the copies.
import { EpollLoop } from './epoll.ts'
import { type FifoPlaces, FifoReader, type ReaderPool } from './fifo-reader.ts'
import { FileParking } from './file-parking.ts'

const OPEN_AT_MOST = 96
/** Milliseconds without a byte. */
const QUIET = 10_000
/** Milliseconds until those that found no fd look again. */
const AGAIN = 100
/** Parked in one turn of the event loop: 3 ms. */
const AT_ONCE = 128

export interface FifoReadersOptions {
  /** Default 96: so few are not felt at a spawn. */
  readonly openAtMost?: number
  /** Milliseconds without a byte after which one may be parked. Default 10 s. */
  readonly quiet?: number
}

export class FifoReaders {
  readonly #pool: ReaderPool
  readonly #openAtMost: number
  readonly #quiet: number
  readonly #open = new Set<FifoReader>()
  readonly #withoutFd = new Set<FifoReader>()
  #settling: NodeJS.Timeout | null = null
  #waking: NodeJS.Timeout | null = null

  constructor(epoll: EpollLoop, { openAtMost = OPEN_AT_MOST, quiet = QUIET }: FifoReadersOptions = {}) {
    this.#openAtMost = openAtMost
    this.#quiet = quiet
    this.#pool = {
      epoll,
      sleepers: new EpollLoop(),
      parking: new FileParking(),
      isCrowded: () => this.#open.size > openAtMost,
      onOpen: (reader) => {
        this.#withoutFd.delete(reader)
        this.#open.add(reader)
        if (this.#open.size > openAtMost) this.#settleIn(quiet)
      },
      onGone: (reader) => {
        this.#withoutFd.delete(reader)
        this.#open.delete(reader)
      },
      onNoFd: (reader) => {
        this.#withoutFd.add(reader)
        this.#waking ??= setTimeout(() => this.#wakeAll(), AGAIN).unref()
      },
    }
  }

  /** Our end of the FIFO; whoever asked for it closes it. @throws OsError */
  open<End extends string>(places: FifoPlaces<End>, end: End): FifoReader {
    return new FifoReader(this.#pool, places, end)
  }

  /** After all readers. */
  close(): void {
    for (const timer of [this.#settling, this.#waking]) if (timer !== null) clearTimeout(timer)
    this.#pool.sleepers.close()
    this.#pool.parking.close()
  }

  /** Parks what is quiet, as long as too many are open. */
  #settle(): void {
    const since = performance.now() - this.#quiet
    let parked = 0
    for (const reader of this.#open) {
      if (this.#open.size <= this.#openAtMost) return
      if (!reader.isQuietSince(since)) continue
      if (!reader.park()) break
      if (++parked === AT_ONCE) return this.#settleIn(0)
    }
    this.#settleIn(this.#quiet)
  }

  #settleIn(milliseconds: number): void {
    this.#settling ??= setTimeout(() => {
      this.#settling = null
      if (this.#open.size > this.#openAtMost) this.#settle()
    }, milliseconds).unref()
  }

  #wakeAll(): void {
    this.#waking = null
    for (const reader of [...this.#withoutFd]) reader.wake()
  }
}
