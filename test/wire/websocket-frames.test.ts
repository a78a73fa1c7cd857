import { expect, test } from 'vitest'
import { textFrame, WebSocketReader } from '../../src/wire/websocket-frames.ts'

const NO_MASK = Buffer.alloc(4)

/** Ours without the mask is what a server sends. */
function fromServer(text: string): Buffer {
  const frame = textFrame(text, NO_MASK)
  const start = frame.length - Buffer.byteLength(text) - 4
  frame[1] = (frame[1] ?? 0) & 0x7f
  return Buffer.concat([frame.subarray(0, start), frame.subarray(start + 4)])
}

test.each([0, 125, 126, 65_535, 65_536, 200_000])('a text of %i bytes, in any pieces', (length) => {
  const text = 'x'.repeat(length)
  const bytes = Buffer.concat([fromServer(text), fromServer('next'), Buffer.from([0x88, 0])])
  for (const size of [1_000, 65_536, bytes.length]) {
    const reader = new WebSocketReader()
    const events = []
    for (let at = 0; at < bytes.length; at += size) events.push(...reader.take(bytes.subarray(at, at + size)))
    expect(events).toEqual([{ text }, { text: 'next' }, 'closed'])
  }
})

test('a client masks, also what is not ASCII', () => {
  const frame = textFrame('aé', Buffer.from([1, 2, 3, 4]))
  expect([...frame]).toEqual([0x81, 0x83, 1, 2, 3, 4, 0x61 ^ 1, 0xc3 ^ 2, 0xa9 ^ 3])
})

test('a length that nobody needs is refused before it is waited for', () => {
  const header = Buffer.alloc(10)
  header[0] = 0x81
  header[1] = 127
  header.writeBigUInt64BE(1n << 40n, 2)
  expect(() => new WebSocketReader().take(header)).toThrow('bytes')
})
