// Progress of an operation on stderr: on a terminal one line that changes, else a line for each step.
import type { Progress } from '../supervisor/engine-api.ts'
import type { Context } from './context.ts'

export interface ProgressView {
  show(progress: Progress): void
  /** Takes the changing line away. */
  close(): void
}

const ERASE_LINE = '\r\u001b[K'
/** More often is not seen, and a thousand services take a thousand steps. */
const REDRAW = 50

export function progressView({ command, err }: Context): ProgressView {
  const silent = command.global.quiet || command.global.json
  if (silent) return { show() {}, close() {} }
  if (!err.isTty) return { show: (progress) => err.write(`${progress.message}\n`), close() {} }
  return changingLine((text) => err.write(text), err.columns)
}

function changingLine(write: (text: string) => void, columns: number): ProgressView {
  const services = new Map<string, Progress>()
  let drawn = 0
  let shown = false
  return {
    show(progress) {
      services.set(progress.service, progress)
      const now = Date.now()
      if (shown && now - drawn < REDRAW) return
      drawn = now
      shown = true
      write(`${ERASE_LINE}${lineFor(services, progress).slice(0, columns - 1)}`)
    },
    close() {
      if (shown) write(ERASE_LINE)
    },
  }
}

function lineFor(services: ReadonlyMap<string, Progress>, latest: Progress): string {
  let done = 0
  let total = 0
  for (const progress of services.values()) {
    done += progress.done ?? 0
    total += progress.total ?? 0
  }
  return total > 0 ? `${done}/${total}  ${latest.message}` : latest.message
}
