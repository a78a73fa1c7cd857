const NEWLINE = 10

const DEFAULT_MAX_LINE = 1024 * 1024

/** Where a piece belongs in its line. Only a line longer than maxLine has other parts than `whole`. */
type LinePart = 'whole' | 'first' | 'middle' | 'last'

/**
 * Consecutive bytes of a stream. `whole`: one or more lines, each with its \n (a flushed rest has none).
 * `first`, `middle`: a piece of one too long line, without \n. `last`: its end, with the \n.
 * The runs of a stream, put together, are its bytes again.
 */
export interface LineRun {
  readonly bytes: Buffer
  readonly part: LinePart
}

/** One line without its \n (a \r before it is kept). */
export interface SplitLine {
  readonly bytes: Buffer
  readonly part: LinePart
}

/**
 * Cuts a byte stream into whole lines. Holds at most maxLine bytes of an unfinished line (1 MiB by default);
 * a longer line comes in pieces of maxLine bytes, cut between UTF-8 characters.
 * What push and pushRuns return may share the memory of the chunk: use it before the chunk is written to again.
 */
export class LineSplitter {
  readonly #maxLine: number
  #held: Buffer | null = null
  #heldBytes = 0
  /** Pieces of the current line were handed out already. */
  #inLongLine = false

  constructor(options: { maxLine?: number } = {}) {
    this.#maxLine = options.maxLine ?? DEFAULT_MAX_LINE
  }

  /** The unfinished line: the bytes held for the next chunk. */
  get rest(): Buffer {
    return this.#held === null ? Buffer.alloc(0) : Buffer.from(this.#held.subarray(0, this.#heldBytes))
  }

  /** The lines that end in this chunk, one by one. */
  push(chunk: Buffer): SplitLine[] {
    const lines: SplitLine[] = []
    for (const run of this.pushRuns(chunk)) {
      if (run.part === 'first' || run.part === 'middle') {
        lines.push(run)
        continue
      }
      let start = 0
      while (start < run.bytes.length) {
        const end = run.bytes.indexOf(NEWLINE, start)
        lines.push({ bytes: run.bytes.subarray(start, end), part: run.part })
        start = end + 1
      }
    }
    return lines
  }

  /** The lines that end in this chunk, as few runs as possible: two copies at most, whatever the number of lines. */
  pushRuns(chunk: Buffer): LineRun[] {
    const runs: LineRun[] = []
    let start = 0
    if (this.#heldBytes > 0 || this.#inLongLine) {
      const end = chunk.indexOf(NEWLINE)
      this.#hold(end < 0 ? chunk : chunk.subarray(0, end), runs)
      if (end < 0) return runs
      this.#append(chunk.subarray(end, end + 1))
      runs.push(this.#release())
      start = end + 1
    }
    const last = chunk.lastIndexOf(NEWLINE)
    if (last >= start) {
      this.#wholeLines(chunk.subarray(start, last + 1), runs)
      start = last + 1
    }
    if (start < chunk.length) this.#hold(chunk.subarray(start), runs)
    return runs
  }

  /** The unfinished rest, without \n; null if the stream ended at a line's end. */
  flush(): SplitLine | null {
    return this.#heldBytes > 0 || this.#inLongLine ? this.#release() : null
  }

  #wholeLines(block: Buffer, runs: LineRun[]): void {
    let runStart = 0
    let position = 0
    // Any stretch of at most maxLine + 1 bytes that ends in \n holds no line longer than maxLine.
    while (block.length - position > this.#maxLine + 1) {
      const end = block.lastIndexOf(NEWLINE, position + this.#maxLine)
      if (end >= position) {
        position = end + 1
        continue
      }
      if (position > runStart) runs.push({ bytes: block.subarray(runStart, position), part: 'whole' })
      const lineEnd = block.indexOf(NEWLINE, position + this.#maxLine)
      this.#hold(block.subarray(position, lineEnd), runs)
      this.#append(block.subarray(lineEnd, lineEnd + 1))
      runs.push(this.#release())
      position = lineEnd + 1
      runStart = position
    }
    if (block.length > runStart) runs.push({ bytes: block.subarray(runStart), part: 'whole' })
  }

  /** Takes bytes of the current line in; hands out pieces while there are more than maxLine. */
  #hold(bytes: Buffer, runs: LineRun[]): void {
    let from = 0
    while (this.#heldBytes + bytes.length - from > this.#maxLine) {
      const take = Math.max(0, this.#maxLine - this.#heldBytes)
      this.#append(bytes.subarray(from, from + take))
      from += take
      const whole = this.#held ?? Buffer.alloc(0)
      const cut = characterBoundary(whole, this.#heldBytes, bytes[from] ?? 0)
      const kept = Buffer.from(whole.subarray(cut, this.#heldBytes))
      runs.push({ bytes: whole.subarray(0, cut), part: this.#inLongLine ? 'middle' : 'first' })
      this.#inLongLine = true
      this.#held = null
      this.#heldBytes = 0
      this.#append(kept)
    }
    this.#append(bytes.subarray(from))
  }

  #append(bytes: Buffer): void {
    if (bytes.length === 0) return
    const needed = this.#heldBytes + bytes.length
    if (this.#held === null || this.#held.length < needed) {
      // Doubling: a line that comes in byte by byte must not be copied byte times.
      const grown = Buffer.allocUnsafe(Math.max(needed, Math.min(2 * needed, this.#maxLine + 1), 256))
      this.#held?.copy(grown, 0, 0, this.#heldBytes)
      this.#held = grown
    }
    bytes.copy(this.#held, this.#heldBytes)
    this.#heldBytes = needed
  }

  #release(): LineRun {
    const bytes = this.#held?.subarray(0, this.#heldBytes) ?? Buffer.alloc(0)
    const part = this.#inLongLine ? 'last' : 'whole'
    this.#held = null
    this.#heldBytes = 0
    this.#inLongLine = false
    return { bytes, part }
  }
}

/** Where to cut before `length` so that no UTF-8 character is torn, `next` being the byte that follows; `length` itself in bytes that are no UTF-8. */
function characterBoundary(bytes: Buffer, length: number, next: number): number {
  if (!isContinuation(next)) return length
  for (let cut = length - 1; cut > 0 && cut >= length - 3; cut--) {
    if (!isContinuation(bytes[cut] ?? 0)) return cut
  }
  return length
}

function isContinuation(byte: number): boolean {
  return (byte & 0xc0) === 0x80
}
