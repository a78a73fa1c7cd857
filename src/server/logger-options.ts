// What somebody may have written in place of the options of a log.
import { suggestion } from '../config/did-you-mean.ts'
import { describeValue } from '../config/written-scalar.ts'
import { HoldfastError } from '../errors/holdfast-error.ts'
import type { LoggerOptions } from './logger.ts'

interface Rule {
  readonly expected: string
  readonly mend: string
  readonly takes: (value: unknown) => boolean
}

const RULES: Readonly<Record<Exclude<keyof LoggerOptions, 'level'>, Rule>> = {
  to: {
    expected: "the path of a file, 'stdout' or 'stderr'",
    mend: "Write createLogger({ to: 'shop.log' }).",
    takes: (value) => typeof value === 'string' && value !== '' && !value.includes('\0'),
  },
  maxSize: {
    expected: 'a number of bytes above 0',
    mend: 'Write 10 * 1024 * 1024, or Infinity for never.',
    takes: (value) => typeof value === 'number' && value >= 1,
  },
  keep: {
    expected: 'a number of files from 0',
    mend: 'Write 5.',
    takes: (value) => Number.isSafeInteger(value) && Number(value) >= 0,
  },
  mode: {
    expected: 'permission bits',
    mend: 'Write 0o640.',
    takes: (value) => Number.isInteger(value) && Number(value) >= 0 && Number(value) <= 0o777,
  },
  onTrouble: {
    expected: 'a function',
    mend: 'Write onTrouble: (error) => { … }.',
    takes: (value) => typeof value === 'function',
  },
}

/** @throws HoldfastError HF_CONFIG_VALUE */
export function requireLoggerOptions(options: unknown): void {
  if (typeof options !== 'object' || options === null) throw wrong('createLogger', 'an object', options, RULES.to.mend)
  const given: Readonly<Record<string, unknown>> = { to: undefined, ...options }
  for (const [key, value] of Object.entries(given)) {
    const rule = Object.hasOwn(RULES, key) ? RULES[key as keyof typeof RULES] : null
    if (rule === null && key !== 'level') throw unknownKey(key)
    if (rule === null || (value === undefined && key !== 'to') || rule.takes(value)) continue
    throw wrong(`createLogger: ${key}`, rule.expected, value, rule.mend)
  }
}

function wrong(what: string, expected: string, value: unknown, mend: string): HoldfastError {
  const problem = `${what}: expected ${expected}, found ${describeValue(value)}`
  return new HoldfastError('HF_CONFIG_VALUE', { problem, mend })
}

function unknownKey(key: string): HoldfastError {
  const problem = `createLogger: there is no option "${key}"`
  return new HoldfastError('HF_CONFIG_VALUE', {
    problem,
    mend: suggestion(key, [...Object.keys(RULES), 'level'], 'option'),
  })
}
