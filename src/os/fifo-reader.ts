// Our end of a worker's FIFO on the event loop. While it is parked it has no fd; it gets one when there is something to read.
import { closeSync, constants as fsConstants, openSync } from 'node:fs'
import type { Detached, EpollLoop } from './epoll.ts'
import { readAvailable } from './fifo.ts'
import type { FileParking, ParkedFile } from './file-parking.ts'

/** Milliseconds until a parked FIFO that could not be opened (EMFILE) is tried again. */
const AGAIN = 100

type Place =
  | { readonly is: 'open'; readonly fd: number }
  /** `watch` is null when there is something to read, but no fd to be had. */
  | { readonly is: 'parked'; readonly file: ParkedFile; readonly watch: Detached | null }
  | { readonly is: 'closed' }

/** What all readers share: see FifoReaders. */
export interface ReaderPool {
  readonly epoll: EpollLoop
  readonly parking: FileParking
  readonly onOpen: (reader: FifoReader) => void
  /** Parked or closed. */
  readonly onGone: (reader: FifoReader) => void
}

export interface FifoListener {
  /** As long as there is something to read (level-triggered). */
  onReadable(): void
  /** The fd is about to be closed; there will be another one. */
  onPark?(fd: number): void
}

export class FifoReader {
  readonly #pool: ReaderPool
  #place: Place
  #listener: FifoListener | null = null
  #paused = false
  #held = false
  #isWatched = false
  /** performance.now() of the last byte. */
  #lastByte = Number.NEGATIVE_INFINITY

  /** From now on the fd is the reader's. */
  constructor(pool: ReaderPool, fd: number) {
    this.#pool = pool
    this.#place = { is: 'open', fd }
    pool.onOpen(this)
  }

  listen(listener: FifoListener): void {
    this.#listener = listener
    this.#watch()
  }

  /** Null while it is parked, or closed. */
  get fd(): number | null {
    return this.#place.is === 'open' ? this.#place.fd : null
  }

  /** Reads what is there; 0 when there is nothing now. */
  read(buffer: Buffer): number {
    if (this.#place.is === 'parked') {
      if (this.#place.watch === null) this.#wake()
      else this.#pool.epoll.wakeDetached()
    }
    const { fd } = this
    if (fd === null) return 0
    const bytes = readAvailable(fd, buffer)
    if (bytes > 0) this.#lastByte = performance.now()
    return bytes
  }

  /** No callbacks until `resume`. What arrives meanwhile stays in the pipe. */
  pause(): void {
    this.#paused = true
    this.#watch()
  }

  resume(): void {
    this.#paused = false
    this.#watch()
  }

  /** As pause and resume, for another reason: both have to be over. */
  hold(): void {
    this.#held = true
    this.#watch()
  }

  letGo(): void {
    this.#held = false
    this.#watch()
  }

  /** @param since performance.now() */
  isQuietSince(since: number): boolean {
    return this.#isWatched && !this.#paused && !this.#held && this.#lastByte < since
  }

  /** Gives the fd back until there is something to read. False where the kernel does not take it. */
  park(): boolean {
    if (this.#place.is !== 'open') return true
    const { fd } = this.#place
    const file = this.#pool.parking.park(fd)
    if (file === null) return false
    this.#listener?.onPark?.(fd)
    this.#place = { is: 'parked', file, watch: this.#pool.epoll.detach(fd, () => this.#wake()) }
    closeSync(fd)
    this.#isWatched = false
    this.#pool.onGone(this)
    return true
  }

  /** More than once does no harm. */
  close(): void {
    const place = this.#place
    this.#place = { is: 'closed' }
    this.#listener = null
    if (place.is === 'open') {
      if (this.#isWatched) this.#pool.epoll.remove(place.fd)
      closeSync(place.fd)
    } else if (place.is === 'parked') {
      if (place.watch !== null) this.#pool.epoll.forget(place.watch)
      this.#pool.parking.release(place.file)
    }
    this.#pool.onGone(this)
  }

  readonly #onReadable = (): void => this.#listener?.onReadable()

  /** The kernel is told nothing that it knows. */
  #watch(): void {
    if (this.#place.is !== 'open' || this.#listener === null) return
    const { fd } = this.#place
    const isSilent = this.#paused || this.#held
    if (!this.#isWatched) {
      if (isSilent) return
      this.#pool.epoll.add(fd, this.#onReadable)
      this.#isWatched = true
    } else if (isSilent) this.#pool.epoll.pause(fd)
    else this.#pool.epoll.resume(fd)
  }

  #wake(): void {
    if (this.#place.is !== 'parked') return
    const { file } = this.#place
    let fd: number
    try {
      fd = openAnew(this.#pool.parking.borrow(file))
    } catch {
      this.#place = { is: 'parked', file, watch: null }
      setTimeout(() => this.#wake(), AGAIN).unref()
      return
    }
    this.#place = { is: 'open', fd }
    this.#lastByte = performance.now()
    this.#watch()
    this.#pool.parking.release(file)
    this.#pool.onOpen(this)
  }
}

/**
 * A description of its own of the same pipe: the kernel goes on watching the parked one until that is closed (without a word:
 * it was told to report once), and would watch each one more that it is given. Through /proc, since the FIFO may have lost its name.
 */
function openAnew(borrowed: number): number {
  try {
    const fd = openSync(`/proc/self/fd/${borrowed}`, fsConstants.O_RDWR | fsConstants.O_NONBLOCK)
    closeSync(borrowed)
    return fd
  } catch {
    // Its owner has taken everybody's rights away. A watch that is left behind is better than words that are.
    return borrowed
  }
}
