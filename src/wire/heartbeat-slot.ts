// One worker's 64 bytes in its service's heartbeat table (HOLDFAST_HEARTBEAT=path:offset), little endian:
//   0 u32 pid   4 u32 state   8 u64 deadline   16 u64 request deadline   24 u64 requests done   32 u64 busy ns
//  40 u32 generation   44 zero
// Deadlines are nanoseconds of CLOCK_MONOTONIC, 0 = none. Nanoseconds are plain numbers here: exact below 2^53 (104 days of
// uptime), a nanosecond or two off beyond.

export const SLOT_BYTES = 64

/** What a worker says about itself in its slot. `empty`: nobody has written yet. */
export type SlotState = 'empty' | 'booting' | 'ready' | 'draining' | 'finishing'

const STATES: readonly SlotState[] = ['empty', 'booting', 'ready', 'draining', 'finishing']

export interface HeartbeatSlot {
  pid: number
  state: SlotState
  /** CLOCK_MONOTONIC nanoseconds at which the worker counts as hung, 0: none. */
  deadline: number
  /** The same for the earliest request under way. */
  requestDeadline: number
  requests: number
  /** Nanoseconds during which at least one request was under way. */
  busy: number
  generation: number
}

/** @param at where the slot starts in `table` */
export function writeSlot(table: Buffer, at: number, slot: Readonly<HeartbeatSlot>): void {
  table.writeUInt32LE(slot.pid, at)
  table.writeUInt32LE(STATES.indexOf(slot.state), at + 4)
  writeUInt64(table, at + 8, slot.deadline)
  writeUInt64(table, at + 16, slot.requestDeadline)
  writeUInt64(table, at + 24, slot.requests)
  writeUInt64(table, at + 32, slot.busy)
  table.writeUInt32LE(slot.generation, at + 40)
  table.fill(0, at + 44, at + SLOT_BYTES)
}

/** A state that this version does not know reads as `empty`. */
export function readSlot(table: Buffer, at: number): HeartbeatSlot {
  return {
    pid: table.readUInt32LE(at),
    state: STATES[table.readUInt32LE(at + 4)] ?? 'empty',
    deadline: readUInt64(table, at + 8),
    requestDeadline: readUInt64(table, at + 16),
    requests: readUInt64(table, at + 24),
    busy: readUInt64(table, at + 32),
    generation: table.readUInt32LE(at + 40),
  }
}

/** `/run/holdfast/shop/svc/web/heartbeat:64` taken apart; null when it is not of that form. */
export function parseSlotAddress(text: string): { path: string; offset: number } | null {
  const match = /^(.+):(\d+)$/.exec(text)
  if (match?.[1] === undefined) return null
  return { path: match[1], offset: Number(match[2]) }
}

function writeUInt64(table: Buffer, at: number, value: number): void {
  table.writeUInt32LE(value % 0x1_0000_0000, at)
  table.writeUInt32LE(Math.floor(value / 0x1_0000_0000), at + 4)
}

function readUInt64(table: Buffer, at: number): number {
  return table.readUInt32LE(at) + table.readUInt32LE(at + 4) * 0x1_0000_0000
}
