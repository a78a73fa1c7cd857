// All our ends of FIFOs. Some keep their fds; of more than that the quiet ones are parked, so that the fd table stays small
// however many workers there are: every spawn copies it, and every exec closes the copies.
import type { EpollLoop } from './epoll.ts'
import { type OpenFifoOptions, openFifo } from './fifo.ts'
import { FifoReader, type ReaderPool } from './fifo-reader.ts'
import { FileParking } from './file-parking.ts'

const OPEN_AT_MOST = 96
/** Milliseconds without a byte. */
const QUIET = 10_000

export interface FifoReadersOptions {
  /** Default 96: so few are not felt at a spawn. */
  readonly openAtMost?: number
  /** Milliseconds without a byte after which one may be parked. Default 10 s. */
  readonly quiet?: number
}

export class FifoReaders {
  readonly #pool: ReaderPool
  readonly #parking = new FileParking()
  readonly #openAtMost: number
  readonly #quiet: number
  readonly #open = new Set<FifoReader>()
  #timer: NodeJS.Timeout | null = null
  #closed = false

  constructor(epoll: EpollLoop, { openAtMost = OPEN_AT_MOST, quiet = QUIET }: FifoReadersOptions = {}) {
    this.#openAtMost = openAtMost
    this.#quiet = quiet
    this.#pool = {
      epoll,
      parking: this.#parking,
      onOpen: (reader) => {
        this.#open.add(reader)
        if (this.#open.size > this.#openAtMost) this.#settleLater()
      },
      onGone: (reader) => this.#open.delete(reader),
    }
  }

  /** Our end of the FIFO; whoever asked for it closes it. @throws OsError */
  open(path: string, options: OpenFifoOptions = {}): FifoReader {
    return new FifoReader(this.#pool, openFifo(path, options))
  }

  /** Parks what is quiet, as long as too many are open. Happens by itself after a while, too late for who opens many at once. */
  settle(): void {
    const since = performance.now() - this.#quiet
    for (const reader of this.#open) {
      if (this.#open.size <= this.#openAtMost) return
      if (reader.isQuietSince(since) && !reader.park()) return
    }
    this.#settleLater()
  }

  /** What is parked is closed; what is open belongs to its owners. */
  close(): void {
    this.#closed = true
    if (this.#timer !== null) clearTimeout(this.#timer)
    this.#timer = null
    this.#parking.close()
  }

  #settleLater(): void {
    if (this.#closed) return
    this.#timer ??= setTimeout(() => {
      this.#timer = null
      if (this.#open.size > this.#openAtMost) this.settle()
    }, this.#quiet).unref()
  }
}
