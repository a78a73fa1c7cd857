import { describe, expect, it } from 'vitest'
import { requireHandable } from '../../src/server/worker-config.ts'

const problemsOf = (config: unknown, type?: 'embedded'): string => {
  try {
    requireHandable(config, 'shop', type)
    return ''
  } catch (error) {
    return String((error as { detail: { problems: string } }).detail.problems)
  }
}

describe('a configuration for workers', () => {
  it('is plain data of a size that fits into an environment and a pipe', () => {
    for (const config of [undefined, null, { a: [1, 'x'] }, 'x'.repeat(48 * 1024 - 2)])
      expect(problemsOf(config)).toBe('')
  })

  it('says what is wrong, and how to mend it', () => {
    const circle: Record<string, unknown> = {}
    circle.self = circle
    expect(problemsOf(circle)).toMatch(/config: what it returned can not be written as JSON: .*circular/)
    expect(problemsOf({ count: 1n })).toMatch(/BigInt/)
    expect(problemsOf('x'.repeat(48 * 1024))).toMatch(/is 49 KB as JSON, and at most 48 KB/)
  })

  it('is whatever the program likes where the worker is in the server', () => {
    expect(problemsOf({ count: 1n }, 'embedded')).toBe('')
  })
})
