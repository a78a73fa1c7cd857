const NEWLINE = 0x0a
/** Longer than any order: what is in it would only fill the memory. */
const LONGEST_LINE = 16 * 1024 * 1024

/** Puts lines together from pieces that end anywhere. */
export class Lines {
  readonly #onLine: (line: string) => void
  #pieces: Buffer[] = []
  #length = 0

  constructor(onLine: (line: string) => void) {
    this.#onLine = onLine
  }

  take(chunk: Buffer): void {
    let rest = chunk
    for (let end = rest.indexOf(NEWLINE); end >= 0; end = rest.indexOf(NEWLINE)) {
      const line = Buffer.concat([...this.#pieces, rest.subarray(0, end)]).toString('utf8')
      this.#pieces = []
      this.#length = 0
      rest = rest.subarray(end + 1)
      this.#onLine(line)
    }
    if (rest.length === 0) return
    this.#length += rest.length
    if (this.#length > LONGEST_LINE) this.#pieces = []
    else this.#pieces.push(Buffer.from(rest))
  }

  /** What has no newline is a line, too, when nothing follows. */
  end(): void {
    if (this.#pieces.length > 0) this.#onLine(Buffer.concat(this.#pieces).toString('utf8'))
    this.#pieces = []
  }
}
