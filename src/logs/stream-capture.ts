import type { ByteReader } from './byte-reader.ts'
import type { CaptureSink, LineSource } from './capture-sink.ts'
import { timestamp } from './layout.ts'
import { LineListeners } from './line-listeners.ts'
import { type LineRun, LineSplitter } from './line-splitter.ts'
import type { LineListener, LogStream } from './log-line.ts'
import { OutputTail } from './output-tail.ts'
import { PipeGrowth } from './pipe-growth.ts'
import { comesSoon, mayReadInThisTurn, READ_SIZE, readBuffer, restBeforeReading } from './read-turns.ts'

export interface StreamCaptureOptions {
  /** Closed with the capture. */
  readonly reader: ByteReader
  /** `web/0` */
  readonly worker: string
  readonly stream: LogStream
  readonly sink: CaptureSink
  /** Who decides about the pipe's size. Default: one for the process, 16 MiB in sum. */
  readonly pipe?: PipeGrowth
  /** Longest line in bytes. Default 1 MiB. */
  readonly maxLine?: number
  readonly onClose?: (capture: StreamCapture) => void
}

// A line that somebody listens to costs some ten times as much: 1 MiB of short ones would hold the event loop up for 60 ms.
const LISTENED_READ_SIZE = 64 * 1024

const processWideGrowth = new PipeGrowth()

/**
 * Reads one FIFO (or what stands for one), an output stream of one worker, and hands whole lines to the sink. Cheap for a stream that says much:
 * a read that comes less than 5 ms after the last is followed by a rest of 5 ms. While the sink is full it does not
 * read: what the worker says waits in the pipe, and when that is full the worker waits.
 */
export class StreamCapture {
  readonly stream: LogStream
  readonly #reader: ByteReader
  readonly #sink: CaptureSink
  readonly #pipe: PipeGrowth
  readonly #splitter: LineSplitter
  readonly #onClose: ((capture: StreamCapture) => void) | undefined
  #worker: string
  #lastRead = Number.NEGATIVE_INFINITY
  #resting = false
  #waitsForSink = false
  #closed = false
  #tail: OutputTail | null = null
  #listeners: LineListeners | null = null

  constructor(options: StreamCaptureOptions) {
    this.stream = options.stream
    this.#reader = options.reader
    this.#worker = options.worker
    this.#sink = options.sink
    this.#pipe = options.pipe ?? processWideGrowth
    this.#splitter = new LineSplitter(options.maxLine === undefined ? {} : { maxLine: options.maxLine })
    this.#onClose = options.onClose
    this.#reader.listen(this)
  }

  get worker(): string {
    return this.#worker
  }

  /** The FIFO belongs to another worker's process from now on; what is unfinished of the old one's output becomes a line. */
  setWorker(worker: string): void {
    this.endOfProcess()
    this.#worker = worker
  }

  /** Each line as it is read. @returns the unsubscription */
  onLine(listener: LineListener): () => void {
    this.#listeners ??= new LineListeners()
    const { remove } = this.#listeners.add(listener)
    return () => {
      remove()
      if (this.#listeners?.isEmpty) this.#listeners = null
    }
  }

  /** From now on keep the last lines, afresh; or keep none. */
  keepTail(keep: boolean): void {
    this.#tail = keep ? new OutputTail() : null
  }

  /** The last lines since keepTail(true), an unfinished one too: at most 20, of at most 400 characters. */
  tail(lines: number): string[] {
    return this.#tail?.last(lines, this.#splitter.rest) ?? []
  }

  /**
   * Reads and hands on what lies in the FIFO right now, also while resting or while the sink is full. Only when the
   * sink is choked the rest stays in the FIFO. @returns whether all was read
   */
  drain(): boolean {
    if (this.#closed) return true
    let left = READ_SIZE // no pipe holds more, and a writer that goes on must not keep us
    while (left > 0) {
      if (this.#sink.choked) return false
      const bytes = this.#reader.read(readBuffer())
      if (bytes > 0) this.#take(bytes)
      if (bytes < this.#pipeSize) return true
      left -= bytes
    }
    return true
  }

  /** Reads nothing by itself until `letGo`. */
  hold(): void {
    this.#reader.hold()
  }

  letGo(): void {
    this.#reader.letGo()
  }

  /** The process is dead: reads all it said; an unfinished last line becomes a line. */
  endOfProcess(): void {
    if (!this.drain()) return
    this.#flushUnfinished()
  }

  /** Reads no more; what was read of an unfinished line becomes a line. */
  close(): void {
    if (this.#closed) return
    this.#closed = true
    if (this.#reader.fd !== null) this.#pipe.forget(this.#reader.fd)
    this.#reader.close()
    this.#flushUnfinished()
    this.#listeners = null
    this.#tail = null
    this.#onClose?.(this)
  }

  /** For the reader alone. */
  onReadable(): void {
    const now = performance.now()
    if (this.#closed || !mayReadInThisTurn(now)) return
    if (this.#sink.full) {
      this.#waitForSink()
      return
    }
    const most = this.#listeners === null ? READ_SIZE : LISTENED_READ_SIZE
    const bytes = this.#reader.read(readBuffer().subarray(0, most))
    if (bytes === 0) return
    this.#take(bytes)
    if (this.#reader.fd !== null) this.#pipe.noteRead(this.#reader.fd, bytes, now)
    const soon = comesSoon(now, this.#lastRead)
    this.#lastRead = now
    // A pipe that was half full keeps its writer waiting soon: no rest then.
    if (soon && bytes < Math.min(most, this.#pipeSize / 2)) this.#rest(now)
  }

  /** For the reader alone. */
  onPark(fd: number): void {
    this.#pipe.forget(fd)
  }

  /** Bytes; as long as nothing was read of it, that of any pipe. */
  get #pipeSize(): number {
    return this.#pipe.sizeOf(this.#reader.fd ?? -1)
  }

  #rest(now: number): void {
    if (this.#resting) return
    this.#resting = true
    this.#reader.pause()
    restBeforeReading(now, () => {
      this.#resting = false
      this.#resume()
    })
  }

  #waitForSink(): void {
    if (this.#waitsForSink) return
    this.#waitsForSink = true
    this.#reader.pause()
    this.#sink.onDrain(() => {
      this.#waitsForSink = false
      this.#resume()
    })
  }

  #resume(): void {
    if (!this.#closed && !this.#resting && !this.#waitsForSink) this.#reader.resume()
  }

  #take(bytes: number): void {
    const runs = this.#splitter.pushRuns(readBuffer().subarray(0, bytes))
    if (runs.length > 0) this.#handOn(runs)
  }

  #flushUnfinished(): void {
    const rest = this.#splitter.flush()
    if (rest !== null) this.#handOn([rest])
  }

  #handOn(runs: readonly LineRun[]): void {
    const source: LineSource = { at: timestamp(Date.now()), worker: this.#worker, stream: this.stream }
    // The file first: a listener that fails costs no line.
    for (const run of runs) this.#sink.write(run, source)
    if (this.#tail !== null) for (const run of runs) this.#tail.add(run)
    if (this.#listeners !== null) for (const run of runs) this.#listeners.tell(run, source)
  }
}
