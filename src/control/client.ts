// The client of the control API: HTTP/1.0 by hand over node:net, so that the answer ends with the connection and nothing but
// node:net has to be loaded for a `status`.
import { connect } from 'node:net'
import { type ErrorDetail, HoldfastError } from '../errors/holdfast-error.ts'
import { ERRORS, type ErrorCode } from '../errors/table.ts'

export interface ControlRequest {
  readonly method: 'GET' | 'POST'
  /** With the query string. */
  readonly path: string
  readonly body?: unknown
  /** Called for each server-sent event; the answer is then the data of the last one. */
  readonly onEvent?: (event: string, data: unknown) => void
  /** Seconds until the answer begins; that of an operation begins before the operation is done. Default: no limit. */
  readonly answerWithin?: number
  /** The answer has begun: what was asked is being done. */
  readonly onAccepted?: () => void
  /** Ends the waiting, not what the supervisor does: the promise then rejects with the signal's reason. */
  readonly signal?: AbortSignal
  /** Called with what does the same. (To load AbortSignal costs a `status` half a millisecond.) */
  readonly onWaiting?: (giveUp: (reason: unknown) => void) => void
}

export interface ControlAnswer {
  readonly status: number
  /** The JSON, or the data of the last event. */
  readonly body: unknown
  /** The last event's name, empty if there was none; null for an answer that is no stream. */
  readonly event: string | null
}

/** A connect on a full backlog fails at once (EAGAIN), it does not wait: 5 s in sum. */
const CONNECT_ATTEMPTS = 100
const CONNECT_PAUSE = 50

/**
 * @throws HoldfastError HF_UNREACHABLE, HF_PERMISSION, HF_NO_ANSWER, HF_CONNECTION_LOST, and whatever the supervisor answers as
 * an error.
 */
export async function callSupervisor(socketPath: string, request: ControlRequest): Promise<ControlAnswer> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await callOnce(socketPath, request)
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EAGAIN') throw error
      if (attempt === CONNECT_ATTEMPTS) throw noAnswer(5, ': its queue of connections is full')
      await new Promise((resolve) => setTimeout(resolve, CONNECT_PAUSE))
      request.signal?.throwIfAborted()
    }
  }
}

/** What `callSupervisor` throws where there is none any more, or it ends at this moment. */
export function hasEnded(error: unknown): boolean {
  return error instanceof HoldfastError && (error.code === 'HF_CONNECTION_LOST' || error.code === 'HF_UNREACHABLE')
}

function noAnswer(seconds: number, state = ''): HoldfastError {
  const mend = 'It may be stopped (SIGSTOP) or stuck; look at its process.'
  return new HoldfastError('HF_NO_ANSWER', { who: '', limit: `${seconds} s`, state, mend })
}

function callOnce(socketPath: string, request: ControlRequest): Promise<ControlAnswer> {
  return new Promise((resolve, reject) => {
    const reader = new AnswerReader(request.onEvent)
    const socket = connect(socketPath)
    const { answerWithin: seconds } = request
    const late = () => fail(noAnswer(seconds ?? 0))
    const timer = seconds === undefined ? undefined : setTimeout(late, seconds * 1000)
    const fail = (error: unknown) => {
      clearTimeout(timer)
      socket.destroy()
      reject(error)
    }
    const finish = () => {
      try {
        resolve(reader.finish())
        clearTimeout(timer)
        socket.destroy()
      } catch (error) {
        fail(error)
      }
    }
    request.signal?.addEventListener('abort', () => fail(request.signal?.reason))
    request.onWaiting?.(fail)
    socket.setEncoding('utf8')
    socket.on('connect', () => socket.write(requestText(request)))
    socket.on('data', (text: string) => {
      clearTimeout(timer)
      if (!reader.started) request.onAccepted?.()
      try {
        reader.push(text)
      } catch (error) {
        fail(error)
      }
    })
    socket.on('end', finish)
    // A server that answers before it has read the whole request resets the connection after its answer.
    socket.on('error', (error) => (reader.started ? finish() : fail(connectionError(socketPath, error))))
  })
}

function requestText({ method, path, body, onEvent }: ControlRequest): string {
  const text = body === undefined ? '' : JSON.stringify(body)
  const accept = onEvent ? 'text/event-stream' : 'application/json'
  const length = method === 'POST' ? `Content-Length: ${Buffer.byteLength(text)}\r\n` : ''
  return `${method} ${path} HTTP/1.0\r\nHost: holdfast\r\nAccept: ${accept}\r\n${length}\r\n${text}`
}

/** Takes the answer in pieces: header, then either JSON that is complete at the end, or events. */
class AnswerReader {
  readonly #onEvent: ((event: string, data: unknown) => void) | undefined
  #status = 0
  #isStream = false
  #pieces: string[] = []
  #last: unknown = null
  #lastEvent = ''

  constructor(onEvent?: (event: string, data: unknown) => void) {
    this.#onEvent = onEvent
  }

  get started(): boolean {
    return this.#status > 0
  }

  push(text: string): void {
    this.#pieces.push(text)
    if (this.#status === 0) this.#readHeader()
    if (this.#isStream) this.#readEvents()
  }

  finish(): ControlAnswer {
    if (this.#status === 0) throw new HoldfastError('HF_CONNECTION_LOST')
    if (this.#isStream) return { status: this.#status, body: this.#last, event: this.#lastEvent }
    let body: unknown
    try {
      body = JSON.parse(this.#pieces.join(''))
    } catch {
      throw new HoldfastError('HF_CONNECTION_LOST')
    }
    // A failed operation is an answer; it has `ok` or `changes` beside the error's fields.
    if (this.#status >= 400 && !isOutcome(body)) throw errorFrom(body)
    return { status: this.#status, body, event: null }
  }

  #readHeader(): void {
    const text = this.#pieces.join('')
    const end = text.indexOf('\r\n\r\n')
    this.#pieces = [text]
    if (end < 0) return
    const header = text.slice(0, end)
    this.#status = Number(header.split(' ', 2)[1])
    this.#isStream = /^content-type: *text\/event-stream/im.test(header)
    this.#pieces = [text.slice(end + 4)]
  }

  #readEvents(): void {
    const blocks = this.#pieces.join('').split('\n\n')
    this.#pieces = [blocks.pop() ?? '']
    for (const block of blocks) {
      const [, event = '', data = ''] = /^event: (.*)\ndata: (.*)$/.exec(block) ?? []
      if (event === '') continue
      const value: unknown = JSON.parse(data)
      if (event === 'error') throw errorFrom(value)
      this.#last = value
      this.#lastEvent = event
      this.#onEvent?.(event, value)
    }
  }
}

function isOutcome(body: unknown): boolean {
  return typeof body === 'object' && body !== null && ('ok' in body || 'changes' in body)
}

/** The same error that the supervisor threw, or, from another version, its text. */
export function errorFrom(body: unknown): HoldfastError {
  const { code, message, detail } = (body ?? {}) as { code?: string; message?: string; detail?: ErrorDetail }
  if (code !== undefined && code in ERRORS) return new HoldfastError(code as ErrorCode, detail ?? {})
  return new HoldfastError('HF_INTERNAL', { problem: message ?? 'the answer is not understood' })
}

function connectionError(path: string, error: NodeJS.ErrnoException): Error {
  switch (error.code) {
    case 'EAGAIN':
      return error
    case 'EACCES':
    case 'EPERM': {
      const problem = `no permission to use ${path}`
      return new HoldfastError('HF_PERMISSION', {
        problem,
        mend: 'Run this as the user who started the supervisor, or as root.',
      })
    }
    case 'EPIPE':
    case 'ECONNRESET':
      return new HoldfastError('HF_CONNECTION_LOST', {}, { cause: error })
    default:
      return new HoldfastError('HF_UNREACHABLE', { where: ` at ${path}`, config: '' }, { cause: error })
  }
}
