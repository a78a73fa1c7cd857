import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { LONGEST_NOTIFY_LINE, type NotifyMessage, NotifyParser, parseNotifyLine } from '../../src/wire/notify-text.ts'

const newline = 0x0a

/** All messages, each byte sequence in its own push. */
function parse(...chunks: (string | Buffer)[]): NotifyMessage[] {
  const parser = new NotifyParser()
  return chunks.flatMap((chunk) => parser.push(Buffer.from(chunk)))
}

describe('a line', () => {
  test.each<[string, NotifyMessage | null]>([
    ['READY=1', { kind: 'ready' }],
    ['', { kind: 'ready' }],
    ['\r', { kind: 'ready' }],
    ['READY=1\r', { kind: 'ready' }],
    ['STOPPING=1', { kind: 'stopping' }],
    ['RELOADING=1', { kind: 'reloading' }],
    ['WATCHDOG=1', { kind: 'watchdog' }],
    ['STATUS=42 % done ü', { kind: 'status', text: '42 % done ü' }],
    ['STATUS=', { kind: 'status', text: '' }],
    ['STATUS=a\u001b[2Jb\tc', { kind: 'status', text: 'a [2Jb c' }],
    ['EXTEND_TIMEOUT_USEC=30000000', { kind: 'extend-timeout', micros: 30_000_000 }],
    ['EXTEND_TIMEOUT_USEC=99999999999999999999', null],
    ['EXTEND_TIMEOUT_USEC=-1', null],
    ['EXTEND_TIMEOUT_USEC=', null],
    ['MAINPID=4711', null],
    ['READY=0', null],
    ['READY=11', null],
    ['ready=1', null],
    [' READY=1', null],
    ['FDSTORE=1', null],
    ['nonsense', null],
  ])('%j', (line, message) => {
    expect(parseNotifyLine(line)).toEqual(message)
  })
})

describe('a stream', () => {
  test('may be cut anywhere', () => {
    expect(parse('REA', 'DY', '=1', '\nSTAT', 'US=a', 'b\n')).toEqual([
      { kind: 'ready' },
      { kind: 'status', text: 'ab' },
    ])
    expect(parse(Buffer.from('STATUS=ü\n').subarray(0, 8), Buffer.from('STATUS=ü\n').subarray(8))).toEqual([
      { kind: 'status', text: 'ü' },
    ])
  })

  test('an unfinished line is no message yet', () => {
    expect(parse('READY=1')).toEqual([])
    expect(parse('READY=1', '\n')).toEqual([{ kind: 'ready' }])
  })

  test('a bare newline means ready', () => {
    expect(parse('\n')).toEqual([{ kind: 'ready' }])
  })

  test('what was pushed may be overwritten', () => {
    const parser = new NotifyParser()
    const shared = Buffer.from('STATUS=kept')
    parser.push(shared)
    shared.fill('x')
    expect(parser.push(Buffer.from('\n'))).toEqual([{ kind: 'status', text: 'kept' }])
  })

  test('of several alike in one push the last counts, at its place', () => {
    expect(parse('READY=1\nSTATUS=a\nRELOADING=1\nREADY=1\nSTATUS=b\n')).toEqual([
      { kind: 'reloading' },
      { kind: 'ready' },
      { kind: 'status', text: 'b' },
    ])
  })

  test('gives the same state however it is cut', () => {
    const line = fc.constantFrom(
      'READY=1',
      'STOPPING=1',
      '',
      'STATUS=one',
      'STATUS=two',
      'WATCHDOG=1',
      'MAINPID=1',
      'x',
    )
    const lines = fc.array(line, { maxLength: 20 })
    fc.assert(
      fc.property(lines, fc.array(fc.nat(80), { maxLength: 10 }), (list, cuts) => {
        const text = list.map((each) => `${each}\n`).join('')
        const at = [0, ...cuts.map((cut) => Math.min(cut, text.length)).sort((a, b) => a - b), text.length]
        const pieces = at.slice(1).map((end, index) => text.slice(at[index], end))
        const last = new Map(parse(...pieces).map((message) => [message.kind, message]))
        const expected = new Map(
          list.flatMap((each) => parseNotifyLine(each) ?? []).map((message) => [message.kind, message]),
        )
        expect(last).toEqual(expected)
      }),
    )
  })
})

describe('bounds', () => {
  test('a line of 4 KiB is taken, a longer one dropped and counted once, what follows is read', () => {
    for (const piece of [1, 7, 1000, 100_000]) {
      const parser = new NotifyParser()
      const longest = `STATUS=${'x'.repeat(LONGEST_NOTIFY_LINE - 7)}`
      const bytes = Buffer.from(`${longest}\n${longest}y\nREADY=1\n`)
      const messages: NotifyMessage[] = []
      for (let at = 0; at < bytes.length; at += piece) messages.push(...parser.push(bytes.subarray(at, at + piece)))
      expect(messages).toEqual([{ kind: 'status', text: longest.slice(7) }, { kind: 'ready' }])
      expect(parser.dropped).toBe(1)
    }
  })

  test('a line without end holds no memory', () => {
    const parser = new NotifyParser()
    const chunk = Buffer.alloc(65_536, 'x')
    const before = process.memoryUsage().arrayBuffers
    for (let count = 0; count < 1600; count++) expect(parser.push(chunk)).toEqual([])
    expect(parser.dropped).toBe(1)
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(10_000_000)
    expect(parser.push(Buffer.from('\nSTOPPING=1\n'))).toEqual([{ kind: 'stopping' }])
  })

  test('a flood gives few messages', () => {
    const parser = new NotifyParser()
    const flood = Buffer.from('READY=1\nSTATUS=x\nWATCHDOG=1\n\nSTOPPING=1\n'.repeat(1600))
    expect(parser.push(flood).length).toBeLessThanOrEqual(6)
    expect(parser.push(Buffer.alloc(65_536, newline))).toEqual([{ kind: 'ready' }])
    expect(parser.dropped).toBe(0)
  })

  test('no bytes make it throw', () => {
    fc.assert(
      fc.property(fc.array(fc.uint8Array({ maxLength: 200 }), { maxLength: 20 }), (chunks) => {
        const parser = new NotifyParser()
        for (const chunk of chunks) parser.push(Buffer.from(chunk))
      }),
    )
  })
})
