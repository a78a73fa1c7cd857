// Bytes to lines: a message may come in pieces, and several in one read.

const NEWLINE = 0x0a

export class LineFrames {
  /** Lines that were dropped because they were too long. */
  dropped = 0
  readonly #longest: number
  #rest: Buffer[] = []
  #length = 0
  #skipping = false

  /** @param longest line in bytes, newline not counted; a longer one is dropped */
  constructor(longest: number) {
    this.#longest = longest
  }

  /** The lines that end in this piece; `chunk` may be used again afterwards. */
  push(chunk: Buffer): string[] {
    const lines: string[] = []
    let from = 0
    for (let end = chunk.indexOf(NEWLINE); end >= 0; end = chunk.indexOf(NEWLINE, from)) {
      this.#take(chunk.subarray(from, end))
      if (!this.#skipping) lines.push(Buffer.concat(this.#rest).toString('utf8'))
      this.#clear()
      from = end + 1
    }
    this.#take(chunk.subarray(from))
    return lines
  }

  #take(piece: Buffer): void {
    if (this.#skipping || piece.length === 0) return
    if (this.#length + piece.length > this.#longest) {
      this.dropped++
      this.#clear()
      this.#skipping = true
      return
    }
    this.#rest.push(Buffer.from(piece))
    this.#length += piece.length
  }

  #clear(): void {
    this.#rest = []
    this.#length = 0
    this.#skipping = false
  }
}
