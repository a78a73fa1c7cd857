// Our end of a worker's FIFO on the event loop. While it is parked it has no fd; it gets one when there is something to read.
import { closeSync, constants as fsConstants, fstatSync, openSync } from 'node:fs'
import type { EpollLoop, Watch } from './epoll.ts'
import { type OpenFifoOptions, openFifo, readAvailable } from './fifo.ts'
import type { FileParking, ParkedFiles } from './file-parking.ts'

type Place =
  | { readonly is: 'open'; readonly fd: number }
  /** `watch` is null when there is something to read, but no fd to be had. */
  | { readonly is: 'parked'; readonly files: ParkedFiles; readonly inode: number; readonly watch: Watch | null }
  | { readonly is: 'closed' }

/** What all readers share: see FifoReaders. */
export interface ReaderPool {
  readonly epoll: EpollLoop
  /** Of what is parked, apart: each look at it costs what there is to read, not what others have. */
  readonly sleepers: EpollLoop
  readonly parking: FileParking
  readonly isCrowded: () => boolean
  readonly onOpen: (reader: FifoReader) => void
  /** Parked or closed. */
  readonly onGone: (reader: FifoReader) => void
  /** `wake` is to be called again soon. */
  readonly onNoFd: (reader: FifoReader) => void
}

export interface FifoListener {
  /** As long as there is something to read (level-triggered). */
  onReadable(): void
  /** The fd is about to be closed; there will be another one. */
  onPark?(fd: number): void
}

/** Where a reader finds its FIFO. Asked for when it is needed: kept, the paths of 1,000 services are 300 KB. */
export interface FifoPlaces<End extends string = string> {
  path(end: End): string
  /** A link in /proc to the same FIFO, at the process that writes to it: for when its name is gone. Null: there is none. */
  linkAtWriter(end: End): string | null
  readonly options: OpenFifoOptions
}

export class FifoReader {
  readonly #pool: ReaderPool
  readonly #places: FifoPlaces
  readonly #end: string
  #place: Place
  #listener: FifoListener | null = null
  #paused = false
  #held = false
  #isWatched = false
  /** performance.now() of the last byte. */
  #lastByte = Number.NEGATIVE_INFINITY

  /** @throws OsError */
  constructor(pool: ReaderPool, places: FifoPlaces, end: string) {
    this.#pool = pool
    this.#places = places
    this.#end = end
    this.#place = { is: 'open', fd: openFifo(places.path(end), places.options) }
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
      if (this.#place.watch === null) this.wake()
      else while (this.#pool.sleepers.drainNow());
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
    return this.#listener !== null && !this.#paused && !this.#held && this.#lastByte < since
  }

  /** Gives the fd back until there is something to read. False where the kernel does not keep it. */
  park(): boolean {
    if (this.#place.is !== 'open') return true
    const { fd } = this.#place
    const parked = this.#leaveFiles(fd)
    if (parked === null) return false
    this.#listener?.onPark?.(fd)
    if (this.#isWatched) this.#pool.epoll.remove(fd)
    this.#isWatched = false
    this.#place = { is: 'parked', ...parked }
    closeSync(fd)
    this.#pool.onGone(this)
    return true
  }

  /** There is something to read. For the pool; does nothing unless it is parked. */
  wake(): void {
    if (this.#place.is !== 'parked') return
    const { files, inode } = this.#place
    let fd: number | null
    try {
      fd = this.#openAgain(inode)
    } catch {
      this.#place = { is: 'parked', files, inode, watch: null }
      return this.#pool.onNoFd(this)
    }
    this.#pool.parking.release(files)
    if (fd === null) {
      this.#place = { is: 'closed' }
      return this.#pool.onGone(this)
    }
    this.#place = { is: 'open', fd }
    this.#lastByte = performance.now()
    this.#pool.onOpen(this)
    this.#watch()
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
      if (place.watch !== null) this.#pool.sleepers.forget(place.watch)
      this.#pool.parking.release(place.files)
    }
    this.#isWatched = false
    this.#pool.onGone(this)
  }

  readonly #onReadable = (): void => this.#listener?.onReadable()

  /** The kernel is told nothing that it knows. */
  #watch(): void {
    if (this.#place.is !== 'open' || this.#listener === null) return
    const { fd } = this.#place
    const isSilent = this.#paused || this.#held
    if (this.#isWatched) {
      if (isSilent) this.#pool.epoll.pause(fd)
      else this.#pool.epoll.resume(fd)
      return
    }
    if (isSilent || (this.#pool.isCrowded() && this.#lastByte === Number.NEGATIVE_INFINITY && this.park())) return
    this.#pool.epoll.add(fd, this.#onReadable)
    this.#isWatched = true
  }

  /** Opened through /proc, since the FIFO may have lost its name, or its place may have been taken. */
  #leaveFiles(fd: number): { files: ParkedFiles; inode: number; watch: Watch } | null {
    const own = `/proc/self/fd/${fd}`
    const open: number[] = []
    let files: ParkedFiles | null = null
    try {
      const { ino: inode } = fstatSync(fd)
      const reading = openSync(own, fsConstants.O_RDONLY | fsConstants.O_NONBLOCK)
      open.push(reading)
      const writing = openSync(own, fsConstants.O_WRONLY | fsConstants.O_NONBLOCK)
      open.push(writing)
      files = this.#pool.parking.park(reading, writing)
      return files === null ? null : { files, inode, watch: this.#pool.sleepers.addOnce(reading, this) }
    } catch {
      // Its owner has taken all rights away, or there are no fds or watches left.
      if (files !== null) this.#pool.parking.release(files)
      return null
    } finally {
      for (const one of open) closeSync(one)
    }
  }

  /** Null: it is not to be found any more. @throws where there is no fd left for it */
  #openAgain(inode: number): number | null {
    const places = this.#places
    const ways = [() => openFifo(places.path(this.#end), places.options)]
    const link = places.linkAtWriter(this.#end)
    if (link !== null) ways.push(() => openFifo(link, { followed: true }))
    for (const way of ways) {
      try {
        const fd = way()
        if (fstatSync(fd).ino === inode) return fd
        closeSync(fd)
      } catch (error) {
        const { code } = error as NodeJS.ErrnoException
        if (code === 'EMFILE' || code === 'ENFILE') throw error
      }
    }
    return null
  }
}
