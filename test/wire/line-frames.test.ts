import fc from 'fast-check'
import { expect, test } from 'vitest'
import { LineFrames } from '../../src/wire/line-frames.ts'

test('lines come out whole, however their bytes are cut', () => {
  const lines = fc.array(fc.string({ unit: 'grapheme' }).map((text) => text.replaceAll('\n', '')))
  fc.assert(
    fc.property(lines, fc.array(fc.nat({ max: 9 })), (said, cuts) => {
      const bytes = Buffer.from(said.map((line) => `${line}\n`).join(''))
      const frames = new LineFrames(1_000_000)
      const heard: string[] = []
      let from = 0
      for (const cut of [...cuts, bytes.length]) {
        // What was handed in may be used again afterwards.
        const piece = Buffer.from(bytes.subarray(from, from + cut))
        heard.push(...frames.push(piece))
        piece.fill(0x78)
        from += cut
      }
      expect(heard).toEqual(said)
    }),
  )
})

test('a line that is too long is dropped, and the next one is heard', () => {
  const frames = new LineFrames(5)
  expect(frames.push(Buffer.from('12345\n123456\nab'))).toEqual(['12345'])
  expect(frames.push(Buffer.from('cdefgh'))).toEqual([])
  expect(frames.push(Buffer.from('ij\nok\n'))).toEqual(['ok'])
  expect(frames.dropped).toBe(2)
})

test('a megabyte without an end of line costs no more than one line', () => {
  const frames = new LineFrames(1000)
  for (let round = 0; round < 1000; round++) expect(frames.push(Buffer.alloc(1000, 0x61))).toEqual([])
  expect(frames.push(Buffer.from('\nok\n'))).toEqual(['ok'])
})
