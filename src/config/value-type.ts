// What a setting can be. A type reads a raw value (as it stands in the file), reports what is wrong with it and where, and
// knows its JSON Schema and its name for the reference page.
import type { ErrorDetail } from '../errors/holdfast-error.ts'
import type { ErrorCode } from '../errors/table.ts'
import type { SettingTable } from './setting.ts'
import { describeValue, plainValue } from './written-scalar.ts'

export type Path = readonly (string | number)[]
export type JsonSchema = Readonly<Record<string, unknown>>

/** Something wrong at a path of one file; `at` says whether the caret stands below the key or the value. */
export interface Issue {
  readonly code: ErrorCode
  readonly path: Path
  readonly at: 'key' | 'value'
  readonly detail: ErrorDetail
  /** A part of the value's text that the caret should point at. */
  readonly part?: string
  /** The key that was meant: that it is missing need not be told as well. */
  readonly meant?: Path
}

export interface UnknownKeyAdvice {
  readonly mend: string
  /** The key of the same object that was meant. */
  readonly meant?: string | undefined
}

export interface ReadContext {
  /** What relative paths are relative to: the directory of the main config file. */
  readonly directory: string
  /** For `instances: cpus`. */
  readonly cpus: number
  report(issue: Issue): void
  /** How to mend a key that `table` does not have. */
  adviseUnknownKey(path: Path, raw: unknown, table: SettingTable): UnknownKeyAdvice
  /** Whether a key belongs at the top of the file. */
  isTopKey(key: string): boolean
}

export interface ValueType<out Out, out In = unknown> {
  /** As it stands in the reference page and in "expected …". */
  readonly name: string
  /** What a bare number means: `seconds`, `bytes`. */
  readonly unit?: string
  readonly schema: JsonSchema
  /** Stands in the JSON Schema once, under this name. */
  readonly definition?: string
  /** Returns undefined when it has reported an issue. */
  read(raw: unknown, path: Path, context: ReadContext): Out | undefined
  /** Joins a value of `defaults` with one of a service; without it the latter replaces the former. */
  merge?(lower: unknown, upper: unknown): Out
  /** The keys of an object type. */
  readonly table?: SettingTable
  /** The type of a record's or list's elements. */
  readonly element?: ValueType<unknown>
  /** Never set; carries the type of what a user may write. */
  readonly input?: In
}

/** Why a scalar type does not take a value. */
export class Refusal {
  readonly code: ErrorCode
  readonly detail: ErrorDetail
  readonly part: string | undefined

  constructor(code: ErrorCode, detail: ErrorDetail, part?: string) {
    this.code = code
    this.detail = detail
    this.part = part
  }
}

export function wrongType(expected: string, raw: unknown, mend: string): Refusal {
  const isNothing = plainValue(raw) === null
  const found = describeValue(raw)
  return new Refusal('HF_CONFIG_TYPE', { expected, found, mend: isNothing ? `${NOTHING} ${mend}` : mend })
}

const NOTHING = 'Give it a value, or leave the key out.'

export function wrongValue(problem: string, mend: string, part?: string): Refusal {
  return new Refusal('HF_CONFIG_VALUE', { problem, mend }, part)
}

export function reportRefusal(refusal: Refusal, path: Path, context: ReadContext, at: 'key' | 'value' = 'value'): void {
  const { code, detail, part } = refusal
  context.report(part === undefined ? { code, path, at, detail } : { code, path, at, detail, part })
}

/** A type that looks at one value and has nothing below it. */
export function scalar<Out, In>(
  name: string,
  schema: JsonSchema,
  parse: (raw: unknown, context: ReadContext) => Out | Refusal,
  unit?: string,
): ValueType<Out, In> {
  const type: ValueType<Out, In> = {
    name,
    schema,
    read(raw, path, context) {
      const result = parse(raw, context)
      if (!(result instanceof Refusal)) return result
      reportRefusal(result, path, context)
      return undefined
    },
  }
  return unit === undefined ? type : { ...type, unit }
}
