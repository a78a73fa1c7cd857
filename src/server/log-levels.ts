// The levels that a program may name: ours, and those of syslog.
import { suggestion } from '../config/did-you-mean.ts'
import { HoldfastError } from '../errors/holdfast-error.ts'
import { LOG_LEVELS, type LogLevel, parseLogLevel } from '../wire/log-level.ts'

const SYSLOG = { notice: 'info', crit: 'fatal', alert: 'fatal', emerg: 'fatal' } as const

/** A name, `notice crit alert emerg` among them, or a number from -1 (trace) to 4 (fatal). */
export type LogLevelChoice = LogLevel | keyof typeof SYSLOG | number

/** @throws HoldfastError */
export function readLogLevel(choice: LogLevelChoice): LogLevel {
  const text = String(choice).toLowerCase()
  const level = parseLogLevel(text)
  if (level !== null) return level
  if (Object.hasOwn(SYSLOG, text)) return SYSLOG[text as keyof typeof SYSLOG]
  throw new HoldfastError('HF_CONFIG_VALUE', {
    problem: `unknown log level "${String(choice)}"`,
    mend: `${suggestion(text, [...LOG_LEVELS, ...Object.keys(SYSLOG)], 'level')} Numbers go from -1 (trace) to 4 (fatal).`,
  })
}
