// The levels of a log, numbered as Ruby's Logger (and so ServerEngine) counts them.

const NUMBERS = { trace: -1, debug: 0, info: 1, warn: 2, error: 3, fatal: 4 } as const

/** From `trace`, `debug`, `info`, of least interest, to `warn`, `error` and `fatal`. */
export type LogLevel = keyof typeof NUMBERS

/** From the lowest to the highest. */
export const LOG_LEVELS = Object.keys(NUMBERS) as readonly LogLevel[]

export const DEFAULT_LOG_LEVEL: LogLevel = 'debug'

/** `warn`, `WARN` or `2`; null: there is none of that name. */
export function parseLogLevel(text: string): LogLevel | null {
  const word = text.toLowerCase()
  return LOG_LEVELS.find((level) => level === word || String(NUMBERS[level]) === word) ?? null
}

/** A line of this level is written where this is the lowest that is. */
export function isAtLeast(level: LogLevel, lowest: LogLevel): boolean {
  return NUMBERS[level] >= NUMBERS[lowest]
}
