import { scalar, type ValueType, wrongType, wrongValue } from '../value-type.ts'
import { plainValue, shorten, textOf } from '../written-scalar.ts'
import { orVariable } from './scalars.ts'

/** `64KB`, `10MB`, `1GB`, or a number of bytes. */
export type WrittenSize = string | number

const POWERS = ['', 'K', 'M', 'G', 'T']
const HINT = 'Write 64KB, 10MB or 1GB (1KB is 1024 bytes); a number without a unit is bytes.'
const FORM = /^(\d+|\d*\.\d+)\s?([KMGTkmgt]?)(i?[Bb])?$/

/** Bytes of `64KB`, `1.5GB`, `4096`; 1 KB is 1024 bytes. Null if it is no size. */
export function parseSize(text: string): number | null {
  const match = FORM.exec(text.trim())
  if (match === null) return null
  const bytes = Math.round(Number(match[1]) * 1024 ** POWERS.indexOf((match[2] ?? '').toUpperCase()))
  return Number.isSafeInteger(bytes) ? bytes : null
}

/** The shortest exact way to write it: `10MB`, `1025B`. */
export function formatSize(bytes: number): string {
  let power = 0
  let rest = bytes
  while (rest > 0 && rest % 1024 === 0 && power < POWERS.length - 1) {
    rest /= 1024
    power++
  }
  return `${rest}${POWERS[power]}B`
}

/** Bytes. */
export const size: ValueType<number, WrittenSize> = scalar(
  'size',
  orVariable({
    anyOf: [
      { type: 'integer', minimum: 0 },
      { type: 'string', pattern: FORM.source },
    ],
  }),
  (raw) => {
    const value = plainValue(raw)
    const text = typeof value === 'number' ? String(value) : textOf(raw)
    if (text === null) return wrongType('a size', raw, HINT)
    return parseSize(text) ?? wrongValue(`"${shorten(text)}" is not a size`, HINT)
  },
  'bytes',
)
