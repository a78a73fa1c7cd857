import { createHash } from 'node:crypto'
import { expect, test } from 'vitest'
import { sha256 } from '../../src/config/sha256.ts'

const byNode = (text: string) => createHash('sha256').update(text).digest('hex')

test('is the SHA-256 of the published examples', () => {
  expect(sha256('')).toBe('e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855')
  expect(sha256('abc')).toBe('ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad')
})

test('agrees with node:crypto at every length around the block boundaries, and with characters of several bytes', () => {
  for (let length = 0; length < 200; length++) {
    const text = `/srv/ä${'x'.repeat(length)}`
    expect(sha256(text)).toBe(byNode(text))
  }
})
