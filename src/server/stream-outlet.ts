import { constants, fstatSync, openSync } from 'node:fs'
import { terminalWriter } from '../logs/terminal-writer.ts'
import { pause, writeFully } from './exit-writes.ts'
import type { LineBacklog } from './line-backlog.ts'
import type { LineOutlet } from './line-writer.ts'

/** PIPE_BUF: a pipe takes so much as one piece, so that lines of several processes that share it do not mix. */
const WRITTEN_AT_ONCE = 4096

const PAUSE_FOR_THREAD = 30

const LONGEST_TIMER = 2 ** 31 - 1

/** stdout or stderr of this process. Nothing is rotated or reopened: whoever started us has made it. */
export class StreamOutlet implements LineOutlet {
  readonly #fd: 1 | 2
  readonly #write: (text: string, done: () => void) => void
  #underWay = ''
  #giveUp: (() => void) | null = null
  #closed = false

  constructor(fd: 1 | 2) {
    this.#fd = fd
    this.#write = terminalWriter(fd)
  }

  async writeSome(backlog: LineBacklog): Promise<void> {
    const text = backlog.take(WRITTEN_AT_ONCE) || backlog.takeOne()
    if (this.#closed) return
    this.#underWay = text
    await new Promise<void>((resolve) => {
      // The writer's own timer, while nobody reads, does not keep the process from ending.
      const held = setInterval(() => {}, LONGEST_TIMER)
      this.#giveUp = () => {
        clearInterval(held)
        resolve()
      }
      this.#write(text, this.#giveUp)
    })
    this.#underWay = ''
  }

  writeAtExit(text: string): void {
    const is = fstatSync(this.#fd)
    if (is.isFIFO() || is.isCharacterDevice()) {
      // What is under way waits for the reader. We do not: a pipe that nobody reads must not keep the process from ending.
      const { O_WRONLY, O_NOCTTY, O_NONBLOCK } = constants
      writeFully(openSync(`/proc/self/fd/${this.#fd}`, O_WRONLY | O_NOCTTY | O_NONBLOCK), this.#underWay + text)
      return
    }
    // A socket (systemd's journal) or a file: what is under way is in the hands of a thread, and comes first.
    if (this.#underWay !== '') pause(PAUSE_FOR_THREAD)
    writeFully(this.#fd, text)
  }

  reopen(): void {}

  async close(): Promise<void> {
    this.#closed = true
    this.#giveUp?.()
  }
}
