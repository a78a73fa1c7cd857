import { builtins } from './builtins.ts'
import { reopenNonBlocking } from './inherited-fd.ts'

const retryMillis = 200
const owedLimit = 16

/**
 * Lines of sd_notify text to the supervisor. Never blocks: while the supervisor is dead nobody reads, and after 64 KiB the
 * pipe is full. What can be said again (STATUS, WATCHDOG) is dropped then, the rest is kept and sent later.
 */
export class NotifyChannel {
  #given: number | null
  #fd: number | null = null
  #owed: string[] = []
  #retry: NodeJS.Timeout | null = null

  constructor(fd: number | null) {
    this.#given = fd
  }

  /** @param line without its newline, at most PIPE_BUF (4096) bytes: longer writes may be torn by other writers. */
  send(line: string, importance: 'keep' | 'may-drop'): void {
    if (this.#given === null) return
    if (this.#owed.length > 0) {
      if (importance === 'keep') this.#owe(line)
      return
    }
    if (this.#write(line) === 'full' && importance === 'keep') this.#owe(line)
  }

  /** What is owed is lost. */
  close(): void {
    if (this.#retry !== null) clearTimeout(this.#retry)
    if (this.#fd !== null && this.#fd !== this.#given) builtins.fs().closeSync(this.#fd)
    this.#given = null
  }

  #owe(line: string): void {
    this.#owed.push(line)
    if (this.#owed.length > owedLimit) this.#owed.shift()
    this.#retry ??= setTimeout(() => this.#payOwed(), retryMillis).unref()
  }

  #payOwed(): void {
    this.#retry = null
    while (this.#owed[0] !== undefined) {
      if (this.#write(this.#owed[0]) === 'full') {
        this.#retry = setTimeout(() => this.#payOwed(), retryMillis).unref()
        return
      }
      this.#owed.shift()
    }
  }

  #write(line: string): 'done' | 'full' {
    if (this.#given === null) return 'done'
    this.#fd ??= reopenNonBlocking(this.#given, 'write')
    try {
      builtins.fs().writeSync(this.#fd, `${line}\n`)
      return 'done'
    } catch (error) {
      // Anything else (EPIPE, EBADF) says that nobody will ever read this: silence is all that is left.
      return (error as NodeJS.ErrnoException).code === 'EAGAIN' ? 'full' : 'done'
    }
  }
}
