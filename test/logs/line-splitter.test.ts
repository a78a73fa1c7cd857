import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { LineSplitter } from '../../src/logs/line-splitter.ts'

const texts = (chunks: string[], maxLine?: number) => {
  const splitter = new LineSplitter(maxLine === undefined ? {} : { maxLine })
  const lines = chunks.flatMap((chunk) => splitter.push(Buffer.from(chunk)).map(({ bytes }) => bytes.toString()))
  return { lines, rest: splitter.flush()?.bytes.toString() ?? null }
}

describe('LineSplitter', () => {
  test('yields whole lines across chunks and keeps the rest', () => {
    expect(texts(['one\ntw', 'o\n\nthr', 'ee'])).toEqual({ lines: ['one', 'two', ''], rest: 'three' })
  })

  test('has no rest at a line end', () => {
    expect(texts(['a\n'])).toEqual({ lines: ['a'], rest: null })
  })

  test('keeps a carriage return', () => {
    expect(texts(['a\r\n']).lines).toEqual(['a\r'])
  })

  test('a line of exactly maxLine is whole, one byte more is split and marked', () => {
    const splitter = new LineSplitter({ maxLine: 4 })
    const parts = (text: string) => splitter.push(Buffer.from(text)).map(({ bytes, part }) => `${part} ${bytes}`)
    expect(parts('abcd\n')).toEqual(['whole abcd'])
    expect(parts('abcde\n')).toEqual(['first abcd', 'last e'])
    expect(parts('abcdefghi\nx\n')).toEqual(['first abcd', 'middle efgh', 'last i', 'whole x'])
    expect(parts('abcd')).toEqual([])
    expect(parts('e')).toEqual(['first abcd'])
    expect(splitter.flush()).toEqual({ bytes: Buffer.from('e'), part: 'last' })
    expect(parts('y\n')).toEqual(['whole y'])
  })

  test('does not tear a UTF-8 character where it splits', () => {
    expect(texts(['aaa€bbb\n'], 4).lines).toEqual(['aaa', '€b', 'bb'])
  })

  test('returns slices of the chunk, not copies', () => {
    const chunk = Buffer.from('one\ntwo\nrest')
    const [run] = new LineSplitter().pushRuns(chunk)
    expect(run?.bytes.buffer).toBe(chunk.buffer)
    expect(run?.bytes.toString()).toBe('one\ntwo\n')
  })

  test('a chunk may be overwritten after it was split', () => {
    const splitter = new LineSplitter()
    const chunk = Buffer.from('unfinished')
    splitter.push(chunk)
    chunk.fill('x')
    expect(splitter.push(Buffer.from(' line\n')).map(({ bytes }) => bytes.toString())).toEqual(['unfinished line'])
  })

  test('whatever the chunks: bytes are kept, lines are right, pieces are bounded', () => {
    const bytes = fc.array(fc.constantFrom(10, 10, 13, 97, 98, 0xe2, 0x82, 0xac, 0xff, 0), { maxLength: 200 })
    fc.assert(
      fc.property(fc.array(bytes, { maxLength: 8 }), fc.integer({ min: 1, max: 60 }), (chunks, maxLine) => {
        const splitter = new LineSplitter({ maxLine })
        const input = Buffer.concat(chunks.map((chunk) => Buffer.from(chunk)))
        const runs = chunks.flatMap((chunk) => {
          const found = splitter.pushRuns(Buffer.from(chunk)).map((run) => ({ ...run, bytes: Buffer.from(run.bytes) }))
          expect(splitter.rest.length).toBeLessThanOrEqual(maxLine)
          return found
        })
        const rest = splitter.flush()
        expect(Buffer.concat([...runs, ...(rest ? [rest] : [])].map((run) => run.bytes))).toEqual(input)
        for (const { bytes, part } of runs) {
          if (part === 'first' || part === 'middle') expect(bytes.includes(10)).toBe(false)
          else expect(bytes.at(-1)).toBe(10)
          const longest = Math.max(
            ...bytes
              .toString('latin1')
              .split('\n')
              .map((line) => line.length),
          )
          expect(longest).toBeLessThanOrEqual(maxLine)
          expect(bytes.length).toBeGreaterThan(0)
        }
        const again = new LineSplitter({ maxLine: 10_000 })
        const lines = again.push(input).map((line) => line.bytes.toString('latin1'))
        expect(lines).toEqual(input.toString('latin1').split('\n').slice(0, -1))
      }),
      { numRuns: 500 },
    )
  })

  test('a long line that comes byte by byte is not copied byte times', () => {
    const splitter = new LineSplitter()
    const byte = Buffer.from('x')
    const start = performance.now()
    for (let count = 0; count < 1_000_000; count++) splitter.pushRuns(byte)
    expect(splitter.rest.length).toBe(1_000_000)
    expect(performance.now() - start).toBeLessThan(5_000)
  })
})
