import { ERRORS, type ErrorCode } from './table.ts'

/** What the words in braces of an error's sentence were filled in from. */
export type ErrorDetail = Readonly<Record<string, string | number>>

const BRAND: unique symbol = Symbol.for('holdfast.error')

/**
 * An error that a user can act on: code, one sentence, how to mend it. Everything else that is thrown is a bug.
 * @example
 * ```ts
 * import { createLogger, HoldfastError } from 'holdfast'
 *
 * try {
 *   createLogger({ to: 'shop.log', level: Number(process.env.LEVEL) })
 * } catch (error) {
 *   if (!(error instanceof HoldfastError)) throw error
 *   console.error(`${error.code}: ${error.message}\n  ${error.hint}`)
 * }
 * ```
 */
export class HoldfastError extends Error {
  /** The command line is several bundles, each with its own copy of this class: an error is known by its brand. */
  static override [Symbol.hasInstance](value: unknown): boolean {
    return typeof value === 'object' && value !== null && BRAND in value
  }

  readonly [BRAND] = true
  /** Does not change between versions. */
  readonly code: ErrorCode
  /** How to mend it. */
  readonly hint: string
  /** What the sentence was filled in from. */
  readonly detail: ErrorDetail
  /** Exit code of the command line. */
  readonly exit: number
  /** Status of the control API. */
  readonly http: number

  /** Made by Holdfast. */
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
