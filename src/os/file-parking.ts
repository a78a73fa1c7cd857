// Files that stay open without a place in the fd table: as messages in the queue of a unix socket (SCM_RIGHTS) that nobody
// reads. Each of our fds is copied at a spawn and closed again at its exec: with 3,000 FIFOs a restart took 1.4 ms longer.
import { closeSync, fstatSync } from 'node:fs'
import { DescriptorMessage } from './descriptor-message.ts'
import { socketPair } from './socket-pair.ts'

/** Messages in one socket. Its buffer would take some 270, but whoever looks for the last one passes all others. */
const CAPACITY = 64

interface Space {
  readonly entrance: number
  readonly exit: number
  /** In the order of the queue; null where a file was released and its message still stands. */
  readonly queue: (ParkedFile | null)[]
}

/** A file that is kept open; `FileParking` knows where. */
export interface ParkedFile {
  space: Space
}

export class FileParking {
  readonly #spaces = new Set<Space>()
  readonly #message = new DescriptorMessage()
  /** Whether this kernel does what we need: found out with the first file. */
  #works: boolean | null = null

  /**
   * Keeps the file of this fd open when the fd is closed. Null where the kernel will not (the caller then keeps its fd): an
   * ordinary user may have as many files under way in sockets as RLIMIT_NOFILE allows.
   */
  park(fd: number): ParkedFile | null {
    const space = this.#works === false ? null : this.#spaceWithRoom()
    if (space === null || !this.#message.send(space.entrance, fd)) return null
    const parked: ParkedFile = { space }
    space.queue.push(parked)
    this.#works ??= this.#isThere(parked, fd)
    if (this.#works) return parked
    this.close()
    return null
  }

  /** An fd of the parked file, for the caller to close; the file stays parked. @throws OsError EMFILE */
  borrow(parked: ParkedFile): number {
    const { exit, queue } = parked.space
    return this.#message.peek(exit, queue.indexOf(parked))
  }

  /** It is closed when as many of its neighbours are released as to make it worth while: until then it is still open. */
  release(parked: ParkedFile): void {
    const { space } = parked
    const index = space.queue.indexOf(parked)
    if (index === -1) return
    space.queue[index] = null
    const left = space.queue.filter((place) => place !== null)
    if (left.length === 0) this.#demolish(space)
    else if (left.length <= space.queue.length / 2 && space.queue.length >= CAPACITY / 2) this.#moveOut(space, left)
  }

  /** Closes all that is parked. */
  close(): void {
    for (const space of [...this.#spaces]) this.#demolish(space)
  }

  #spaceWithRoom(): Space | null {
    for (const space of this.#spaces) if (space.queue.length < CAPACITY) return space
    return this.#build()
  }

  /** Null: there are no fds left for it. */
  #build(): Space | null {
    try {
      const [entrance, exit] = socketPair()
      const space: Space = { entrance, exit, queue: [] }
      this.#spaces.add(space)
      return space
    } catch {
      return null
    }
  }

  #demolish(space: Space): void {
    this.#spaces.delete(space)
    for (const fd of [space.entrance, space.exit]) closeSync(fd)
  }

  /** What is left goes to a new place, all of it or, where something is refused, nothing. */
  #moveOut(from: Space, left: readonly ParkedFile[]): void {
    const to = this.#build()
    if (to === null) return
    try {
      for (const parked of left) {
        const fd = this.borrow(parked)
        const isSent = this.#message.send(to.entrance, fd)
        closeSync(fd)
        if (!isSent) return this.#demolish(to)
      }
    } catch {
      return this.#demolish(to)
    }
    to.queue.push(...left)
    for (const parked of left) parked.space = to
    this.#demolish(from)
  }

  #isThere(parked: ParkedFile, fd: number): boolean {
    let copy: number | null = null
    try {
      copy = this.borrow(parked)
      const [one, other] = [fstatSync(copy), fstatSync(fd)]
      return one.ino === other.ino && one.dev === other.dev
    } catch {
      return false
    } finally {
      if (copy !== null) closeSync(copy)
    }
  }
}
