import fc from 'fast-check'
import { expect, test } from 'vitest'
import { type HeartbeatSlot, parseSlotAddress, readSlot, SLOT_BYTES, writeSlot } from '../../src/wire/heartbeat-slot.ts'

const slot: HeartbeatSlot = {
  pid: 0x01020304,
  state: 'draining',
  deadline: 0x1122334455667,
  requestDeadline: 0,
  requests: 7,
  busy: 2 ** 40 + 1,
  generation: 9,
}

test('64 bytes, little endian, each field at its place', () => {
  const table = Buffer.alloc(SLOT_BYTES * 3, 0xff)
  writeSlot(table, SLOT_BYTES, slot)
  expect(SLOT_BYTES).toBe(64)
  const bytes = table.subarray(64, 128)
  expect(bytes.toString('hex')).toBe(
    [
      '04030201',
      '03000000',
      '6756453423120100',
      '0000000000000000',
      '0700000000000000',
      '0100000000010000',
      '09000000',
    ].join('') + '00'.repeat(20),
  )
  // The neighbours stay as they were.
  expect(table.subarray(0, 64).equals(Buffer.alloc(64, 0xff))).toBe(true)
  expect(table.subarray(128).equals(Buffer.alloc(64, 0xff))).toBe(true)
})

test('zero bytes are an empty slot, an unknown state as well', () => {
  const table = Buffer.alloc(SLOT_BYTES)
  expect(readSlot(table, 0)).toEqual({
    pid: 0,
    state: 'empty',
    deadline: 0,
    requestDeadline: 0,
    requests: 0,
    busy: 0,
    generation: 0,
  })
  table.writeUInt32LE(4_000_000_000, 4)
  expect(readSlot(table, 0).state).toBe('empty')
})

test('what is written is read back, at any offset', () => {
  const u32 = fc.integer({ min: 0, max: 0xffff_ffff })
  const u53 = fc.maxSafeNat()
  const slots = fc.record({
    pid: u32,
    state: fc.constantFrom('empty', 'booting', 'ready', 'draining', 'finishing'),
    deadline: u53,
    requestDeadline: u53,
    requests: u53,
    busy: u53,
    generation: u32,
  })
  fc.assert(
    fc.property(slots, fc.nat(5), (value, index) => {
      const table = Buffer.alloc(SLOT_BYTES * 6)
      writeSlot(table, index * SLOT_BYTES, value)
      expect(readSlot(table, index * SLOT_BYTES)).toEqual(value)
    }),
  )
})

test('no bytes make reading throw', () => {
  fc.assert(
    fc.property(fc.uint8Array({ minLength: 64, maxLength: 64 }), (bytes) => {
      const read = readSlot(Buffer.from(bytes), 0)
      for (const value of Object.values(read)) if (typeof value === 'number') expect(value).toBeGreaterThanOrEqual(0)
    }),
  )
})

test('HOLDFAST_HEARTBEAT is path and offset', () => {
  expect(parseSlotAddress('/run/a:b/heartbeat:128')).toEqual({ path: '/run/a:b/heartbeat', offset: 128 })
  for (const text of ['', '/run/heartbeat', ':64', '/run/heartbeat:', '/run/heartbeat:-1', '/run/heartbeat:x']) {
    expect(parseSlotAddress(text)).toBeNull()
  }
})
