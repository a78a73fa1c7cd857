import { inYaml } from '../in-yaml.ts'
import { mergeSparse, readTable } from '../read-table.ts'
import { ComputedDefault, type Setting, type SettingTable, type Sparse, type Written } from '../setting.ts'
import {
  type JsonSchema,
  type Path,
  type ReadContext,
  type Refusal,
  reportRefusal,
  type ValueType,
  wrongType,
} from '../value-type.ts'
import { isObject, plainValue } from '../written-scalar.ts'

/** How to write what was given as something else than an object; null: no idea. @param key under which it stands. */
type Instead = (raw: unknown, key: string) => string | null

/**
 * An object with the keys of a settings table. `key:` with nothing after it is an empty one. `layered` objects are joined with
 * `defaults` before anybody can say that a required key is missing.
 */
export function objectOf<T extends SettingTable>(
  table: T,
  { layered = false, instead }: { readonly layered?: boolean; readonly instead?: Instead } = {},
): ValueType<Sparse<T>, Written<T>> {
  return {
    name: 'object',
    get schema() {
      return tableSchema(table, layered)
    },
    table,
    read(raw, path, context) {
      const given = plainValue(raw) === null ? {} : raw
      if (!isObject(given)) {
        const key = String(path.at(-1) ?? '')
        reportRefusal(wrongType('an object', raw, instead?.(raw, key) ?? someKeys(table)), path, context)
        return undefined
      }
      if (!layered && reportMissing(table, given, path, context)) return undefined
      return readTable(table, given, path, context)
    },
    merge: (lower, upper) => mergeSparse(table, lower as Sparse<T>, upper as Sparse<T>),
  }
}

function someKeys(table: SettingTable): string {
  const keys = Object.keys(table).filter((key) => table[key]?.laterEngine === undefined)
  const shown = keys.slice(0, 6).map((key) => `${key}: …`)
  return `Write { ${shown.join(', ')}${keys.length > shown.length ? ', …' : ''} }; no key is a must.`
}

function reportMissing(
  table: SettingTable,
  given: Readonly<Record<string, unknown>>,
  path: Path,
  context: ReadContext,
): boolean {
  const missing = Object.keys(table).filter((key) => table[key]?.required && !Object.hasOwn(given, key))
  for (const key of missing) {
    context.report({
      code: 'HF_CONFIG_MISSING',
      path: [...path, key],
      at: 'key',
      detail: { key, mend: `Add it. ${table[key]?.doc ?? ''}` },
    })
  }
  return missing.length > 0
}

function tableSchema(table: SettingTable, layered: boolean): JsonSchema {
  const rows = Object.entries(table)
  const required = layered ? [] : rows.filter(([, row]) => row.required).map(([key]) => key)
  return {
    type: 'object',
    properties: Object.fromEntries(rows.map(([key, row]) => [key, settingSchema(row)])),
    ...(required.length > 0 ? { required } : {}),
    additionalProperties: false,
  }
}

/** The schema itself, or a reference to where it stands. */
function referTo({ definition, schema }: ValueType<unknown>): JsonSchema {
  return definition === undefined ? schema : { $ref: `#/definitions/${definition}` }
}

function settingSchema(setting: Setting): JsonSchema {
  const notYet = setting.laterEngine ? 'Not available yet. ' : ''
  const isLiteral = setting.default !== undefined && !(setting.default instanceof ComputedDefault)
  return {
    ...(setting.type.definition === undefined ? setting.type.schema : { allOf: [referTo(setting.type)] }),
    description: `${notYet}${setting.doc}`,
    ...(isLiteral ? { default: setting.default } : {}),
  }
}

/** What keys a record may have, and what its entries are called. */
export interface KeyRule {
  readonly check: (key: string) => Refusal | null
  readonly schema: JsonSchema
}

/** An object whose keys are names chosen by the user. Joined name by name. */
export function recordOf<Out, In>(
  keys: KeyRule,
  element: ValueType<Out, In>,
  instead: Instead = () => null,
): ValueType<Readonly<Record<string, Out>>, Readonly<Record<string, In>>> {
  return {
    name: `name: ${element.name}`,
    get schema() {
      return { type: 'object', propertyNames: keys.schema, additionalProperties: referTo(element) }
    },
    element,
    read(raw, path, context) {
      if (plainValue(raw) === null) return {}
      if (isObject(raw)) return readEntries(raw, path, context)
      const key = String(path.at(-1) ?? '')
      reportRefusal(wrongType('an object', raw, instead(raw, key) ?? `Write ${key}: { NAME: … }.`), path, context)
      return undefined
    },
    merge: (lower, upper) => ({ ...(lower as Record<string, Out>), ...(upper as Record<string, Out>) }),
  }

  function readEntries(raw: Readonly<Record<string, unknown>>, path: Path, context: ReadContext) {
    const entries: [string, Out][] = []
    for (const key of Object.keys(raw)) {
      const refusal = keys.check(key)
      if (refusal !== null) reportRefusal(refusal, [...path, key], context, 'key')
      const value = element.read(raw[key], [...path, key], context)
      if (value !== undefined && refusal === null) entries.push([key, value])
    }
    // Not by assignment: a key named __proto__ would change the object instead of becoming part of it.
    return Object.fromEntries(entries)
  }
}

/** A list; nothing after the key is an empty one. Replaced as a whole. */
export function listOf<Out, In>(
  element: ValueType<Out, In>,
  instead: Instead = () => null,
): ValueType<readonly Out[], readonly In[]> {
  return {
    name: `list of ${element.name}`,
    get schema() {
      return { type: 'array', items: element.schema }
    },
    element,
    read(raw, path, context) {
      if (plainValue(raw) === null) return []
      if (!Array.isArray(raw)) {
        const key = String(path.at(-1) ?? '')
        reportRefusal(wrongType('a list', raw, instead(raw, key) ?? `Write ${key}: [${inYaml(raw)}].`), path, context)
        return undefined
      }
      return raw
        .map((item, index) => element.read(item, [...path, index], context))
        .filter((item) => item !== undefined)
    },
  }
}

/** One element or a list of them. */
export function oneOrMore<Out, In>(element: ValueType<Out, In>): ValueType<readonly Out[], In | readonly In[]> {
  const list = listOf(element)
  return {
    ...list,
    name: `${element.name} or list`,
    get schema() {
      return { anyOf: [element.schema, list.schema] }
    },
    read(raw, path, context) {
      if (Array.isArray(raw) || plainValue(raw) === null) return list.read(raw, path, context)
      const value = element.read(raw, path, context)
      return value === undefined ? undefined : [value]
    },
  }
}

/** Turns what a type read into something else; the function may refuse. */
export function mapped<A, B, In>(type: ValueType<A, In>, map: (value: A) => B): ValueType<B, In> {
  const { merge: _, ...rest } = type
  return {
    ...rest,
    get schema() {
      return type.schema
    },
    read(raw, path, context) {
      const value = type.read(raw, path, context)
      return value === undefined ? undefined : map(value)
    },
  }
}
