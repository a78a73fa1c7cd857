/** Bytes that may wait. What comes while more waits is dropped and counted. */
const MOST_WAITING = 1024 * 1024

/** Lines that wait for a disk or a pipe. Never grows without end, and says in its own stead how many lines it has dropped. */
export class LineBacklog {
  readonly #noteOf: (dropped: number) => string
  readonly #most: number
  #lines: { readonly text: string; readonly bytes: number }[] = []
  #bytes = 0
  #added = 0
  /** Since the last note. */
  #dropped = 0
  #droppedInAll = 0

  /** @param noteOf the line that stands where `dropped` lines are missing */
  constructor(noteOf: (dropped: number) => string, most = MOST_WAITING) {
    this.#noteOf = noteOf
    this.#most = most
  }

  get isEmpty(): boolean {
    return this.#lines.length === 0
  }

  /** Bytes of the next line, 0 if there is none. */
  get nextBytes(): number {
    return this.#lines[0]?.bytes ?? 0
  }

  /** Lines ever taken in, and out. */
  get added(): number {
    return this.#added
  }

  get removed(): number {
    return this.#added - this.#lines.length
  }

  get dropped(): number {
    return this.#droppedInAll
  }

  /** @param text whole lines with their \n. @returns false: dropped */
  push(text: string): boolean {
    const bytes = Buffer.byteLength(text)
    // Once something is missing, until half of it is free: else a note would stand between any two lines.
    const most = this.#dropped === 0 ? this.#most : this.#most / 2
    if (this.#bytes > 0 && this.#bytes + bytes > most) {
      this.#dropped++
      this.#droppedInAll++
      return false
    }
    this.#noteDropped()
    this.#add(text, bytes)
    return true
  }

  /** The next lines, `most` bytes of them or fewer: none, if the next line alone is longer. */
  take(most: number): string {
    let count = 0
    let bytes = 0
    for (const line of this.#lines) {
      if (bytes + line.bytes > most) break
      bytes += line.bytes
      count++
    }
    return this.#remove(count, bytes)
  }

  /** The next line, however long; '' if there is none. */
  takeOne(): string {
    return this.#remove(1, this.nextBytes)
  }

  takeAll(): string {
    const text = this.#remove(this.#lines.length, this.#bytes)
    return text + this.#remove(this.#lines.length, this.#bytes)
  }

  #remove(count: number, bytes: number): string {
    const text = this.#lines
      .splice(0, count)
      .map((line) => line.text)
      .join('')
    this.#bytes -= bytes
    if (this.isEmpty) this.#noteDropped()
    return text
  }

  #noteDropped(): void {
    if (this.#dropped === 0) return
    const note = this.#noteOf(this.#dropped)
    this.#dropped = 0
    this.#add(note, Buffer.byteLength(note))
  }

  #add(text: string, bytes: number): void {
    this.#lines.push({ text, bytes })
    this.#bytes += bytes
    this.#added++
  }
}
