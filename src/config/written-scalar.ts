/**
 * A scalar of which the written text matters beside its value: `0660` and `1.10` in YAML (the numbers 660 and 1.1), and
 * what a `${VARIABLE}` was replaced by, which may be meant as a number (`instances`) or as text (`env`).
 */
export class WrittenScalar {
  readonly text: string
  readonly value: unknown
  readonly fromVariable: boolean

  constructor(text: string, value: unknown, fromVariable: boolean) {
    this.text = text
    this.value = value
    this.fromVariable = fromVariable
  }
}

/** The value without its text. */
export function plainValue(raw: unknown): unknown {
  return raw instanceof WrittenScalar ? raw.value : raw
}

/** The text where text is wanted: strings, and what came from a variable; null for everything else. */
export function textOf(raw: unknown): string | null {
  if (typeof raw === 'string') return raw
  return raw instanceof WrittenScalar && raw.fromVariable ? raw.text : null
}

/** The text of any scalar, as it was written: for environment variables and arguments. */
export function writtenText(raw: unknown): string | null {
  if (raw instanceof WrittenScalar) return raw.value === null ? null : raw.text
  return typeof raw === 'string' || typeof raw === 'boolean' || Number.isFinite(raw) ? String(raw) : null
}

export function isObject(raw: unknown): raw is Readonly<Record<string, unknown>> {
  return typeof raw === 'object' && raw !== null && !Array.isArray(raw) && !(raw instanceof WrittenScalar)
}

/** Names what was found, for messages: `text "four"`, `number 3`, `a list`. */
export function describeValue(raw: unknown): string {
  const value = plainValue(raw)
  if (value === null || value === undefined) return 'nothing'
  if (Array.isArray(value)) return 'a list'
  if (typeof value === 'object') return 'an object'
  if (typeof value === 'string') return `text "${shorten(value)}"`
  if (typeof value === 'number') return `number ${raw instanceof WrittenScalar ? raw.text : value}`
  return String(value)
}

export function shorten(text: string, length = 60): string {
  return text.length <= length ? text : `${text.slice(0, length - 1)}…`
}
