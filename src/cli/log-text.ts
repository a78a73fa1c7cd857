import type { Colour, Paint } from '../control/colours.ts'
import type { LogLine } from '../logs/log-line.ts'
import { type Output, ReaderGone } from './output.ts'

const WORKER_COLOURS: readonly Colour[] = ['cyan', 'yellow', 'green', 'magenta', 'blue']

/** In a file or pipe as in the log file (`TIME WORKER STREAM LINE`), on a terminal shorter and coloured by worker. */
export function logLineText(entry: LogLine, isTty: boolean, paint: Paint): string {
  const { at, worker, stream, line } = entry
  // A line of a raw file tells neither its time nor its worker.
  if (at === '') return `${line}\n`
  if (!isTty) return `${at} ${worker} ${stream} ${line}\n`
  const mark = stream === 'err' ? paint('red', '!') : '|'
  return `${paint('dim', localTime(at))} ${paint(colourFor(worker), worker)} ${mark} ${line}\n`
}

/** `14:03:27.678` */
export function localTime(at: string): string {
  const time = new Date(at)
  const two = (value: number) => String(value).padStart(2, '0')
  const millis = String(time.getMilliseconds()).padStart(3, '0')
  return `${two(time.getHours())}:${two(time.getMinutes())}:${two(time.getSeconds())}.${millis}`
}

function colourFor(worker: string): Colour {
  let sum = 0
  for (const character of worker) sum += character.charCodeAt(0)
  return WORKER_COLOURS[sum % WORKER_COLOURS.length] ?? 'cyan'
}

const LARGEST_BATCH = 64 * 1024

/** The lines of one turn of the event loop in one write. */
export class LineWriter {
  readonly #out: Output
  #text = ''
  #scheduled = false
  /** A write that failed after its lines were taken: the reader is gone. */
  readonly failed: Promise<never>
  #fail: (error: unknown) => void = () => {}

  constructor(out: Output) {
    this.#out = out
    this.failed = new Promise((_resolve, reject) => {
      this.#fail = reject
    })
    this.failed.catch(() => {})
  }

  /** While there may be nothing to write for a long time: fails soon after its reader is gone. @returns what ends it */
  watchReader(): () => void {
    return this.#out.onReaderGone?.(() => this.#fail(new ReaderGone())) ?? (() => {})
  }

  write(text: string): void {
    this.#text += text
    if (this.#text.length > LARGEST_BATCH) return this.flush()
    if (this.#scheduled) return
    this.#scheduled = true
    setImmediate(() => {
      this.#scheduled = false
      try {
        this.flush()
      } catch (error) {
        this.#fail(error)
      }
    })
  }

  flush(): void {
    const text = this.#text
    this.#text = ''
    if (text !== '') this.#out.write(text)
  }
}
