import { expect, test } from 'vitest'
import { randomBytes } from '../../src/os/random-bytes.ts'

test('as many as asked for, others each time', () => {
  expect(randomBytes(16)).toHaveLength(16)
  const seen = new Set(Array.from({ length: 1_000 }, () => randomBytes(8).toString('hex')))
  expect(seen.size).toBe(1_000)
})
