import { copyToBlocks } from './block-pool.ts'
import { formatRun, linePrefix } from './layout.ts'
import type { LineRun } from './line-splitter.ts'
import type { LogFile } from './log-file.ts'
import type { LogStream } from './log-line.ts'

/** Where the lines of one batch come from. */
export interface LineSource {
  /** When they were read, ISO 8601. */
  readonly at: string
  readonly worker: string
  readonly stream: LogStream
}

/** Takes in what a stream says. */
export interface CaptureSink {
  /** The bytes belong to the caller and must be copied. A `whole` or `last` run without \n at its end is the unfinished line of a stream that ended. */
  write(run: LineRun, source: LineSource): void
  /** Read no more for now. */
  readonly full: boolean
  /** Read no more, not even the last words of a process. */
  readonly choked: boolean
  /** Calls the listener once, when it is next not full. */
  onDrain(listener: () => void): void
}

/** Each line in the default layout. */
export class LayoutSink implements CaptureSink {
  readonly #file: LogFile

  constructor(file: LogFile) {
    this.#file = file
  }

  write(run: LineRun, source: LineSource): void {
    this.#file.append(formatRun(run, linePrefix(source.at, source.worker, source.stream)))
  }

  get full(): boolean {
    return this.#file.full
  }

  get choked(): boolean {
    return this.#file.choked
  }

  onDrain(listener: () => void): void {
    this.#file.onDrain(listener)
  }
}

/**
 * The bytes as they came. If several streams share the file, one that left a line unfinished (its process ended, or the
 * line is longer than maxLine) gets a line end before another goes on, so that no two lines mix.
 */
export class RawSink implements CaptureSink {
  readonly #file: LogFile
  /** Who wrote the unfinished line that the file ends with. */
  #unfinished: string | null = null

  constructor(file: LogFile) {
    this.#file = file
  }

  write(run: LineRun, source: LineSource): void {
    const writer = `${source.worker} ${source.stream}`
    if (this.#unfinished !== null && this.#unfinished !== writer) this.#file.append(Buffer.from('\n'))
    this.#file.append(copyToBlocks(run.bytes))
    if (run.bytes[run.bytes.length - 1] === 10) this.#unfinished = null
    // The line of a process that ended is not gone on with by the next process of its slot.
    else this.#unfinished = run.part === 'first' || run.part === 'middle' ? writer : ''
  }

  get full(): boolean {
    return this.#file.full
  }

  get choked(): boolean {
    return this.#file.choked
  }

  onDrain(listener: () => void): void {
    this.#file.onDrain(listener)
  }
}
