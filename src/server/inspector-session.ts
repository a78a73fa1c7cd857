// A conversation with the debugger of a Node process on this machine: a few questions, each an expression to be
// evaluated.

import { connect, type Socket } from 'node:net'
import { randomBytes } from '../os/random-bytes.ts'
import { isPlainObject } from '../wire/dump-text.ts'
import { textFrame, WebSocketReader } from '../wire/websocket-frames.ts'

/** Where a debugger listens. The id is a secret: who knows it can run code in the process. */
export interface DebuggerAddress {
  readonly port: number
  readonly id: string
}

const HEADERS_LIMIT = 4096
const END_OF_HEADERS = '\r\n\r\n'

/** Of the line that Node writes to stderr when its debugger has been woken; null for any other. */
export function debuggerAddressIn(line: string): DebuggerAddress | null {
  // Not from the start of the line: the program may have left an unfinished one.
  const match = /Debugger listening on ws:\/\/127\.0\.0\.1:(\d{1,5})\/([0-9a-f-]{36})\s*$/.exec(line)
  const [, port, id] = match ?? []
  return port === undefined || id === undefined ? null : { port: Number(port), id }
}

interface Question {
  readonly resolve: (value: string) => void
  readonly reject: (error: Error) => void
}

/** Does not keep this process alive. */
export class InspectorSession {
  readonly opened: Promise<void>
  /** The debugger has ended, or the process. */
  readonly closed: Promise<void>
  readonly #socket: Socket
  readonly #frames = new WebSocketReader()
  readonly #questions = new Map<number, Question>()
  #asked = 0
  /** What came of the answer's head; null once it is through. */
  #head: Buffer | null = Buffer.alloc(0)
  #hasOpened: () => void = () => {}

  constructor({ port, id }: DebuggerAddress) {
    this.#socket = connect(port, '127.0.0.1').unref().setNoDelay()
    this.closed = new Promise((resolve) => this.#socket.once('close', resolve))
    this.opened = new Promise((resolve, reject) => {
      this.#hasOpened = resolve
      void this.closed.then(() => reject(new Error('the debugger refused the connection')))
    })
    this.opened.catch(() => {})
    this.#socket.on('error', () => {}) // followed by close
    this.#socket.on('data', (chunk: Buffer) => this.#take(chunk))
    void this.closed.then(() => this.#failAll('the debugger went away'))
    this.#socket.write(handshake(port, id))
  }

  /**
   * The value of an expression, as text. A loop of JavaScript is interrupted for it, native code is not: then the answer
   * waits until that returns. Only after `opened`: what comes together with the handshake is lost.
   */
  evaluate(expression: string): Promise<string> {
    return new Promise((resolve, reject) => {
      this.#asked++
      this.#questions.set(this.#asked, { resolve, reject })
      const params = { expression, returnByValue: true, silent: true }
      const message = JSON.stringify({ id: this.#asked, method: 'Runtime.evaluate', params })
      this.#socket.write(textFrame(message, randomBytes(4)))
    })
  }

  hangUp(): void {
    this.#socket.destroy()
  }

  #take(chunk: Buffer): void {
    const frames = this.#head === null ? chunk : this.#afterHead(Buffer.concat([this.#head, chunk]))
    try {
      for (const event of this.#frames.take(frames)) {
        if (event === 'closed') this.hangUp()
        else this.#answer(event.text)
      }
    } catch {
      this.hangUp()
    }
  }

  #afterHead(head: Buffer): Buffer {
    const end = head.indexOf(END_OF_HEADERS)
    this.#head = end === -1 ? head : null
    const accepted = head.toString('latin1', 0, 12) === 'HTTP/1.1 101'
    if (end === -1 ? head.length > HEADERS_LIMIT : !accepted) this.hangUp()
    if (end === -1) return Buffer.alloc(0)
    if (accepted) this.#hasOpened()
    return head.subarray(end + END_OF_HEADERS.length)
  }

  #answer(text: string): void {
    const message: unknown = JSON.parse(text)
    if (!isPlainObject(message) || typeof message.id !== 'number') return
    const question = this.#questions.get(message.id)
    this.#questions.delete(message.id)
    const value = answeredValue(message)
    if (value === null) question?.reject(new Error('the question failed in the process'))
    else question?.resolve(value)
  }

  #failAll(reason: string): void {
    for (const { reject } of this.#questions.values()) reject(new Error(reason))
    this.#questions.clear()
  }
}

/** Of the answer to an evaluation; null where it threw. */
function answeredValue(message: Record<string, unknown>): string | null {
  const { result } = message
  if (!isPlainObject(result) || 'exceptionDetails' in result) return null
  return isPlainObject(result.result) ? String(result.result.value) : null
}

function handshake(port: number, id: string): string {
  return [
    `GET /${id} HTTP/1.1`,
    // An address, not a name: the debugger refuses names, so that no web page can reach it by one.
    `Host: 127.0.0.1:${port}`,
    'Upgrade: websocket',
    'Connection: Upgrade',
    `Sec-WebSocket-Key: ${randomBytes(16).toString('base64')}`,
    'Sec-WebSocket-Version: 13',
    END_OF_HEADERS.slice(2),
  ].join('\r\n')
}
