import { readSlot, SLOT_BYTES } from '../wire/heartbeat-slot.ts'
import { builtins } from './builtins.ts'
import type { HeartbeatPlace } from './worker-link.ts'

export interface HeartbeatFile extends HeartbeatPlace {
  /** Nothing must be written any more. */
  close(): void
}

/** An entry in the table of the service; null where it is not ours, or not there. */
export function openHeartbeatFile(address: { readonly path: string; readonly offset: number }): HeartbeatFile | null {
  const { offset } = address
  const fd = claim(address.path, offset)
  if (fd === null) return null
  return {
    write: (bytes) => void builtins.fs().writeSync(fd, bytes, 0, SLOT_BYTES, offset),
    close: () => builtins.fs().closeSync(fd),
  }
}

/** The environment reaches children of the worker too, so a slot with another living process in it stays untouched. */
function claim(path: string, offset: number): number | null {
  const { openSync, readSync, closeSync } = builtins.fs()
  try {
    const fd = openSync(path, 'r+')
    const bytes = Buffer.alloc(SLOT_BYTES)
    readSync(fd, bytes, 0, SLOT_BYTES, offset)
    if (!isSomebodyElse(readSlot(bytes, 0).pid)) return fd
    closeSync(fd)
    return null
  } catch {
    return null
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
