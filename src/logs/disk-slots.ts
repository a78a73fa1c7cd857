// Node does asynchronous file work in a few threads (UV_THREADPOOL_SIZE, 4 if not set). A disk that does not answer keeps
// each thread it got, and when the last is gone nothing in the process reads or writes a file any more. So each device
// gets a few threads at most, all devices together leave some free, and further work waits here: one limit for the process.

interface Limits {
  readonly perDevice: number
  readonly inTotal: number
}

let limits: Limits | null = null
const busy = new Map<string, number>()
let total = 0
const waiting: { readonly device: string; readonly go: () => void }[] = []

/** The key under which a file's work is counted once its device (stat.dev) is known. */
export function deviceSlot(device: number): string {
  return `device ${device}`
}

/** The key under which opening and renaming is counted: no call can tell the device without touching the disk. */
export function directorySlot(directory: string): string {
  return `directory ${directory}`
}

/** Runs file work as soon as its device has a thread to spare. Do not nest: a slot inside a slot deadlocks. */
export async function withDiskSlot<T>(device: string, work: () => Promise<T>): Promise<T> {
  if (!take(device)) await new Promise<void>((go) => waiting.push({ device, go }))
  try {
    return await work()
  } finally {
    release(device)
  }
}

function take(device: string): boolean {
  limits ??= limitsFor(Number(process.env.UV_THREADPOOL_SIZE) || 4)
  const used = busy.get(device) ?? 0
  if (used >= limits.perDevice || total >= limits.inTotal) return false
  busy.set(device, used + 1)
  total++
  return true
}

function limitsFor(threads: number): Limits {
  return {
    perDevice: threads >= 16 ? 4 : Math.max(1, Math.floor(threads / 2)),
    inTotal: Math.max(1, threads - Math.max(1, Math.floor(threads / 4))),
  }
}

function release(device: string): void {
  const used = (busy.get(device) ?? 1) - 1
  if (used > 0) busy.set(device, used)
  else busy.delete(device)
  total--
  const next = waiting.findIndex((waiter) => take(waiter.device))
  if (next >= 0) waiting.splice(next, 1)[0]?.go()
}
