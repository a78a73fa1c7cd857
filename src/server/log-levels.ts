// The levels of the logger: names, numbers as Ruby's Logger (and so ServerEngine) counts them, and those of syslog.
import { suggestion } from '../config/did-you-mean.ts'
import { HoldfastError } from '../errors/holdfast-error.ts'

const NUMBERS = { trace: -1, debug: 0, info: 1, warn: 2, error: 3, fatal: 4 } as const

/** From `trace`, `debug`, `info`, of least interest, to `warn`, `error` and `fatal`. */
export type LogLevel = keyof typeof NUMBERS

const SYSLOG = { notice: 'info', crit: 'fatal', alert: 'fatal', emerg: 'fatal' } as const

/** A name, `notice crit alert emerg` among them, or a number from -1 (trace) to 4 (fatal). */
export type LogLevelChoice = LogLevel | keyof typeof SYSLOG | number

const NAMES = Object.keys(NUMBERS) as readonly LogLevel[]

/** @throws HoldfastError */
export function readLogLevel(choice: LogLevelChoice): LogLevel {
  const text = String(choice).toLowerCase()
  const name = NAMES.find((known) => known === text || String(NUMBERS[known]) === text)
  if (name !== undefined) return name
  if (Object.hasOwn(SYSLOG, text)) return SYSLOG[text as keyof typeof SYSLOG]
  throw new HoldfastError('HF_CONFIG_VALUE', {
    problem: `unknown log level "${String(choice)}"`,
    mend: `${suggestion(text, [...NAMES, ...Object.keys(SYSLOG)], 'level')} Numbers go from -1 (trace) to 4 (fatal).`,
  })
}

/** A line of this level is written where this is the lowest that is. */
export function isAtLeast(level: LogLevel, lowest: LogLevel): boolean {
  return NUMBERS[level] >= NUMBERS[lowest]
}
