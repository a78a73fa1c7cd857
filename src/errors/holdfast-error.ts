import { ERRORS, type ErrorCode } from './table.ts'

export type ErrorDetail = Readonly<Record<string, string | number>>

const BRAND: unique symbol = Symbol.for('holdfast.error')

/** An error that a user can act on: code, one sentence, how to mend it. Everything else that is thrown is a bug. */
export class HoldfastError extends Error {
  /** The command line is several bundles, each with its own copy of this class: an error is known by its brand. */
  static override [Symbol.hasInstance](value: unknown): boolean {
    return typeof value === 'object' && value !== null && BRAND in value
  }

  readonly [BRAND] = true
  readonly code: ErrorCode
  readonly hint: string
  readonly detail: ErrorDetail
  /** Exit code of the command line, HTTP status of the control API. */
  readonly exit: number
  readonly http: number

  constructor(code: ErrorCode, detail: ErrorDetail = {}, options?: { cause?: unknown }) {
    const row = ERRORS[code]
    super(fill(row.message, detail), options)
    this.name = 'HoldfastError'
    this.code = code
    this.hint = fill(row.hint, detail)
    this.detail = detail
    this.exit = row.exit
    this.http = row.http
  }
}

function fill(template: string, detail: ErrorDetail): string {
  return template.replace(/\{(\w+)(?::(\w+))?\}/g, (whole, key: string, noun: string | undefined) => {
    if (!(key in detail)) return whole
    const value = String(detail[key])
    return noun === undefined ? value : `${value} ${noun}${value === '1' ? '' : 's'}`
  })
}
