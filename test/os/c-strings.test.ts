import fc from 'fast-check'
import { expect, test } from 'vitest'
import { CStringArray } from '../../src/os/c-strings.ts'
import { addressOf } from '../../src/os/libc.ts'

/** As C reads it: pointers up to the null one, each to a string that ends with a zero byte. */
function read(buffer: Buffer): string[] {
  const base = addressOf(buffer)
  const strings: string[] = []
  for (let at = 0; ; at += 8) {
    const pointer = buffer.readBigUInt64LE(at)
    if (pointer === 0n) return strings
    const start = Number(pointer - base)
    strings.push(buffer.toString('utf8', start, buffer.indexOf(0, start)))
  }
}

const text = fc.string({ unit: 'grapheme' }).map((string) => string.replaceAll('\0', '0'))
const base = fc.array(text, { maxLength: 40 })

test('whatever was in it before, and whatever it has in common with that', () => {
  const calls = fc.array(fc.record({ common: fc.nat(60), rest: base }), { maxLength: 12 })
  fc.assert(
    fc.property(base, calls, (shared, all) => {
      const array = new CStringArray()
      for (const { common, rest } of all) {
        const strings = [...shared.slice(0, common), ...rest]
        expect(read(array.fill(strings, 'test'))).toEqual(strings)
      }
    }),
  )
})

test('grows with many and with long ones', () => {
  const array = new CStringArray()
  for (const strings of [
    [],
    ['a'],
    Array.from({ length: 5_000 }, (_, index) => `${index}`),
    ['ü'.repeat(200_000), 'b'],
  ]) {
    expect(read(array.fill(strings, 'test'))).toEqual(strings)
  }
})

test('a zero byte inside is refused, and the next call is right all the same', () => {
  const array = new CStringArray()
  array.fill(['a', 'b', 'c'], 'test')
  for (const bad of [
    ['a', 'x\0y', 'c'],
    ['a', 'b', '\0'],
    ['a', 'b\0'],
  ]) {
    expect(() => array.fill(bad, 'test')).toThrow(/EINVAL/)
    expect(read(array.fill(['a', 'b', 'd'], 'test'))).toEqual(['a', 'b', 'd'])
  }
})
