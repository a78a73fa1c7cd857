import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { formatLine, formatRun, linePrefix, parseLine, timestamp } from '../../src/logs/layout.ts'

const AT = '2026-01-02T03:04:05.678Z'
const PREFIX = linePrefix(AT, 'web/0', 'out')

const format = (text: string, part: 'whole' | 'first' | 'middle' | 'last' = 'whole') =>
  Buffer.concat(formatRun({ bytes: Buffer.from(text), part }, PREFIX)).toString()

describe('the default layout', () => {
  test('is time, worker, stream, line', () => {
    expect(format('GET /\n')).toBe('2026-01-02T03:04:05.678Z web/0 out GET /\n')
    expect(timestamp(Date.UTC(2026, 0, 2, 3, 4, 5, 678))).toBe(AT)
    expect(timestamp(Date.UTC(2026, 0, 2, 3, 4, 5, 45))).toBe('2026-01-02T03:04:05.045Z')
    expect(timestamp(Date.UTC(2026, 0, 2, 3, 4, 5, 300))).toBe('2026-01-02T03:04:05.300Z')
  })

  test('ends a line that has no end, and leaves out the carriage return', () => {
    expect(format('a\r\nb\rc\n\nd')).toBe(`${PREFIX}a\n${PREFIX}b\rc\n${PREFIX}\n${PREFIX}d\n`)
  })

  test('marks the pieces of a too long line', () => {
    expect(format('aa', 'first')).toBe(`${PREFIX}aa …\n`)
    expect(format('bb', 'middle')).toBe(`${PREFIX}… bb …\n`)
    expect(format('cc\r\n', 'last')).toBe(`${PREFIX}… cc\n`)
  })

  test('takes a dollar in a prefix as it is', () => {
    const formatted = formatRun({ bytes: Buffer.from('a\nb\n'), part: 'whole' }, '$& $1 ')
    expect(Buffer.concat(formatted).toString()).toBe('$& $1 a\n$& $1 b\n')
  })

  test('keeps every byte, whatever the length of the lines', () => {
    const lines = fc.array(
      fc.oneof(
        fc.uint8Array({ maxLength: 40 }),
        fc.integer({ min: 1, max: 200_000 }).map((length) => new Uint8Array(length).fill(0xe9)),
      ),
      { minLength: 1, maxLength: 40 },
    )
    fc.assert(
      fc.property(lines, fc.integer({ min: 1, max: 600 }), (parts, times) => {
        const once = parts.map((part) => Buffer.from(part.filter((byte) => byte !== 10 && byte !== 13)))
        const short = once.every((line) => line.length < 100)
        const all = Array.from({ length: short ? times : 1 }, () => once).flat()
        const end = Buffer.from('\n')
        const input = Buffer.concat(all.flatMap((line) => [line, end]))
        const expected = Buffer.concat(all.flatMap((line) => [Buffer.from(PREFIX), line, end]))
        const formatted = formatRun({ bytes: input, part: 'whole' }, PREFIX)
        for (const buffer of formatted) expect(buffer.at(-1)).toBe(10)
        expect(Buffer.concat(formatted).equals(expected)).toBe(true)
      }),
      { numRuns: 60 },
    )
  })

  test('is read back', () => {
    const line = { at: AT, worker: 'my-app_2/17', stream: 'err', line: 'a b  c ' } as const
    expect(parseLine(formatLine(line).toString().slice(0, -1))).toEqual(line)
    expect(parseLine(`${PREFIX}`)).toEqual({ at: AT, worker: 'web/0', stream: 'out', line: '' })
  })

  test('a line of our own stays one line', () => {
    expect(formatLine({ at: AT, worker: 'holdfast', stream: 'err', line: 'a\r\nb\n' }).toString()).toBe(
      `${AT} holdfast err a b \n`,
    )
  })

  test.each([
    '',
    'just text',
    '2026-01-02 03:04:05 web/0 out x',
    `${AT} web/0 out`,
    `${AT} web/0 log x`,
    `${AT} web/x out x`,
    `${AT} 0web out x`,
    `x${PREFIX}x`,
    `${AT}`,
  ])('a torn or foreign line is none: %j', (text) => {
    expect(parseLine(text)).toBeNull()
  })
})
