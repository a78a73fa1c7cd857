import { resolve } from 'node:path'
import { nearestName } from '../did-you-mean.ts'
import { type JsonSchema, Refusal, scalar, type ValueType, wrongType, wrongValue } from '../value-type.ts'
import { describeValue, plainValue, shorten, textOf, writtenText } from '../written-scalar.ts'

/** In an editor's eyes a `${VARIABLE}` may stand where a number or a word is wanted. */
export function orVariable(schema: JsonSchema): JsonSchema {
  return { anyOf: [schema, { type: 'string', pattern: '\\$\\{' }] }
}

/** Text without NUL, which neither a path nor an argument nor the environment can carry. */
export function readText(raw: unknown, expected = 'text', mend = inQuotes(raw)): string | Refusal {
  const text = textOf(raw)
  if (text === null) return wrongType(expected, raw, mend)
  if (text.includes('\0')) return wrongValue('it contains a NUL character', 'Remove it.')
  return text
}

/** What YAML takes for a number, a truth or nothing is text in quotes. */
function inQuotes(raw: unknown): string {
  const written = writtenText(raw)
  if (written !== null) return `Write it in quotes: ${JSON.stringify(shorten(written))}.`
  return plainValue(raw) === null ? '' : 'Write it as one text.'
}

function readFilledText(raw: unknown, expected = 'text', mend = inQuotes(raw)): string | Refusal {
  const value = readText(raw, expected, mend)
  return value === '' ? wrongValue('it is empty', 'Give it a value or leave the key out.') : value
}

export const text: ValueType<string, string> = scalar('text', { type: 'string' }, (raw) => readText(raw))

export const filledText: ValueType<string, string> = scalar('text', { type: 'string', minLength: 1 }, (raw) =>
  readFilledText(raw),
)

/** Any scalar as it was written, so that `PORT: 8080` and `VERSION: 1.10` arrive unchanged. */
export const anyScalar: ValueType<string, string | number | boolean> = scalar(
  'text or number',
  { type: ['string', 'number', 'boolean'] },
  (raw) => {
    const written = writtenText(raw)
    if (written === null)
      return wrongType(
        'text or a number',
        raw,
        plainValue(raw) === null
          ? "Write '' for an empty value."
          : 'Write one text; a list or an object can not be handed to a program.',
      )
    return readText(written)
  },
)

export const boolean: ValueType<boolean, boolean> = scalar('true or false', orVariable({ type: 'boolean' }), (raw) => {
  const value = plainValue(raw)
  return typeof value === 'boolean' ? value : wrongType('true or false', raw, truthHint(raw))
})

/** Since YAML 1.2 `yes` and `on` are texts. */
function truthHint(raw: unknown): string {
  const text = (textOf(raw) ?? '').toLowerCase()
  if (/^(true|yes|on|y|1)$/.test(text)) return 'Write true, without quotes.'
  return /^(false|no|off|n|0)$/.test(text) ? 'Write false, without quotes.' : 'Write true or false.'
}

interface Range {
  readonly min: number
  readonly max?: number
}

export function integer({ min, max }: Range): ValueType<number, number> {
  const schema = orVariable({ type: 'integer', minimum: min, ...(max === undefined ? {} : { maximum: max }) })
  return scalar('whole number', schema, (raw) => {
    const value = plainValue(raw)
    if (typeof value !== 'number') return wrongType('a whole number', raw, numberHint(raw, { min, max }))
    if (!Number.isSafeInteger(value))
      return wrongValue(`${describeValue(raw)} is not a whole number`, rangeHint({ min, max }))
    return inRange(value, { min, max })
  })
}

export function decimal({ min, max }: Range): ValueType<number, number> {
  const schema = orVariable({ type: 'number', minimum: min, ...(max === undefined ? {} : { maximum: max }) })
  return scalar('number', schema, (raw) => {
    const value = plainValue(raw)
    return typeof value === 'number' && Number.isFinite(value)
      ? inRange(value, { min, max })
      : wrongType('a number', raw, numberHint(raw, { min, max }))
  })
}

function inRange(value: number, range: { min: number; max: number | undefined }): number | Refusal {
  if (value >= range.min && (range.max === undefined || value <= range.max)) return value
  return wrongValue(`${value} is out of range`, rangeHint(range))
}

/** `"4"` in quotes, `64k` with a unit */
function numberHint(raw: unknown, range: { min: number; max: number | undefined }): string {
  const [, digits, unit] = /^\s*(\d{1,12})\s*([kmg]?)i?b?\s*$/i.exec(textOf(raw) ?? '') ?? []
  if (digits === undefined) return rangeHint(range)
  const power = ['', 'k', 'm', 'g'].indexOf((unit ?? '').toLowerCase())
  return power === 0
    ? `Write it without quotes: ${digits}.`
    : `Write the number out: ${Number(digits) * 1024 ** power}.`
}

function rangeHint({ min, max }: { min: number; max: number | undefined }): string {
  return max === undefined ? `It must be ${min} or more.` : `It must be from ${min} to ${max}.`
}

/** One of a few words. */
export function oneOf<const W extends string>(words: readonly W[], meaning = ''): ValueType<W, W> {
  const name = words.map((word) => `\`${word}\``).join(', ')
  return scalar(name, orVariable({ enum: words }), (raw) => {
    const given = textOf(raw)
    const found = words.find((word) => word === given)
    if (found !== undefined) return found
    const near = given === null ? null : nearestName(given, words)
    return wrongType(
      `one of ${words.join(', ')}`,
      raw,
      near === null ? meaning || `Write ${words.join(' or ')}.` : `Did you mean "${near}"?`,
    )
  })
}

/** Adds words with a meaning of their own: `withWords(duration, { off: null })`. */
export function withWords<Out, In, const W extends Readonly<Record<string, unknown>>>(
  type: ValueType<Out, In>,
  words: W,
): ValueType<Out | W[keyof W], In | (keyof W & string)> {
  const names = Object.keys(words)
  return {
    ...type,
    name: `${type.name}, ${names.map((word) => `\`${word}\``).join(', ')}`,
    schema: { anyOf: [{ enum: names }, type.schema] },
    read(raw, path, context) {
      const given = textOf(raw)
      if (given !== null && Object.hasOwn(words, given)) return words[given] as W[keyof W]
      return type.read(raw, path, context)
    },
  }
}

/** `null` in the file is kept as null: it undoes what `defaults` say. */
export function nullable<Out, In>(type: ValueType<Out, In>): ValueType<Out | null, In | null> {
  return {
    ...type,
    schema: { anyOf: [{ type: 'null' }, type.schema] },
    read: (raw, path, context) => (plainValue(raw) === null ? null : type.read(raw, path, context)),
  }
}

/** A path; relative ones are taken from the config file's directory. */
export const path: ValueType<string, string> = scalar('path', { type: 'string', minLength: 1 }, (raw, context) => {
  const value = readFilledText(raw, 'a path')
  if (value instanceof Refusal) return value
  return resolve(context.directory, value)
})

/** A user or group, by name or number. */
export const account: ValueType<string, string | number> = scalar(
  'name or number',
  {
    anyOf: [
      { type: 'string', minLength: 1 },
      { type: 'integer', minimum: 0 },
    ],
  },
  (raw) => {
    const value = plainValue(raw)
    if (typeof value === 'number') {
      return Number.isSafeInteger(value) && value >= 0
        ? String(value)
        : wrongValue(`${value} is not a user or group number`, 'It must be 0 or more.')
    }
    const name = readFilledText(raw, 'a name or a number', 'Give one name or one number.')
    if (typeof name === 'string' && /[\s:,/]/.test(name)) {
      return wrongValue(`"${shorten(name)}" is not a user or group name`, 'Give one name or one number.')
    }
    return name
  },
)

/** Checked when its engine is built; until then anything goes. */
export const anything: ValueType<{ readonly given: true }, unknown> = scalar(
  'see its own page',
  {},
  () => ({ given: true }) as const,
)
