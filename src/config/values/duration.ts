import { type JsonSchema, Refusal, scalar, type ValueType, wrongType, wrongValue } from '../value-type.ts'
import { plainValue, shorten, textOf } from '../written-scalar.ts'
import { orVariable } from './scalars.ts'

/** `10s`, `500ms`, `1.5h`, or a number of seconds. */
export type WrittenDuration = string | number

const UNITS: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 }
// A hundred years: still exact in milliseconds, and added to any clock.
const LONGEST = 100 * 365 * 86_400_000
const HINT = 'Write 500ms, 10s, 5m, 2h or 1d; a number without a unit is seconds.'
const FORM = /^(\d+|\d*\.\d+)(ms|s|m|h|d)?$/

/** Milliseconds of `500ms`, `10s`, `1.5h`, `3` (seconds); null if it is no duration. */
export function parseDuration(text: string): number | null {
  const match = FORM.exec(text.trim())
  if (match === null) return null
  const millis = Math.round(Number(match[1]) * (UNITS[match[2] ?? 's'] ?? 1000))
  return millis <= LONGEST ? millis : null
}

/** The shortest exact way to write it: `90m`, `1500ms`, `0s`. */
export function formatDuration(millis: number): string {
  if (millis === 0) return '0s'
  const unit = ['d', 'h', 'm', 's'].find((name) => millis % (UNITS[name] ?? 1) === 0) ?? 'ms'
  return `${millis / (UNITS[unit] ?? 1)}${unit}`
}

function readDuration(raw: unknown): number | Refusal {
  const value = plainValue(raw)
  const text = typeof value === 'number' ? String(value) : textOf(raw)
  if (text === null) return wrongType('a duration', raw, HINT)
  const millis = parseDuration(text)
  return millis ?? wrongValue(`"${shorten(text)}" is not a duration`, HINT)
}

/** Milliseconds, 0 allowed. */
export const duration: ValueType<number, WrittenDuration> = scalar('duration', schemaFrom(0), readDuration, 'seconds')

/** Milliseconds, more than 0: deadlines and intervals, where 0 would be "at once, for ever". */
export const positiveDuration: ValueType<number, WrittenDuration> = scalar(
  'duration',
  schemaFrom(0),
  (raw) => {
    const millis = readDuration(raw)
    return millis === 0 ? wrongValue('it must be longer than 0', HINT) : millis
  },
  'seconds',
)

/** Milliseconds, `least` or more. @param why it may not be shorter, for the error. */
export function durationFrom(least: number, why: string): ValueType<number, WrittenDuration> {
  const shortest = formatDuration(least)
  const read = (raw: unknown) => {
    const millis = readDuration(raw)
    if (millis instanceof Refusal || millis >= least) return millis
    return wrongValue(`${formatDuration(millis)} is too short: ${why}`, `Write ${shortest} or longer.`)
  }
  return scalar(`duration from ${shortest}`, schemaFrom(least), read, 'seconds')
}

function schemaFrom(least: number): JsonSchema {
  const number = { type: 'number', minimum: least / 1000 }
  return orVariable({ anyOf: [number, { type: 'string', pattern: FORM.source }] })
}
