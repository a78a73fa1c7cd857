import { describe, expect, test } from 'vitest'
import { VERBS } from '../../src/cli/verb-table.ts'
import { HoldfastError } from '../../src/errors/holdfast-error.ts'
import { ERRORS, type ErrorCode, type ErrorRow } from '../../src/errors/table.ts'

const rows = Object.entries(ERRORS) as [ErrorCode, ErrorRow][]

describe('every error', () => {
  test.each(rows)('%s says what is wrong in one sentence, and how to mend it', (_code, { message, hint }) => {
    expect(message).toMatch(/^([a-z"]|\{)/)
    expect(message).not.toMatch(/\.$/)
    expect(hint).toMatch(/^([A-Z]|\{)/)
    expect(hint.length).toBeGreaterThan(5)
    expect(`${message} ${hint}`).not.toMatch(/\(s\)|\(es\)/)
  })

  test.each(rows)('%s names commands that there are', (_code, { hint }) => {
    const verbs = VERBS.filter(({ later }) => !later).map(({ name }) => name)
    for (const [, verb] of hint.matchAll(/holdfast ([a-z]+)/g)) expect(verbs).toContain(verb)
  })

  test('a row without placeholders of its own says in `about` when it occurs', () => {
    for (const [code, { message, about }] of rows)
      if (/^\{\w+\}$/.test(message)) expect([code, about]).not.toContain(undefined)
  })
})

test('a count and its noun agree', () => {
  expect(new HoldfastError('HF_CONFIG_INVALID', { count: 1, file: 'a' }).message).toBe('1 error in a')
  expect(new HoldfastError('HF_CONFIG_INVALID', { count: 2, file: 'a' }).message).toBe('2 errors in a')
})
