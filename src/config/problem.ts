import { HoldfastError } from '../errors/holdfast-error.ts'
import type { ErrorCode } from '../errors/table.ts'
import type { Path } from './value-type.ts'
import { shorten } from './written-scalar.ts'

/** One thing that is wrong with a config, and where. */
export interface Problem {
  /** Absolute path of the file. */
  readonly file: string
  /** From 1. Both are 1 where no position is known (a value that a module computed). */
  readonly line: number
  /** From 1, in UTF-16 code units. */
  readonly column: number
  /** `services.web.command`, `services.web.stop.signals[1]`; empty for the file as a whole. */
  readonly path: string
  /** One of docs/reference/errors.md. */
  readonly code: ErrorCode
  /** One sentence. */
  readonly message: string
  /** How to mend it. */
  readonly hint: string
  /** The line of the file, a window of it if it is long; empty where no position is known. */
  readonly excerpt: string
  /** Goes below `excerpt`: blanks, then `^^^^`. */
  readonly caret: string
}

/** One thing that is wrong with the options of a program. */
export type OptionProblem = Pick<Problem, 'path' | 'message' | 'hint'>

/** A place in a text; `length` is what the caret underlines. */
export interface Spot {
  readonly line: number
  readonly column: number
  readonly length: number
  readonly lineText: string
}

/** A circle may go through ten thousand services. */
const LONGEST_TEXT = 1000

export function problemOf(
  file: string,
  path: Path,
  issue: { code: ErrorCode; detail: HoldfastError['detail'] },
  spot: Spot | null,
): Problem {
  const { message, hint } = new HoldfastError(issue.code, issue.detail)
  const shown = spot === null ? { excerpt: '', caret: '' } : excerptOf(spot)
  return {
    file,
    line: spot?.line ?? 1,
    column: spot?.column ?? 1,
    path: formatPath(path),
    code: issue.code,
    message: shorten(message, LONGEST_TEXT),
    hint: shorten(hint, LONGEST_TEXT),
    ...shown,
  }
}

function formatPath(path: Path): string {
  return path.reduce<string>((text, key) => {
    if (typeof key === 'number') return `${text}[${key}]`
    return text === '' ? shorten(key, 100) : `${text}.${shorten(key, 100)}`
  }, '')
}

const WIDTH = 120

/** The line, or 120 characters of it around the spot: a JSON file may be one line of a megabyte. */
function excerptOf({ lineText, column, length }: Spot): { excerpt: string; caret: string } {
  const start = lineText.length <= WIDTH ? 0 : Math.max(0, column - 1 - WIDTH / 3)
  const isCut = start + WIDTH < lineText.length
  const window = lineText.slice(start, start + WIDTH)
  const before = start > 0 ? '…' : ''
  const indent = before + window.slice(0, Math.max(0, column - 1 - start))
  const carets = Math.max(1, Math.min(length, window.length - (indent.length - before.length)))
  // Tabs stay, so that the caret stands below its place whatever their width.
  return {
    excerpt: printable(`${before}${window}${isCut ? '…' : ''}`),
    caret: indent.replace(/[^\t]/g, ' ') + '^'.repeat(carets),
  }
}

/** A config must not be able to drive the terminal. */
export function printable(text: string): string {
  return text.replace(/[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]/g, '�')
}
