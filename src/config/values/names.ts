import { Refusal, scalar, type ValueType } from '../value-type.ts'
import { shorten } from '../written-scalar.ts'
import type { KeyRule } from './collections.ts'
import { orVariable, readText } from './scalars.ts'

const FORM = /^[A-Za-z][A-Za-z0-9_-]{0,62}$/
const HINT = 'A name is a letter, then letters, digits, _ or -, at most 63 in all.'

/** Names of services, sockets, supervisors, tags. */
function isName(text: string): boolean {
  return FORM.test(text)
}

export function checkName(name: string, what: string, reserved: readonly string[] = [], mend = HINT): Refusal | null {
  if (!isName(name)) {
    return new Refusal('HF_CONFIG_NAME', { problem: `"${shorten(name)}" is not a valid ${what} name`, mend })
  }
  if (reserved.includes(name)) {
    return new Refusal('HF_CONFIG_NAME', {
      problem: `"${name}" is reserved and can not be a ${what} name`,
      mend: 'Choose another name.',
    })
  }
  return null
}

/** Keys that are names; `all` addresses everything on the command line. */
export function nameKeys(what: string): KeyRule {
  return { check: (key) => checkName(key, what, ['all']), schema: { pattern: FORM.source, not: { const: 'all' } } }
}

/** A value that is a name. */
export function nameOf(
  what: string,
  reserved: readonly string[] = [],
  instead: (raw: unknown) => string | null = () => null,
): ValueType<string, string> {
  return scalar('name', orVariable({ type: 'string', pattern: FORM.source }), (raw) => {
    const mend = instead(raw) ?? HINT
    const text = readText(raw, 'a name', mend)
    return text instanceof Refusal ? text : (checkName(text, what, reserved, mend) ?? text)
  })
}
