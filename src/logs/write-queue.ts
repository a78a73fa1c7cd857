import { giveBack } from './block-pool.ts'

const NEWLINE = 10

let queuedInTotal = 0

/** Bytes that wait for a disk in all queues of this process. */
export function bytesQueuedInTotal(): number {
  return queuedInTotal
}

/**
 * What a file has yet to be written, as buffers of whole lines. (Pieces of a too long line in a raw file are the
 * exception: their buffers end within a line.)
 */
export class WriteQueue {
  #buffers: Buffer[] = []
  /** Bytes of the first buffer that are written. */
  #offset = 0
  #bytes = 0
  #appended = 0
  #endedLine = true

  get bytes(): number {
    return this.#bytes
  }

  /** All bytes ever taken in. */
  get appended(): number {
    return this.#appended
  }

  /** All bytes ever taken out. */
  get written(): number {
    return this.#appended - this.#bytes
  }

  /** What was taken out so far ended with a line's end. */
  get atLineStart(): boolean {
    return this.#endedLine
  }

  push(buffer: Buffer): void {
    if (buffer.length === 0) return
    this.#buffers.push(buffer)
    this.#count(buffer.length)
  }

  /** Puts a line of our own at the earliest place that tears no other. */
  pushFirst(line: Buffer): void {
    this.#buffers.splice(this.#offset > 0 ? 1 : 0, 0, line)
    this.#count(line.length)
  }

  /** The next lines, `most` bytes of them or fewer; none if the next line is longer. */
  next(most: number): Buffer[] {
    const batch: Buffer[] = []
    let room = most
    for (let index = 0; index < this.#buffers.length; index++) {
      const buffer = this.#from(index)
      if (buffer.length > room) {
        const end = room > 0 ? buffer.lastIndexOf(NEWLINE, room - 1) + 1 : 0
        if (end > 0) batch.push(buffer.subarray(0, end))
        break
      }
      batch.push(buffer)
      room -= buffer.length
    }
    return batch
  }

  /** The next line, however long. */
  nextLine(): Buffer {
    const buffer = this.#from(0)
    const end = buffer.indexOf(NEWLINE)
    return end < 0 ? buffer : buffer.subarray(0, end + 1)
  }

  /** `bytes` of what next or nextLine gave are in the file. */
  advance(bytes: number): void {
    let left = bytes
    this.#bytes -= bytes
    queuedInTotal -= bytes
    while (left > 0) {
      const buffer = this.#buffers[0]
      if (buffer === undefined) throw new Error('more bytes written than were queued')
      const step = Math.min(left, buffer.length - this.#offset)
      left -= step
      this.#offset += step
      this.#endedLine = buffer[this.#offset - 1] === NEWLINE
      if (this.#offset < buffer.length) continue
      this.#buffers.shift()
      this.#offset = 0
      giveBack(buffer)
    }
  }

  /** The line that was written in part is to be written again, from its start: it goes on in another file. */
  rewindLine(): void {
    const buffer = this.#buffers[0]
    if (buffer === undefined || this.#offset === 0) return
    const start = buffer.lastIndexOf(NEWLINE, this.#offset - 1) + 1
    const again = this.#offset - start
    this.#offset = start
    this.#bytes += again
    queuedInTotal += again
    this.#endedLine = true
  }

  /** Gives up what is left. */
  clear(): void {
    queuedInTotal -= this.#bytes
    this.#bytes = 0
    this.#offset = 0
    this.#buffers = []
  }

  #from(index: number): Buffer {
    const buffer = this.#buffers[index]
    if (buffer === undefined) throw new Error('nothing is queued')
    return index === 0 && this.#offset > 0 ? buffer.subarray(this.#offset) : buffer
  }

  #count(bytes: number): void {
    this.#bytes += bytes
    this.#appended += bytes
    queuedInTotal += bytes
  }
}
