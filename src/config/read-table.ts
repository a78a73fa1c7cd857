// Reads an object by its settings table: unknown keys, later keys, each value by its type; then merging and defaults.
import { type Complete, ComputedDefault, type Setting, type SettingTable, type Sparse } from './setting.ts'
import type { Path, ReadContext } from './value-type.ts'
import { isObject, plainValue, shorten } from './written-scalar.ts'

/** Reads what is given; a key whose value was refused is absent from the result. */
export function readTable<T extends SettingTable>(
  table: T,
  raw: Readonly<Record<string, unknown>>,
  path: Path,
  context: ReadContext,
): Sparse<T> {
  const given: Record<string, unknown> = {}
  for (const key of Object.keys(raw)) {
    const setting = Object.hasOwn(table, key) ? table[key] : undefined
    const at = [...path, key]
    if (setting === undefined) {
      reportUnknownKey(at, raw[key], table, context)
      continue
    }
    const value = setting.type.read(raw[key], at, context)
    if (setting.laterEngine && value !== undefined && !isWorkingNow(setting, raw[key])) {
      context.report({ code: 'HF_CONFIG_NOT_YET', path: at, at: 'key', detail: { key: notYetName(key, setting) } })
    }
    if (value !== undefined) given[key] = value
  }
  return given as Sparse<T>
}

function isWorkingNow(setting: Setting, raw: unknown): boolean {
  return setting.worksNow?.includes(plainValue(raw)) ?? false
}

function notYetName(key: string, setting: Setting): string {
  return setting.worksNow === undefined ? key : `${key} other than ${setting.worksNow.join(', ')}`
}

function reportUnknownKey(path: Path, raw: unknown, table: SettingTable, context: ReadContext): void {
  const { mend, meant } = context.adviseUnknownKey(path, raw, table)
  const issue = {
    code: 'HF_CONFIG_UNKNOWN_KEY',
    path,
    at: 'key',
    detail: { key: shorten(String(path.at(-1))), mend },
  } as const
  context.report(meant === undefined ? issue : { ...issue, meant: [...path.slice(0, -1), meant] })
}

/** Joins key by key; where a type cannot be joined, `upper` replaces `lower`. */
export function mergeSparse<T extends SettingTable>(table: T, lower: Sparse<T>, upper: Sparse<T>): Sparse<T> {
  const below: Readonly<Record<string, unknown>> = lower
  const above: Readonly<Record<string, unknown>> = upper
  const keys = Object.keys(above)
  // A thousand services mostly say little: share what is not changed.
  if (keys.length === 0) return lower
  if (isEmpty(below)) return upper
  const merged: Record<string, unknown> = { ...below }
  for (const key of keys) {
    const merge = table[key]?.type.merge
    merged[key] = merge && isObject(below[key]) && isObject(above[key]) ? merge(below[key], above[key]) : above[key]
  }
  return merged as Sparse<T>
}

function isEmpty(object: object): boolean {
  for (const _ in object) return false
  return true
}

const fixedDefaults = new WeakMap<SettingTable, Readonly<Record<string, unknown>>>()

/** Fills in the defaults that depend on nothing; computed ones stay absent. */
export function withDefaults<T extends SettingTable>(table: T, given: Sparse<T>): Complete<T> {
  let defaults = fixedDefaults.get(table)
  if (defaults === undefined) {
    defaults = readDefaults(table)
    fixedDefaults.set(table, defaults)
  }
  return mergeSparse(table, defaults as Sparse<T>, given) as unknown as Complete<T>
}

function readDefaults(table: SettingTable): Readonly<Record<string, unknown>> {
  const context: ReadContext = {
    directory: '/',
    cpus: 1,
    report(issue) {
      throw new Error(`bad default at ${issue.path.join('.')}: ${JSON.stringify(issue.detail)}`)
    },
    adviseUnknownKey: () => ({ mend: 'a default has keys of its table only (bug)' }),
    isTopKey: () => false,
  }
  const given = Object.entries(table).filter(
    ([, { default: value }]) => value !== undefined && !(value instanceof ComputedDefault),
  )
  return Object.fromEntries(given.map(([key, row]) => [key, row.type.read(row.default, [key], context)]))
}
