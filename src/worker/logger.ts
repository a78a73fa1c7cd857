import { DEFAULT_LOG_LEVEL, isAtLeast, type LogLevel } from '../wire/log-level.ts'
import { builtins } from './builtins.ts'
import type { WorkerLogger } from './worker.ts'

type TakeLine = (line: string) => void

/** The supervisor adds time, worker and stream to each line, so the line itself carries none. */
export class LineLogger implements WorkerLogger {
  level: LogLevel = DEFAULT_LOG_LEVEL
  readonly #out: TakeLine
  readonly #err: TakeLine

  constructor(out: TakeLine, err: TakeLine) {
    this.#out = out
    this.#err = err
  }

  isEnabled(level: LogLevel): boolean {
    return isAtLeast(level, this.level)
  }

  // Arrow functions: `const { info } = worker.logger` works.
  readonly trace = (...values: readonly unknown[]): void => this.#say('trace', values)
  readonly debug = (...values: readonly unknown[]): void => this.#say('debug', values)
  readonly info = (...values: readonly unknown[]): void => this.#say('info', values)
  readonly warn = (...values: readonly unknown[]): void => this.#say('warn', values)
  readonly error = (...values: readonly unknown[]): void => this.#say('error', values)
  readonly fatal = (...values: readonly unknown[]): void => this.#say('fatal', values)

  #say(level: LogLevel, values: readonly unknown[]): void {
    if (!this.isEnabled(level)) return
    const take = isAtLeast(level, 'warn') ? this.#err : this.#out
    take(`${builtins.util().format(...values)}\n`)
  }
}

export function createLogger(): WorkerLogger {
  return new LineLogger(
    (line) => process.stdout.write(line),
    (line) => process.stderr.write(line),
  )
}
