import { Worker } from 'node:worker_threads'
import { expect, test } from 'vitest'
import { type HeartbeatSlot, SLOT_BYTES, writeSlot } from '../../src/wire/heartbeat-slot.ts'
import { newHeartbeatMemory, SharedHeartbeat } from '../../src/wire/shared-heartbeat.ts'

const SLOT: HeartbeatSlot = {
  pid: 7,
  state: 'ready',
  deadline: 2 ** 40 + 1,
  requestDeadline: 5,
  requests: 3,
  busy: 9,
  generation: 2,
}

function bytesOf(slot: HeartbeatSlot): Buffer {
  const bytes = Buffer.alloc(SLOT_BYTES)
  writeSlot(bytes, 0, slot)
  return bytes
}

test('what one side writes the other reads; before the first word there is nothing', () => {
  const memory = newHeartbeatMemory()
  const reader = new SharedHeartbeat(memory)
  expect(reader.read()).toBeNull()
  const writer = new SharedHeartbeat(memory)
  writer.write(bytesOf(SLOT))
  expect(reader.read()).toEqual(SLOT)
  writer.write(bytesOf({ ...SLOT, requests: 4 }))
  expect(reader.read()?.requests).toBe(4)
})

test('a writer that was ended in the middle of a word is not believed', () => {
  const memory = newHeartbeatMemory()
  const shared = new SharedHeartbeat(memory)
  shared.write(bytesOf(SLOT))
  Atomics.add(new Int32Array(memory, 0, 1), 0, 1)
  expect(shared.read()).toBeNull()
})

test('a word is read whole while another thread writes as fast as it can', async () => {
  const memory = newHeartbeatMemory()
  // As SharedHeartbeat.write, of words whose bytes are all the same.
  const thread = new Worker(
    `const { workerData } = require('node:worker_threads')
     const version = new Int32Array(workerData, 0, 1)
     const bytes = new Uint8Array(workerData, 8, ${SLOT_BYTES})
     for (let word = 0; ; word = (word + 1) % 256) {
       Atomics.add(version, 0, 1)
       bytes.set(new Uint8Array(${SLOT_BYTES}).fill(word))
       Atomics.add(version, 0, 1)
     }`,
    { eval: true, workerData: memory },
  )
  const reader = new SharedHeartbeat(memory)
  const seen = new Set<number>()
  try {
    await expect
      .poll(
        () => {
          for (let turn = 0; turn < 2_000; turn++) {
            const slot = reader.read()
            if (slot === null) continue
            const byte = slot.pid & 0xff
            expect([slot.pid, slot.generation]).toEqual([byte * 0x0101_0101, byte * 0x0101_0101])
            seen.add(byte)
          }
          return seen.size
        },
        { timeout: 10_000 },
      )
      .toBeGreaterThan(20)
  } finally {
    await thread.terminate()
  }
})
