// The 64 bytes of heartbeat-slot.ts for a worker that is a thread: in memory that both sides see, without a file.
import { type HeartbeatSlot, readSlot, SLOT_BYTES } from './heartbeat-slot.ts'

const HEADER = 8
const TRIES = 100

/** @param memory made by `newHeartbeatMemory` */
export class SharedHeartbeat {
  readonly #version: Int32Array
  readonly #bytes: Uint8Array

  constructor(memory: SharedArrayBuffer) {
    this.#version = new Int32Array(memory, 0, 1)
    this.#bytes = new Uint8Array(memory, HEADER, SLOT_BYTES)
  }

  /**
   * The version is odd while the bytes change: half of an old deadline and half of a new one would be up to four seconds
   * wrong, and a healthy worker be replaced for it.
   */
  write(bytes: Uint8Array): void {
    Atomics.add(this.#version, 0, 1)
    this.#bytes.set(bytes)
    Atomics.add(this.#version, 0, 1)
  }

  /** Null before the first word, and where the writer was ended in the middle of one. */
  read(): HeartbeatSlot | null {
    const copy = Buffer.alloc(SLOT_BYTES)
    for (let tries = 0; tries < TRIES; tries++) {
      const before = Atomics.load(this.#version, 0)
      if (before === 0) return null
      if (before % 2 !== 0) continue
      copy.set(this.#bytes)
      if (Atomics.load(this.#version, 0) === before) return readSlot(copy, 0)
    }
    return null
  }
}

export function newHeartbeatMemory(): SharedArrayBuffer {
  return new SharedArrayBuffer(HEADER + SLOT_BYTES)
}
