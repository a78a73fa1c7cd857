// Server-sent events to one client. A client that stops reading costs at most `maxBuffered` bytes.
import type { ServerResponse } from 'node:http'
import { HoldfastError } from '../errors/holdfast-error.ts'
import { drained, errorBody } from './reply.ts'
import type { StreamBudget } from './stream-budget.ts'

/** How long a client that was too slow may take to read what is buffered, the final note included. */
const LAST_CHANCE = 5_000
const LARGEST_BATCH = 32 * 1024

export class EventStream {
  readonly #response: ServerResponse
  readonly #budget: StreamBudget
  #maxBuffered: number
  readonly #onGone: (() => void)[] = []
  /** The events of one turn of the event loop go out in one write. */
  #waiting = ''
  #flush: NodeJS.Immediate | undefined
  #over = false

  constructor({ response, streams }: { response: ServerResponse; streams: StreamBudget }, maxBuffered: number) {
    this.#response = response
    this.#budget = streams
    this.#maxBuffered = maxBuffered
    streams.add(this)
    response.writeHead(200, { 'content-type': 'text/event-stream', 'cache-control': 'no-store' })
    // The client learns at once that its request was taken, before the first event.
    response.flushHeaders()
    response.once('close', () => this.#finish())
    // A client that is gone shows as the end of its side; waiting for a write to fail would keep a silent stream for ever.
    response.socket?.once('end', () => response.destroy())
  }

  /** The stream ended, or the client is gone or was dropped. */
  get over(): boolean {
    return this.#over
  }

  /** Bytes that the client has not taken yet. */
  get waiting(): number {
    return this.#response.writableLength + this.#waiting.length
  }

  /** Called once when the stream is over, at once if it already is. */
  onOver(callback: () => void): void {
    if (this.#over) callback()
    else this.#onGone.push(callback)
  }

  /** False: the client should be given time, see `drained`. */
  send(event: string, data: unknown): boolean {
    if (this.#over) return false
    this.#waiting += `event: ${event}\ndata: ${JSON.stringify(data)}\n\n`
    if (this.#waiting.length >= LARGEST_BATCH) this.#write()
    else this.#flush ??= setImmediate(() => this.#write())
    if (this.waiting > this.#maxBuffered) this.#drop()
    return !this.#response.writableNeedDrain
  }

  /** From now on at most so many bytes may wait. */
  limit(maxBuffered: number): void {
    this.#maxBuffered = maxBuffered
  }

  drained(): Promise<void> {
    this.#write()
    return drained(this.#response)
  }

  /** The last event, then the end. */
  end(event: string, data: unknown): void {
    this.send(event, data)
    if (this.#over) return
    this.#write()
    this.#response.end()
    this.#finish()
  }

  fail(error: unknown): void {
    const { http: _, ...body } = errorBody(error)
    this.end('error', body)
  }

  #write(): void {
    clearImmediate(this.#flush)
    this.#flush = undefined
    const text = this.#waiting
    this.#waiting = ''
    if (text === '') return
    this.#response.write(text)
    if (!this.#over && this.#budget.isOverdrawnBy(this)) this.#drop()
  }

  #drop(): void {
    if (this.#over) return
    this.#finish()
    this.#write()
    const { http: _, ...body } = errorBody(new HoldfastError('HF_SLOW_CLIENT', {}))
    this.#response.end(`event: error\ndata: ${JSON.stringify(body)}\n\n`)
    const timer = setTimeout(() => this.#response.destroy(), LAST_CHANCE)
    this.#response.once('close', () => clearTimeout(timer))
  }

  #finish(): void {
    if (this.#over) return
    this.#over = true
    this.#budget.delete(this)
    clearImmediate(this.#flush)
    for (const callback of this.#onGone.splice(0)) callback()
  }
}
