// Raw HTTP clients that do not retry: every refused, reset or cut off request counts.
import { connect } from 'node:net'

export interface LoadResult {
  requests: number
  /** What went wrong, with its count. */
  readonly failures: Record<string, number>
  /** Which process answered, by what the program says of itself in its body. */
  readonly answeredBy: Set<string>
}

export interface Load {
  stop(): Promise<LoadResult>
}

export interface LoadOptions {
  readonly port: number
  /** New connections a second, one request each. */
  readonly newPerSecond: number
  /** Clients that keep their connection, with a pause (ms) between requests. */
  readonly keepAlive: number
  readonly pause?: number
  /** How long (ms) a new connection waits, once it is accepted, before it sends its request. Default 0. */
  readonly hesitate?: number
}

const REQUEST = 'GET / HTTP/1.1\r\nHost: localhost\r\n'

export function startLoad({ port, newPerSecond, keepAlive, pause = 20, hesitate = 0 }: LoadOptions): Load {
  const result: LoadResult = { requests: 0, failures: {}, answeredBy: new Set() }
  const fail = (what: string): void => {
    result.failures[what] = (result.failures[what] ?? 0) + 1
  }
  let running = true
  const underWay = new Set<Promise<void>>()
  const track = (work: Promise<void>): void => {
    underWay.add(work)
    void work.finally(() => underWay.delete(work))
  }
  // In portions of 10 ms: a timer per connection would drift.
  let owed = 0
  const timer = setInterval(() => {
    owed += newPerSecond / 100
    for (; owed >= 1; owed--) track(oneRequest(port, hesitate, result, fail))
  }, 10)
  for (let client = 0; client < keepAlive; client++) track(keepAsking(port, pause, () => running, result, fail))
  return {
    async stop() {
      running = false
      clearInterval(timer)
      await Promise.all(underWay)
      return result
    },
  }
}

function oneRequest(port: number, hesitate: number, result: LoadResult, fail: (what: string) => void): Promise<void> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1')
    const answer = new AnswerReader()
    socket.setTimeout(10_000, () => socket.destroy(new Error('timeout')))
    const ask = (): void => void socket.write(`${REQUEST}Connection: close\r\n\r\n`)
    socket.on('connect', () => (hesitate === 0 ? ask() : setTimeout(ask, hesitate)))
    let begun = false
    socket.on('data', (chunk) => {
      begun = true
      answer.push(chunk)
    })
    socket.on(
      'error',
      (error: NodeJS.ErrnoException) => answer.isComplete || fail(`new: ${error.code ?? error.message}`),
    )
    socket.on('close', (hadError) => {
      result.requests++
      if (answer.isComplete) result.answeredBy.add(answer.body)
      else if (!hadError) fail(begun ? 'new: cut off' : 'new: closed without an answer')
      resolve()
    })
  })
}

/** One client that keeps its connection for as long as the server says so. */
async function keepAsking(
  port: number,
  pause: number,
  isRunning: () => boolean,
  result: LoadResult,
  fail: (what: string) => void,
): Promise<void> {
  while (isRunning()) {
    await new Promise<void>((resolve) => {
      const socket = connect(port, '127.0.0.1')
      let answer = new AnswerReader()
      let waiting = false
      const ask = (): void => {
        if (!isRunning()) return void socket.end()
        answer = new AnswerReader()
        waiting = true
        socket.write(`${REQUEST}\r\n`)
      }
      socket.setTimeout(10_000, () => socket.destroy(new Error('timeout')))
      socket.on('connect', ask)
      socket.on('data', (chunk) => {
        answer.push(chunk)
        if (!answer.isComplete) return
        waiting = false
        result.requests++
        result.answeredBy.add(answer.body)
        if (answer.closes) socket.end()
        else setTimeout(ask, pause)
      })
      socket.on(
        'error',
        (error: NodeJS.ErrnoException) => waiting && fail(`keep-alive: ${error.code ?? error.message}`),
      )
      socket.on('close', (hadError) => {
        if (waiting && !hadError) fail('keep-alive: cut off')
        resolve()
      })
    })
  }
}

/** Just enough HTTP: a head, and a body of Content-Length bytes. */
class AnswerReader {
  private text = ''

  push(chunk: Buffer): void {
    this.text += chunk.toString('latin1')
  }

  get isComplete(): boolean {
    const end = this.text.indexOf('\r\n\r\n')
    if (end < 0) return false
    const length = Number(/^content-length: *(\d+)/im.exec(this.text.slice(0, end))?.[1] ?? Number.NaN)
    return this.text.length - end - 4 >= length
  }

  get body(): string {
    return this.text.slice(this.text.indexOf('\r\n\r\n') + 4)
  }

  get closes(): boolean {
    return /^connection: *close/im.test(this.text.slice(0, this.text.indexOf('\r\n\r\n')))
  }
}
