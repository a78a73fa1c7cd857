import type * as net from 'node:net'
import { builtins } from './builtins.ts'
import { reopenNonBlocking } from './inherited-fd.ts'

const newline = 0x0a
/** A line longer than this is not for us: drop it instead of keeping it in memory. */
const lineLimit = 4 * 1024 * 1024

/** Lines from the supervisor, read from the worker's command FIFO. Does not keep the process alive, unless asked to. */
export class CommandChannel {
  readonly #onLine: (line: string) => void
  readonly #fd: number
  readonly #socket: net.Socket
  #rest: Buffer = Buffer.alloc(0)

  constructor(fd: number, onLine: (line: string) => void) {
    this.#onLine = onLine
    this.#fd = reopenNonBlocking(fd, 'read-write')
    this.#socket = new (builtins.net().Socket)({ fd: this.#fd, readable: true, writable: false })
    this.#socket.on('data', (chunk: Buffer) => this.#take(chunk))
    this.#socket.on('error', () => this.#socket.destroy())
    this.#socket.unref()
  }

  hold(on: boolean): void {
    if (on) this.#socket.ref()
    else this.#socket.unref()
  }

  close(): void {
    this.#socket.destroy()
  }

  /** Reads what lies there now, for a program that does not return to the event loop. */
  poll(): void {
    if (this.#socket.destroyed) return
    const chunk = Buffer.allocUnsafe(4096)
    for (;;) {
      let count: number
      try {
        count = builtins.fs().readSync(this.#fd, chunk, 0, chunk.length, null)
      } catch {
        return // EAGAIN: nothing there
      }
      if (count === 0) return
      this.#take(Buffer.from(chunk.subarray(0, count)))
    }
  }

  #take(chunk: Buffer): void {
    let data = this.#rest.length === 0 ? chunk : Buffer.concat([this.#rest, chunk])
    for (let end = data.indexOf(newline); end >= 0; end = data.indexOf(newline)) {
      const line = data.toString('utf8', 0, end)
      data = data.subarray(end + 1)
      this.#onLine(line)
    }
    this.#rest = data.length > lineLimit ? Buffer.alloc(0) : data
  }
}
