import type { LineRun } from './line-splitter.ts'

const MOST_LINES = 20
const MOST_CHARACTERS = 400
const NEWLINE = 10

/** The last lines of a stream: at most 20, of at most 400 characters (a longer one ends with …). */
export class OutputTail {
  #lines: string[] = []

  add(run: LineRun): void {
    const found: string[] = []
    const { bytes } = run
    let end = bytes[bytes.length - 1] === NEWLINE ? bytes.length - 1 : bytes.length
    for (;;) {
      const start = end === 0 ? 0 : bytes.lastIndexOf(NEWLINE, end - 1) + 1
      found.push(excerpt(bytes.subarray(start, end)))
      if (start === 0 || found.length === MOST_LINES) break
      end = start - 1
    }
    this.#lines = [...this.#lines, ...found.reverse()].slice(-MOST_LINES)
  }

  /** @param unfinished the line that has no end yet */
  last(count: number, unfinished: Buffer): string[] {
    const lines = unfinished.length > 0 ? [...this.#lines, excerpt(unfinished)] : this.#lines
    return count > 0 ? lines.slice(-Math.min(count, MOST_LINES)) : []
  }
}

function excerpt(bytes: Buffer): string {
  // A UTF-8 character has at most four bytes.
  const text = bytes.toString('utf8', 0, 4 * MOST_CHARACTERS).replace(/\r$/, '')
  return text.length > MOST_CHARACTERS ? `${text.slice(0, MOST_CHARACTERS - 1)}…` : text
}
