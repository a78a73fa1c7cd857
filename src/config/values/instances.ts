import { type Refusal, scalar, type ValueType, wrongType, wrongValue } from '../value-type.ts'
import { describeValue, plainValue, textOf } from '../written-scalar.ts'

const MOST = 10_000
const HINT = `Write a whole number from 0 to ${MOST}, cpus, or cpus-1.`

/** Number of workers: a number, `cpus`, or `cpus-1` (never below 1). */
export const instances: ValueType<number, number | string> = scalar(
  'whole number, `cpus` or `cpus-1`',
  {
    anyOf: [
      { type: 'integer', minimum: 0, maximum: MOST },
      { type: 'string', pattern: '^cpus(-[0-9]+)?$|\\$\\{' },
    ],
  },
  (raw, { cpus }): number | Refusal => {
    const value = plainValue(raw)
    if (typeof value === 'number') {
      const isFine = Number.isSafeInteger(value) && value >= 0 && value <= MOST
      return isFine ? value : wrongValue(`${describeValue(raw)} can not be a number of workers`, HINT)
    }
    const text = textOf(raw) ?? ''
    const match = /^cpus(?:-(\d{1,4}))?$/.exec(text)
    const mend = /^(auto|max|all)$/i.test(text) ? `One for each processor is cpus. ${HINT}` : HINT
    return match === null
      ? wrongType('a number of workers', raw, /^\d+$/.test(text) ? `Write it without quotes: ${text}.` : mend)
      : Math.max(1, cpus - Number(match[1] ?? 0))
  },
)
