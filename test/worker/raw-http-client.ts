import { connect, type Socket } from 'node:net'
import { connect as tlsConnect } from 'node:tls'

export interface Answer {
  readonly status: number
  readonly close: boolean
  readonly body: string
}

/**
 * A keep-alive connection that never retries: an end or a reset after a written request is an error. Node's own agent retries
 * such requests silently, so it can not be used to find them.
 */
export class RawHttpClient {
  readonly #socket: Socket
  #received = ''
  #ended: Error | null = null
  #wake: () => void = () => {}

  private constructor(socket: Socket) {
    this.#socket = socket
    socket.on('data', (data) => {
      this.#received += data.toString('latin1')
      this.#wake()
    })
    const end = (error?: Error): void => {
      this.#ended ??= error ?? new Error('connection ended')
      this.#wake()
    }
    socket.on('error', end)
    socket.on('end', () => end())
    socket.on('close', () => end())
  }

  static connect(port: number, options: { tls?: boolean } = {}): Promise<RawHttpClient> {
    const host = '127.0.0.1'
    return new Promise((resolve, reject) => {
      const connected = (): void => {
        socket.off('error', reject)
        resolve(new RawHttpClient(socket))
      }
      const socket = options.tls
        ? tlsConnect({ port, host, rejectUnauthorized: false }, connected)
        : connect({ port, host, noDelay: true }, connected)
      socket.once('error', reject)
    })
  }

  /** The other side has closed; harmless while no request is under way. */
  get ended(): boolean {
    return this.#ended !== null
  }

  send(path = '/', headers = ''): void {
    this.#socket.write(`GET ${path} HTTP/1.1\r\nHost: test\r\n${headers}\r\n`)
  }

  /** @throws when the connection ends before the answer is complete. */
  async answer(): Promise<Answer> {
    for (;;) {
      const answer = this.#take()
      if (answer !== null) return answer
      if (this.#ended !== null) throw this.#ended
      await this.#change()
    }
  }

  async get(path = '/'): Promise<Answer> {
    this.send(path)
    return this.answer()
  }

  async end(): Promise<void> {
    while (this.#ended === null) await this.#change()
  }

  close(): void {
    this.#socket.destroy()
  }

  #change(): Promise<void> {
    return new Promise((resolve) => {
      this.#wake = resolve
    })
  }

  #take(): Answer | null {
    const head = this.#received.indexOf('\r\n\r\n')
    if (head < 0) return null
    const header = this.#received.slice(0, head)
    const length = Number(/^content-length: *(\d+)/im.exec(header)?.[1] ?? 0)
    if (this.#received.length < head + 4 + length) return null
    const body = this.#received.slice(head + 4, head + 4 + length)
    this.#received = this.#received.slice(head + 4 + length)
    return {
      status: Number(header.slice(9, 12)),
      close: /^connection: *close/im.test(header),
      body,
    }
  }
}
