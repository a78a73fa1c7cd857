import { wrongValue } from '../value-type.ts'
import type { KeyRule } from '../values/collections.ts'
import { shorten } from '../written-scalar.ts'

/** Any name that the kernel carries; those that a shell would drop (`my.key`) arrive too. */
export const environmentKeys: KeyRule = {
  check(key) {
    if (key !== '' && !/[=\0]/.test(key)) return null
    return wrongValue(
      `"${shorten(key)}" can not be the name of an environment variable`,
      'A name is not empty and has no = in it.',
    )
  },
  schema: { pattern: '^[^=]+$' },
}
