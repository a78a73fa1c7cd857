import type { LineSource } from './capture-sink.ts'
import { CONTINUED_MARK, CONTINUES_MARK } from './layout.ts'
import type { LineRun } from './line-splitter.ts'
import type { LineListener } from './log-line.ts'

/** Those who want to see each line as it comes. Lines are made into text only if there is somebody. */
export class LineListeners {
  /** Replaced, never changed: a listener may leave while the others are being told. */
  #listeners: readonly { readonly listener: LineListener }[] = []

  get isEmpty(): boolean {
    return this.#listeners.length === 0
  }

  /** The same function may be added twice; each is removed for itself. */
  add(listener: LineListener): { remove: () => void } {
    const entry = { listener }
    this.#listeners = [...this.#listeners, entry]
    return {
      remove: () => {
        this.#listeners = this.#listeners.filter((other) => other !== entry)
      },
    }
  }

  /** Tells everybody everything, then throws the first error of a listener, if any. */
  tell(run: LineRun, source: LineSource): void {
    const failures: unknown[] = []
    for (const text of textsOf(run)) {
      const line = { at: source.at, worker: source.worker, stream: source.stream, line: text }
      for (const { listener } of this.#listeners) {
        try {
          listener(line)
        } catch (error) {
          if (failures.length === 0) failures.push(error)
        }
      }
    }
    if (failures.length > 0) throw failures[0]
  }
}

function textsOf({ bytes, part }: LineRun): string[] {
  let text = bytes.toString('utf8')
  if (text.includes('\r')) text = text.replaceAll('\r\n', '\n')
  if (text.endsWith('\n')) text = text.slice(0, -1)
  if (part === 'whole') return text.split('\n')
  return [`${part === 'first' ? '' : CONTINUED_MARK}${text}${part === 'last' ? '' : CONTINUES_MARK}`]
}
