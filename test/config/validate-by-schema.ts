// As much of JSON Schema (draft 7) as our schema uses. An unknown keyword is an error: the check would be hollow.
type Schema = Readonly<Record<string, unknown>>

const ANNOTATIONS = new Set(['$schema', 'title', 'description', 'default', 'format'])

const KEYWORDS: Readonly<Record<string, (value: unknown, argument: never, schema: Schema) => boolean>> = {
  type: (value, names: string | string[]) => [names].flat().some((name) => isOfType(value, name)),
  enum: (value, words: unknown[]) => words.includes(value),
  const: (value, word: unknown) => value === word,
  anyOf: (value, schemas: Schema[]) => schemas.some((schema) => isValid(value, schema)),
  allOf: (value, schemas: Schema[]) => schemas.every((schema) => isValid(value, schema)),
  not: (value, schema: Schema) => !isValid(value, schema),
  minimum: (value, limit: number) => typeof value !== 'number' || value >= limit,
  maximum: (value, limit: number) => typeof value !== 'number' || value <= limit,
  minLength: (value, length: number) => typeof value !== 'string' || value.length >= length,
  pattern: (value, pattern: string) => typeof value !== 'string' || new RegExp(pattern).test(value),
  items: (value, schema: Schema) => !Array.isArray(value) || value.every((item) => isValid(item, schema)),
  minItems: (value, count: number) => !Array.isArray(value) || value.length >= count,
  required: (value, keys: string[]) => !isObject(value) || keys.every((key) => Object.hasOwn(value, key)),
  minProperties: (value, count: number) => !isObject(value) || Object.keys(value).length >= count,
  maxProperties: (value, count: number) => !isObject(value) || Object.keys(value).length <= count,
  propertyNames: (value, schema: Schema) => !isObject(value) || Object.keys(value).every((key) => isValid(key, schema)),
  properties: (value, schemas: Record<string, Schema>) =>
    !isObject(value) ||
    Object.entries(schemas).every(([key, schema]) => !Object.hasOwn(value, key) || isValid(value[key], schema)),
  patternProperties: (value, schemas: Record<string, Schema>) =>
    !isObject(value) ||
    Object.entries(schemas).every(([pattern, schema]) =>
      Object.entries(value).every(([key, inner]) => !new RegExp(pattern).test(key) || isValid(inner, schema)),
    ),
  additionalProperties: (value, rest: boolean | Schema, { properties = {}, patternProperties = {} }) => {
    if (!isObject(value)) return true
    const others = Object.keys(value).filter(
      (key) =>
        !Object.hasOwn(properties as object, key) &&
        !Object.keys(patternProperties as object).some((pattern) => new RegExp(pattern).test(key)),
    )
    return typeof rest === 'boolean' ? rest || others.length === 0 : others.every((key) => isValid(value[key], rest))
  },
}

/** The schema with its definitions put in where they are referred to; none of them is recursive. */
export function dereferenced({ definitions, ...schema }: Schema): Schema {
  const known = definitions as Readonly<Record<string, Schema>>
  const walk = (node: unknown): unknown => {
    if (Array.isArray(node)) return node.map(walk)
    if (!isObject(node)) return node
    const name = typeof node.$ref === 'string' ? node.$ref.replace('#/definitions/', '') : null
    if (name === null) return Object.fromEntries(Object.entries(node).map(([key, inner]) => [key, walk(inner)]))
    const target = known[name]
    if (target === undefined) throw new Error(`no definition ${name}`)
    return walk(target)
  }
  return walk(schema) as Schema
}

export function isValid(value: unknown, schema: Schema): boolean {
  return Object.entries(schema).every(([keyword, argument]) => {
    if (ANNOTATIONS.has(keyword)) return true
    const check = KEYWORDS[keyword]
    if (check === undefined) throw new Error(`unknown keyword ${keyword}`)
    return check(value, argument as never, schema)
  })
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function isOfType(value: unknown, name: string): boolean {
  if (name === 'null') return value === null
  if (name === 'array') return Array.isArray(value)
  if (name === 'object') return isObject(value)
  return name === 'integer' ? Number.isInteger(value) : typeof value === name
}
