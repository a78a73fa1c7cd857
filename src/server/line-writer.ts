import { inTime } from './in-time.ts'
import { LineBacklog } from './line-backlog.ts'

const DEADLINE = 5_000

/** Where lines go in the end: a file, stdout, stderr. */
export interface LineOutlet {
  /** Takes some lines of the backlog and writes them; done when they are written. Never throws. */
  writeSome(backlog: LineBacklog): Promise<void>
  /** The process exits: writes what is under way, if it did not get there, and this. May throw. */
  writeAtExit(text: string): void
  reopen(): void
  /** Gives up what is under way after so many milliseconds. */
  close(deadline: number): Promise<void>
}

interface Waiter {
  /** Settled when so many lines are written. */
  readonly target: number
  readonly settle: () => void
}

/**
 * Takes lines at once and writes them when it can. Never waits and never throws; lines that still wait keep the process
 * from ending by itself, and are written in its last moment if it is ended by process.exit() or an error.
 */
export class LineWriter {
  readonly #outlet: LineOutlet
  readonly #backlog: LineBacklog
  readonly #waiters = new Set<Waiter>()
  #loop: Promise<void> | null = null
  #closed = false

  /** @param noteOf the line that stands where lines were dropped */
  constructor(outlet: LineOutlet, noteOf: (dropped: number) => string) {
    this.#outlet = outlet
    this.#backlog = new LineBacklog(noteOf)
    atExit(this)
  }

  /** Lines that were dropped because too much waited. */
  get dropped(): number {
    return this.#backlog.dropped
  }

  /** @param text whole lines with their \n. @returns false: dropped, or closed already */
  append(text: string): boolean {
    if (this.#closed || !this.#backlog.push(text)) return false
    this.#loop ??= this.#run()
    return true
  }

  reopen(): void {
    if (!this.#closed) this.#outlet.reopen()
  }

  /** Resolves when all that was taken before is written: true; false if the deadline (milliseconds, default 5 s) came first. */
  async flush({ deadline = DEADLINE }: { deadline?: number } = {}): Promise<boolean> {
    if (this.#loop === null) return true
    const target = this.#backlog.added
    const written = new Promise<true>((settle) => void this.#waiters.add({ target, settle: () => settle(true) }))
    return inTime(deadline, written, false)
  }

  /** Flushes and closes. False if the deadline came first: what was not written is given up. */
  async close({ deadline = DEADLINE }: { deadline?: number } = {}): Promise<boolean> {
    if (this.#closed) return true
    this.#closed = true
    const complete = (await inTime(deadline, this.#loop ?? Promise.resolve(), 'late')) !== 'late'
    writers.delete(this)
    this.#backlog.takeAll()
    await this.#outlet.close(complete ? deadline : 0)
    return complete
  }

  writeNow(): void {
    if (this.#loop === null) return
    try {
      this.#outlet.writeAtExit(this.#backlog.takeAll())
    } catch {
      // Nobody is left to be told.
    }
  }

  async #run(): Promise<void> {
    await null // what else is said in this turn goes into the same write
    while (!this.#backlog.isEmpty) {
      await this.#outlet.writeSome(this.#backlog)
      const { removed } = this.#backlog
      for (const waiter of this.#waiters) {
        if (waiter.target > removed) continue
        this.#waiters.delete(waiter)
        waiter.settle()
      }
    }
    this.#loop = null
  }
}

// One listener for all: Node warns of a leak at the eleventh.
const writers = new Set<LineWriter>()

function writeAllNow(): void {
  for (const writer of writers) writer.writeNow()
}

function atExit(writer: LineWriter): void {
  if (writers.size === 0 && !process.listeners('exit').includes(writeAllNow)) process.on('exit', writeAllNow)
  writers.add(writer)
}
