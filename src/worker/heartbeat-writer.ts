import { type HeartbeatSlot, readSlot, SLOT_BYTES, type SlotState, writeSlot } from '../wire/heartbeat-slot.ts'
import { builtins } from './builtins.ts'

/** `performance.now()` counts CLOCK_MONOTONIC from here. */
const originNanos = Number(process.hrtime.bigint()) - performance.now() * 1e6

/** Nanoseconds of CLOCK_MONOTONIC as a number; twice for each request, so without an allocation. */
export function monotonicNanos(): number {
  return originNanos + performance.now() * 1e6
}

/** Writes this worker's 64 bytes in the heartbeat table (1.4 µs each time). Without a table every call does nothing. */
export class HeartbeatWriter {
  readonly #slot: HeartbeatSlot
  readonly #bytes = Buffer.alloc(SLOT_BYTES)
  readonly #offset: number
  /** Nanoseconds, 0: no heartbeat configured. */
  readonly #timeout: number
  #fd: number | null = null

  constructor(
    address: { readonly path: string; readonly offset: number } | null,
    setting: { readonly generation: number; readonly timeoutMillis: number | null },
  ) {
    this.#offset = address?.offset ?? 0
    this.#timeout = (setting.timeoutMillis ?? 0) * 1e6
    this.#slot = {
      pid: process.pid,
      state: 'booting',
      deadline: 0,
      requestDeadline: 0,
      requests: 0,
      busy: 0,
      generation: setting.generation,
    }
    if (address !== null) this.#fd = this.#claim(address.path)
  }

  get writes(): boolean {
    return this.#fd !== null
  }

  /** The heartbeat: this worker counts as hung once its timeout has passed from now. */
  beat(): void {
    if (this.#timeout === 0) return
    this.#slot.deadline = monotonicNanos() + this.#timeout
    this.#write()
  }

  state(state: SlotState): void {
    this.#slot.state = state
    this.#write()
  }

  /** @param requestDeadline nanoseconds, 0: no request under way @param busy nanoseconds */
  requests(done: number, busy: number, requestDeadline: number): void {
    this.#slot.requests = done
    this.#slot.busy = busy
    this.#slot.requestDeadline = requestDeadline
    this.#write()
  }

  #write(): void {
    // A fork of this process is somebody else: it must not vouch for the process that owns the slot.
    if (this.#fd === null || process.pid !== this.#slot.pid) return
    writeSlot(this.#bytes, 0, this.#slot)
    try {
      builtins.fs().writeSync(this.#fd, this.#bytes, 0, SLOT_BYTES, this.#offset)
    } catch {
      this.#fd = null
    }
  }

  /** The environment reaches children of the worker too, so a slot with another living process in it stays untouched. */
  #claim(path: string): number | null {
    const { openSync, readSync, closeSync } = builtins.fs()
    try {
      const fd = openSync(path, 'r+')
      const bytes = Buffer.alloc(SLOT_BYTES)
      readSync(fd, bytes, 0, SLOT_BYTES, this.#offset)
      if (!isSomebodyElse(readSlot(bytes, 0).pid)) return fd
      closeSync(fd)
      return null
    } catch {
      return null
    }
  }
}

function isSomebodyElse(pid: number): boolean {
  if (pid === 0 || pid === process.pid) return false
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM'
  }
}
