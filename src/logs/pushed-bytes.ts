import type { ByteListener, ByteReader } from './byte-reader.ts'

/** Bytes beyond which whoever pushes is to wait: as much as a pipe holds. */
const FULL = 64 * 1024

/** The output of a worker that has no FIFO: what it says is pushed here, and read from here. */
export class PushedBytes implements ByteReader {
  readonly fd = null
  #chunks: Buffer[] = []
  #size = 0
  #listener: ByteListener | null = null
  #paused = false
  #held = false
  #closed = false
  #turn: NodeJS.Immediate | null = null
  #onRoom: (() => void)[] = []

  /** @returns false: it is taken in all the same, but nothing more should come before `onRoom` */
  push(chunk: Buffer): boolean {
    if (this.#closed || chunk.length === 0) return true
    this.#chunks.push(chunk)
    this.#size += chunk.length
    this.#wake()
    return this.#size < FULL
  }

  /** Calls back once, when half of it has been read; at once where that is so, or nobody reads any more. */
  onRoom(act: () => void): void {
    if (this.#closed || this.#size < FULL / 2) act()
    else this.#onRoom.push(act)
  }

  listen(listener: ByteListener): void {
    this.#listener = listener
    this.#wake()
  }

  read(buffer: Buffer): number {
    let length = 0
    while (length < buffer.length && this.#chunks[0] !== undefined) {
      const [chunk] = this.#chunks
      const copied = chunk.copy(buffer, length)
      length += copied
      if (copied === chunk.length) this.#chunks.shift()
      else this.#chunks[0] = chunk.subarray(copied)
    }
    this.#size -= length
    if (this.#size < FULL / 2) for (const act of this.#onRoom.splice(0)) act()
    return length
  }

  pause(): void {
    this.#paused = true
  }

  resume(): void {
    this.#paused = false
    this.#wake()
  }

  hold(): void {
    this.#held = true
  }

  letGo(): void {
    this.#held = false
    this.#wake()
  }

  close(): void {
    this.#closed = true
    this.#listener = null
    this.#chunks = []
    this.#size = 0
    if (this.#turn !== null) clearImmediate(this.#turn)
    for (const act of this.#onRoom.splice(0)) act()
  }

  /** Once in each turn of the event loop while something is there. */
  #wake(): void {
    if (this.#listener === null || this.#paused || this.#held || this.#size === 0) return
    this.#turn ??= setImmediate(() => {
      this.#turn = null
      if (!this.#paused && !this.#held) this.#listener?.onReadable()
      this.#wake()
    })
  }
}
