// `${NAME}` and `${NAME:-default}` in the strings of a config; `$${` is a literal `${`.
import type { Issue } from './value-type.ts'
import { shorten, WrittenScalar } from './written-scalar.ts'

export type Environment = Readonly<Record<string, string | undefined>>

const DEEPEST = 64
// What a file may grow to by aliases; far more than any config has.
const MOST_VALUES = 1_000_000

/**
 * The tree with every variable replaced; what needs no change is shared with the old one. Unset variables are reported with
 * the place of each.
 */
export function substitute(tree: unknown, environment: Environment, report: (issue: Issue) => void): unknown {
  const path: (string | number)[] = []
  let values = 0
  return walk(tree)

  function walk(value: unknown): unknown {
    values++
    if (typeof value === 'string') return value.includes('${') ? replaceIn(value) : value
    if (typeof value !== 'object' || value === null || value instanceof WrittenScalar) return value
    if (values > MOST_VALUES || path.length > DEEPEST) return refuse()
    return Array.isArray(value) ? walkList(value) : walkObject(value as Readonly<Record<string, unknown>>)
  }

  function walkList(list: readonly unknown[]): readonly unknown[] {
    let changed: unknown[] | null = null
    for (const [index, item] of list.entries()) {
      const replaced = below(index, item)
      if (replaced !== item) changed ??= [...list]
      if (changed !== null) changed[index] = replaced
    }
    return changed ?? list
  }

  function walkObject(object: Readonly<Record<string, unknown>>): Readonly<Record<string, unknown>> {
    let changed: Record<string, unknown> | null = null
    for (const key of Object.keys(object)) {
      const replaced = below(key, object[key])
      // Without a prototype: `__proto__` is then a key like any other.
      if (replaced !== object[key]) changed ??= Object.assign(Object.create(null), object) as Record<string, unknown>
      if (changed !== null) changed[key] = replaced
    }
    return changed ?? object
  }

  function below(key: string | number, value: unknown): unknown {
    path.push(key)
    const replaced = walk(value)
    path.pop()
    return replaced
  }

  function refuse(): null {
    const problem = values > MOST_VALUES ? `more than ${MOST_VALUES} values` : 'nested too deep'
    report({
      code: 'HF_CONFIG_SYNTAX',
      path: [...path],
      at: 'value',
      detail: { problem, mend: `A config has at most ${DEEPEST} levels.` },
    })
    return null
  }

  function replaceIn(text: string): unknown {
    const replaced = replaceVariables(text, environment, (issue) => report({ ...issue, path: [...path], at: 'value' }))
    return replaced === text ? text : asWritten(replaced)
  }
}

/** `instances: ${WORKERS}` wants a number, `env: { N: ${WORKERS} }` the text: keep both. */
function asWritten(text: string): unknown {
  if (/^-?(0|[1-9]\d*)(\.\d+)?$/.test(text)) return new WrittenScalar(text, Number(text), true)
  if (text === 'true' || text === 'false') return new WrittenScalar(text, text === 'true', true)
  return text
}

const REFERENCE = /\$\$\{|\$\{([^}]*)(\}?)/g

function replaceVariables(
  text: string,
  environment: Environment,
  report: (issue: Omit<Issue, 'path' | 'at'>) => void,
): string {
  return text.replace(REFERENCE, (whole, inner: string | undefined, closing: string) => {
    if (inner === undefined) return '${'
    const complain = (problem: string, mend: string) => {
      report({ code: 'HF_CONFIG_VARIABLE', detail: { problem, mend }, part: whole })
      return whole
    }
    if (closing === '') return complain('"${" without a closing brace', LITERAL)
    const match = /^([A-Za-z_][A-Za-z0-9_]*)(?::-([\s\S]*))?$/.exec(inner)
    if (match === null)
      return complain(`"${shorten(whole)}" is not a variable`, `Write \${NAME} or \${NAME:-default}. ${LITERAL}`)
    const [, name = '', fallback] = match
    if (fallback?.includes('${')) return complain('a default can not contain a variable', 'Write the default out.')
    const value = Object.hasOwn(environment, name) ? environment[name] : undefined
    // As in a shell: with `:-` an empty variable counts as unset.
    if (fallback !== undefined) return value === undefined || value === '' ? fallback : value
    return value ?? complain(`environment variable ${name} is not set`, `Set it, or give a default: \${${name}:-value}`)
  })
}

const LITERAL = 'For a literal ${ write $${.'
