// Progress of an operation on stderr: on a terminal one line that changes, else a line for each step.
import type { Progress } from '../supervisor/engine-api.ts'
import type { Context } from './context.ts'
import { ReaderGone } from './output.ts'

export interface ProgressView {
  show(progress: Progress): void
  /** Takes the changing line away. */
  close(): void
}

const ERASE_LINE = '\r\u001b[K'
/** More often is not seen, and a thousand services take a thousand steps. */
const REDRAW = 50

/** Workers, and milliseconds. */
const MANY = 20
const EVERY = 1_000

/** What workers that are done have become. */
const DONE_WORDS: Readonly<Record<string, string>> = {
  start: 'ready',
  scale: 'ready',
  stop: 'stopped',
  down: 'stopped',
  restart: 'replaced',
  reload: 'replaced',
}

export function progressView({ command, err, environment }: Context): ProgressView {
  const word = DONE_WORDS[command.verb.name] ?? 'done'
  if (command.global.quiet || command.global.json) return { show() {}, close() {} }
  const write = (text: string): void => {
    try {
      err.write(text)
    } catch (error) {
      // Nobody looks; the outcome is waited for all the same.
      if (!(error instanceof ReaderGone)) throw error
    }
  }
  if (!err.isTty || environment.TERM === 'dumb') return stepByStep(write, word)
  return changingLine(write, () => err.columns, word)
}

/** The count stands only where it has changed. Of many workers a line a second: in a log nobody reads a thousand. */
function stepByStep(write: (text: string) => void, word: string): ProgressView {
  let told = 0
  let toldAt = Number.NEGATIVE_INFINITY
  return {
    show({ message, done = 0, total = 0 }) {
      const now = performance.now()
      if (total > MANY && now - toldAt < EVERY) return
      toldAt = now
      const news = total > 1 && done !== told ? ` (${countText(done, total, word)})` : ''
      told = done
      write(`${message}${news}\n`)
    },
    close() {},
  }
}

function changingLine(write: (text: string) => void, columns: () => number, word: string): ProgressView {
  let drawn = 0
  let shown = false
  let late: NodeJS.Timeout | undefined
  const draw = ({ message, done = 0, total = 0 }: Progress): void => {
    drawn = Date.now()
    shown = true
    const text = total > 1 ? `${countText(done, total, word)}; ${message}` : message
    write(`${ERASE_LINE}${cutTo(columns() - 1, text)}`)
  }
  return {
    show(progress) {
      clearTimeout(late)
      const wait = drawn + REDRAW - Date.now()
      if (wait <= 0) return draw(progress)
      // The last step before a long silence has to be seen.
      late = setTimeout(draw, wait, progress)
    },
    close() {
      clearTimeout(late)
      if (shown) write(ERASE_LINE)
    },
  }
}

function countText(done: number, total: number, word: string): string {
  return `${done} of ${total} ${word}`
}

function cutTo(width: number, text: string): string {
  return text.length <= width ? text : `${text.slice(0, Math.max(0, width - 1))}…`
}
