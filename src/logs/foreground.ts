import type { LogStream } from './log-line.ts'

export interface ForegroundOptions {
  readonly color: boolean
  /** Writes and calls back when it is done, at once or later. Not called again before. See terminalWriter. */
  readonly write: (text: string, done: () => void) => void
}

// What may wait for a terminal that is stopped, or a pipe that nobody reads. The log files have all of it.
const MOST_QUEUED = 1024 * 1024
const LARGEST_WRITE = 64 * 1024
/** A name that is longer moves its own lines only: all the others would be shifted out of a narrow terminal. */
const WIDEST_NAME = 24

// Readable on dark and light; red is kept for what went wrong.
const COLORS = [36, 33, 32, 35, 34, 96, 93, 92, 95, 94]
const RED = '\x1b[31m'
const YELLOW = '\x1b[33m'
const DIM = '\x1b[2m'
const RESET = '\x1b[0m'

/**
 * What `holdfast up` shows in the foreground: each line with its worker before it, `|` for stdout and `!` for stderr, in
 * a colour per service. Never waits and never grows: what a slow terminal does not take in time is dropped and counted.
 */
export class ForegroundOutput {
  readonly #color: boolean
  readonly #write: ForegroundOptions['write']
  readonly #colorOf = new Map<string, number>()
  #width = 0
  #queue: string[] = []
  #queued = 0
  #dropped = 0
  #writing = false
  #scheduled = false
  #drained: (() => void)[] = []

  constructor(options: ForegroundOptions) {
    this.#color = options.color
    this.#write = options.write
  }

  /** Its lines will come: those of the others are padded to its name from now on. @param worker `web/0` */
  expect(worker: string): void {
    if (worker.length <= WIDEST_NAME) this.#width = Math.max(this.#width, worker.length)
  }

  /** One line of a worker's output. @param worker `web/0` */
  line(worker: string, stream: LogStream, line: string): void {
    this.#put(`${this.#prefix(worker, stream)}${this.#visible(line)}\n`)
  }

  /** What the supervisor itself has to say. */
  event(text: string, tone: 'usual' | 'trouble' = 'usual'): void {
    const color = tone === 'usual' ? DIM : YELLOW
    this.#put(this.#color ? `${color}${text}${RESET}\n` : `${text}\n`)
  }

  /** Resolves when all is written, or after the deadline (milliseconds, default 1 s). */
  flush({ deadline = 1_000 }: { deadline?: number } = {}): Promise<void> {
    if (this.#queued === 0 && this.#dropped === 0 && !this.#writing) return Promise.resolve()
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, deadline)
      this.#drained.push(() => {
        clearTimeout(timer)
        resolve()
      })
    })
  }

  #prefix(worker: string, stream: LogStream): string {
    this.expect(worker)
    const name = worker.padEnd(this.#width)
    if (!this.#color) return `${name} ${stream === 'out' ? '|' : '!'} `
    const color = `\x1b[${this.#colorFor(worker.split('/')[0] ?? worker)}m`
    return stream === 'out' ? `${color}${name} |${RESET} ` : `${color}${name} ${RED}!${RESET} `
  }

  /** By the name, so that a service looks the same tomorrow; another colour if one that is shown has it already. */
  #colorFor(service: string): number {
    const known = this.#colorOf.get(service)
    if (known !== undefined) return known
    const taken = new Set(this.#colorOf.values())
    let index = 0
    for (const character of service) index = (index * 31 + character.charCodeAt(0)) % COLORS.length
    for (let step = 0; step < COLORS.length && taken.has(COLORS[index] ?? 0); step++)
      index = (index + 1) % COLORS.length
    const color = COLORS[index] ?? 0
    this.#colorOf.set(service, color)
    return color
  }

  /** A carriage return would write over the prefix: what a terminal would show in the end is what follows the last one. */
  #visible(line: string): string {
    const text = line.includes('\r') ? (line.split('\r').findLast((part) => part !== '') ?? '') : line
    return text.includes('\x1b') ? `${text}${RESET}` : text
  }

  #put(text: string): void {
    if (this.#queued + text.length > MOST_QUEUED) {
      this.#dropped++
      return
    }
    this.#queue.push(text)
    this.#queued += text.length
    if (this.#writing || this.#scheduled) return
    this.#scheduled = true
    // The lines of one turn in one write.
    setImmediate(() => {
      this.#scheduled = false
      this.#next()
    })
  }

  #next(): void {
    if (this.#writing) return
    if (this.#queue.length === 0 && this.#dropped > 0) {
      const count = this.#dropped
      this.#dropped = 0
      this.event(`${count} lines are not shown here: they came too fast for this terminal. The logs have them.`)
      return
    }
    if (this.#queue.length === 0) {
      for (const tell of this.#drained.splice(0)) tell()
      return
    }
    const text = this.#takeBatch()
    this.#writing = true
    this.#write(text, () => {
      this.#queued -= text.length
      this.#writing = false
      this.#next()
    })
  }

  #takeBatch(): string {
    let count = 0
    let length = 0
    for (const text of this.#queue) {
      if (count > 0 && length + text.length > LARGEST_WRITE) break
      count++
      length += text.length
    }
    return this.#queue.splice(0, count).join('')
  }
}
