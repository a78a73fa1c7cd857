// One small file per service with a 64-byte slot for each lane of each worker: the worker writes, the supervisor reads.
// An open fd for each service would be copied at every spawn, so the file is open only while it is looked at.
import { closeSync, constants, fchownSync, fstatSync, openSync, readSync, writeSync } from 'node:fs'
import { type HeartbeatSlot, readSlot, SLOT_BYTES } from '../wire/heartbeat-slot.ts'
import type { LaneIndex } from './runtime-paths.ts'

const empty = Buffer.alloc(SLOT_BYTES)
const one = Buffer.alloc(SLOT_BYTES)

export interface SlotAddress {
  readonly slot: number
  readonly lane: LaneIndex
  readonly pid: number
}

export class HeartbeatTable {
  readonly path: string
  /** By entry: whose it was last, 0 when nobody's yet. An array: an empty Map takes 200 bytes, in each of a thousand services. */
  private lastPid: (number | undefined)[] = []

  constructor(path: string) {
    this.path = path
  }

  /**
   * Zeroes the entry for the next process of its lane: always when the lane is new, later where a deadline in it would be acted
   * upon (`actedUpon`). A worker may write its first 16 bytes only, and what the one before it left in the others is then taken
   * for its own. Returns `path:offset`, as it stands in HOLDFAST_HEARTBEAT.
   */
  prepare(slot: number, lane: LaneIndex, owner: { uid: number; gid: number } | null, actedUpon: boolean): string {
    const offset = offsetOf(slot, lane)
    const entry = offset / SLOT_BYTES
    const last = this.lastPid[entry]
    if (last === undefined || (last !== 0 && actedUpon)) {
      this.zero(offset, owner, actedUpon)
      this.lastPid[entry] = 0
    }
    return `${this.path}:${offset}`
  }

  /** The process of that lane is known: in case that it has the pid of the one before. */
  begin(slot: number, lane: LaneIndex, pid: number, owner: { uid: number; gid: number } | null): void {
    const offset = offsetOf(slot, lane)
    const entry = offset / SLOT_BYTES
    if (this.lastPid[entry] === pid) this.zero(offset, owner, true)
    this.lastPid[entry] = pid
  }

  /** Somebody removed the file, or it is to have another owner: all is to be made anew. */
  forget(): void {
    this.lastPid = []
  }

  /** A new file is empty, which reads as zeros; `reserve`: the disk must have room for what the worker will write. */
  private zero(offset: number, owner: { uid: number; gid: number } | null, reserve: boolean): void {
    const made = this.make()
    const fd = made ?? openSync(this.path, constants.O_RDWR | constants.O_NOFOLLOW)
    try {
      if (owner !== null) handOver(fd, owner, this.path)
      if (made === null || reserve) writeSync(fd, empty, 0, SLOT_BYTES, offset)
    } catch (error) {
      // The kernel's word alone (ENOSPC) does not say which disk is full.
      throw new Error(`${this.path}: ${error instanceof Error ? error.message : error}`, { cause: error })
    } finally {
      closeSync(fd)
    }
  }

  /** Null: it is there. */
  private make(): number | null {
    try {
      return openSync(this.path, constants.O_RDWR | constants.O_CREAT | constants.O_EXCL, 0o600)
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'EEXIST') return null
      throw error
    }
  }

  /** What each worker last wrote; null before its first word, or where the entry is another process's. */
  read(addresses: readonly SlotAddress[]): (HeartbeatSlot | null)[] {
    let fd: number
    try {
      fd = openSync(this.path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK)
    } catch {
      return addresses.map(() => null)
    }
    try {
      return addresses.map(({ slot, lane, pid }) => {
        one.fill(0)
        readSync(fd, one, 0, SLOT_BYTES, offsetOf(slot, lane))
        const entry = readSlot(one, 0)
        return entry.pid === pid ? entry : null
      })
    } finally {
      closeSync(fd)
    }
  }
}

/** The directory is the user's own: a link of theirs must not make us, who may be root, give away or write to another file. */
function handOver(fd: number, owner: { uid: number; gid: number }, path: string): void {
  const stats = fstatSync(fd)
  if (!stats.isFile() || stats.nlink !== 1) throw new Error(`${path} is not the heartbeat table that was made there`)
  fchownSync(fd, owner.uid, owner.gid)
}

function offsetOf(slot: number, lane: LaneIndex): number {
  return (slot * 2 + lane) * SLOT_BYTES
}
