import { scalar, type ValueType, wrongType, wrongValue } from '../value-type.ts'
import { shorten, writtenText } from '../written-scalar.ts'

const HINT = "Write it in octal, as text: '0660'."

/**
 * Permission bits, `0660` in YAML or `"0660"` in JSON. A plain number is refused: 432 in JSON and 0o660 in a module are the
 * same value, 660 is another, and nobody can tell which was meant.
 */
export const permissionBits: ValueType<number, string> = scalar(
  'octal',
  {
    anyOf: [
      { type: 'string', pattern: '^(0o?)?[0-7]{1,4}$|\\$\\{' },
      { type: 'integer', description: 'with a leading zero, as 0660' },
    ],
  },
  (raw) => {
    const text = writtenText(raw)
    if (text === null || typeof raw === 'boolean') return wrongType('permission bits', raw, HINT)
    const isPlainNumber = typeof raw === 'number' && raw !== 0
    const digits = /^(?:0o?)?([0-7]{1,4})$/.exec(text)?.[1]
    const bits = digits === undefined ? Number.NaN : Number.parseInt(digits, 8)
    if (isPlainNumber) return wrongValue(`${text} is not written in octal`, `${HINT} A plain number is ambiguous.`)
    return bits <= 0o777
      ? bits
      : wrongValue(`"${shorten(text)}" is not a set of permission bits`, `${HINT} From 0000 to 0777.`)
  },
)

/** `0660` */
export function formatPermissionBits(bits: number): string {
  return `0${bits.toString(8).padStart(3, '0')}`
}
