// The two pipes to whoever started this forkserver: orders come in, answers go out, one JSON object a line.
import { closeSync, constants, openSync, readFileSync } from 'node:fs'
import { Socket } from 'node:net'
import { Lines } from './lines.ts'

export type Answer =
  | { readonly loaded: Readonly<Record<string, number | string>> }
  | { readonly started: { readonly token: string; readonly pid: number } }
  | { readonly failed: { readonly token: string; readonly error: string; readonly unsound?: true } }
  | { readonly error: string }

export interface LinkFds {
  readonly commands: number
  readonly status: number
}

export class SupervisorLink {
  readonly #commands: Socket
  readonly #status: Socket

  /** Takes both descriptors over. `onEnd`: nobody can write orders any more. */
  constructor(fds: LinkFds, onLine: (line: string) => void, onEnd: () => void) {
    const lines = new Lines(onLine)
    this.#commands = new Socket({ fd: reopen(fds.commands), readable: true, writable: false })
    this.#commands.on('data', (chunk) => lines.take(chunk as Buffer))
    this.#commands.on('end', onEnd)
    this.#commands.on('error', onEnd)
    this.#status = writerOf(fds.status)
    for (const fd of new Set([fds.commands, fds.status])) closeSync(fd)
  }

  answer(answer: Answer): void {
    this.say(answer)
  }

  /** In whatever language. */
  say(message: object): void {
    this.#status.write(`${JSON.stringify(message)}\n`)
  }

  /** Calls back when all that was answered is written. */
  end(onWritten: () => void): void {
    if (this.#status.destroyed) onWritten()
    else this.#status.write('', () => onWritten())
  }

  /** In a forked child: it is no business of the child's. */
  abandon(): void {
    for (const socket of [this.#commands, this.#status]) {
      socket.removeAllListeners('end')
      socket.destroy()
    }
  }
}

/** One that nobody reads any more does no harm: the workers live on, and so do we as long as orders may come. */
export function writerOf(fd: number): Socket {
  const socket = new Socket({ fd: reopen(fd), readable: false, writable: true })
  socket.on('error', () => {})
  return socket.unref()
}

/**
 * A description of our own, not blocking, in the mode in which it was opened: one for reading and writing never comes to an end
 * while its supervisor is away.
 */
function reopen(fd: number): number {
  const flags = Number.parseInt(
    /^flags:\s*(\d+)/m.exec(readFileSync(`/proc/self/fdinfo/${fd}`, 'latin1'))?.[1] ?? '',
    8,
  )
  const mode = flags & (constants.O_RDONLY | constants.O_WRONLY | constants.O_RDWR)
  return openSync(`/proc/self/fd/${fd}`, mode | constants.O_NONBLOCK)
}
