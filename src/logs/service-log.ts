import type { OutputSpec } from '../config/effective.ts'
import type { ByteReader } from './byte-reader.ts'
import { type CaptureSink, LayoutSink, RawSink } from './capture-sink.ts'
import { formatLine, timestamp } from './layout.ts'
import { LogFile, type LogOutage } from './log-file.ts'
import type { LineListener, LogStream } from './log-line.ts'
import type { FileIdentity } from './open-log.ts'
import type { LogRotation } from './rotating-file.ts'
import { StreamCapture } from './stream-capture.ts'

export interface ServiceLogOptions {
  /** Where `log` goes to: `<logDir>/<service>.log`, in the default layout. */
  readonly file: string
  readonly stdout: OutputSpec
  readonly stderr: OutputSpec
  /** As of LogFile, for each file: bytes, rotated files kept, mode. */
  readonly maxSize?: number
  readonly keep?: number
  readonly mode?: number
  readonly uid?: number
  readonly gid?: number
  /** Longest line in bytes. Default 1 MiB. */
  readonly maxLine?: number
  readonly onTrouble?: (error: Error, path: string) => void
  readonly onRecovered?: (outage: LogOutage, path: string) => void
}

/** One of the files that a service's output goes to. */
export interface ServiceLogFile {
  readonly path: string
  /** The bytes as they came, without time and worker. */
  readonly raw: boolean
  readonly streams: readonly LogStream[]
}

interface Destination extends ServiceLogFile {
  readonly file: LogFile
  readonly sink: CaptureSink
}

interface Subscription {
  readonly listener: LineListener
  readonly removals: Map<StreamCapture, () => void>
}

/** A service's output: the streams of all its workers and the files they go to. */
export class ServiceLog {
  readonly #options: ServiceLogOptions
  readonly #destinations: readonly Destination[]
  // Arrays: an empty Set is 200 bytes, in each of a thousand services.
  #captures: readonly StreamCapture[] = []
  #subscriptions: readonly Subscription[] = []

  constructor(options: ServiceLogOptions) {
    this.#options = options
    this.#destinations = destinationsOf(options)
  }

  get files(): readonly ServiceLogFile[] {
    return this.#destinations
  }

  /** Captures a stream of a worker. @throws Error for a stream that is not captured (`ignore`, `inherit`) */
  openStream(stream: {
    readonly reader: ByteReader
    readonly worker: string
    readonly stream: LogStream
  }): StreamCapture {
    const destination = this.#destinations.find(({ streams }) => streams.includes(stream.stream))
    if (destination === undefined) throw new Error(`${stream.worker}: std${stream.stream} is not captured`)
    const { maxLine } = this.#options
    const capture = new StreamCapture({
      ...stream,
      sink: destination.sink,
      ...(maxLine === undefined ? {} : { maxLine }),
      onClose: (closed) => this.#forget(closed),
    })
    this.#captures = [...this.#captures, capture]
    for (const { listener, removals } of this.#subscriptions) removals.set(capture, capture.onLine(listener))
    return capture
  }

  /** Each line of each worker as it is read, also of streams opened later. @returns the unsubscription */
  onLine(listener: LineListener): () => void {
    const subscription: Subscription = { listener, removals: new Map() }
    for (const capture of this.#captures) subscription.removals.set(capture, capture.onLine(listener))
    this.#subscriptions = [...this.#subscriptions, subscription]
    return () => {
      this.#subscriptions = this.#subscriptions.filter((other) => other !== subscription)
      for (const remove of subscription.removals.values()) remove()
    }
  }

  /** Up to where in which file what was read before stands: see LogFile.written. */
  written(path: string, options: { deadline?: number } = {}): Promise<FileIdentity | null> {
    const destination = this.#destinations.find((other) => other.path === path)
    return destination?.file.written(options) ?? Promise.resolve(null)
  }

  /** Milliseconds that the slowest file call under way has been waiting for its disk. */
  stalled(): number {
    return Math.max(0, ...this.#destinations.map(({ file }) => file.stalled()))
  }

  /** What writing fails with at the moment. */
  get trouble(): Error | null {
    return this.#destinations.find(({ file }) => file.trouble !== null)?.file.trouble ?? null
  }

  /** False if something is not written within the deadline (milliseconds, default 5 s). */
  async flush(options: { deadline?: number } = {}): Promise<boolean> {
    const flushed = await Promise.all(this.#destinations.map(({ file }) => file.flush(options)))
    return flushed.every(Boolean)
  }

  /** Of all its files, from now on. */
  set rotation(rotation: LogRotation) {
    for (const { file } of this.#destinations) file.rotation = rotation
  }

  /** The files were moved away: opens them anew. */
  reopen(): void {
    for (const { file } of this.#destinations) file.reopen()
  }

  /** Closes the streams, writes what was read and closes the files. */
  async close(options: { deadline?: number } = {}): Promise<boolean> {
    for (const capture of this.#captures) capture.close()
    const closed = await Promise.all(this.#destinations.map(({ file }) => file.close(options)))
    return closed.every(Boolean)
  }

  #forget(capture: StreamCapture): void {
    this.#captures = this.#captures.filter((other) => other !== capture)
    for (const { removals } of this.#subscriptions) removals.delete(capture)
  }
}

function destinationsOf(options: ServiceLogOptions): Destination[] {
  const streamsOf = new Map<string, { raw: boolean; streams: LogStream[] }>()
  const wanted = [
    { stream: 'out', spec: options.stdout },
    { stream: 'err', spec: options.stderr },
  ] as const
  for (const { stream, spec } of wanted) {
    if (spec === 'ignore' || spec === 'inherit') continue
    const path = spec === 'log' ? options.file : spec.file
    const known = streamsOf.get(path)
    // Both streams in one file share one writer: two would rotate it under each other.
    if (known === undefined) streamsOf.set(path, { raw: spec !== 'log', streams: [stream] })
    else known.streams.push(stream)
  }
  return [...streamsOf].map(([path, { raw, streams }]) => {
    const file = new LogFile({ ...options, path, ...(raw ? {} : { recoveryLine }) })
    return { path, raw, streams, file, sink: raw ? new RawSink(file) : new LayoutSink(file) }
  })
}

function recoveryLine({ error, milliseconds }: LogOutage): Buffer {
  const seconds = (milliseconds / 1000).toFixed(1)
  const line = `this log could not be written for ${seconds} s (${error.message}); what follows was kept until now`
  return formatLine({ at: timestamp(Date.now()), worker: 'holdfast', stream: 'err', line })
}
