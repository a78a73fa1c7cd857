// What one stream of a service says, line by line.
import { Socket } from 'node:net'
import { Lines } from './lines.ts'

export class LogLines {
  readonly #socket: Socket
  /** When nobody can write any more. */
  readonly ended: Promise<void>

  /** Takes the reading end over. */
  constructor(fd: number, onLine: (line: string) => void) {
    const lines = new Lines(onLine)
    this.#socket = new Socket({ fd, readable: true, writable: false })
    this.#socket.on('data', (chunk) => lines.take(chunk as Buffer))
    this.ended = new Promise((resolve) => {
      this.#socket.on('error', () => {})
      this.#socket.once('close', () => {
        lines.end()
        resolve()
      })
    })
  }

  /** In a forked child: it is no business of the child's. */
  abandon(): void {
    this.#socket.removeAllListeners()
    this.#socket.destroy()
  }
}
