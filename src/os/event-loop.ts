import { nodeFunction } from './libc.ts'
import { OsError } from './os-error.ts'
import { readMemory, zeroMemory } from './own-memory.ts'

/** uv_loop_t of libuv 1: data, active_handles, handle_queue, then the number of requests that are under way. */
const HANDLE_QUEUE = 16
const ACTIVE_REQUESTS = 32
/** uv_handle_t, and of uv_signal_t the two counters: caught and dispatched. */
const HANDLE = { type: 16, queue: 32, caughtSignals: 144 } as const
const UV_SIGNAL = 16

const defaultLoop = nodeFunction<[], number>('size_t uv_default_loop()')
const loopFork = nodeFunction<[number], number>('int uv_loop_fork(size_t loop)')

/** Throws where this Node does not have what renewEventLoop needs. */
export function prepareEventLoop(): void {
  if (defaultLoop() === 0) throw new Error('this Node has no event loop (bug)')
}

/**
 * In a forked child, before anything that waits: an epoll instance of its own, with all that the parent watches in it.
 * Not from within a callback of I/O, where libuv holds the old one: from setImmediate.
 */
export function renewEventLoop(): void {
  const result = loopFork(defaultLoop())
  if (result !== 0) throw new OsError('uv_loop_fork', -result)
  forgetCaughtSignals()
}

/**
 * A signal that the parent has caught and not handled yet is still counted in the child, which will never hear of it: once closed, its
 * watcher would wait for it, and the loop go round for ever.
 */
function forgetCaughtSignals(): void {
  const end = defaultLoop() + HANDLE_QUEUE
  for (let node = pointerAt(end); node !== end; node = pointerAt(node)) {
    const handle = node - HANDLE.queue
    if (readMemory(handle + HANDLE.type, 4).readUInt32LE(0) === UV_SIGNAL) zeroMemory(handle + HANDLE.caughtSignals, 8)
  }
}

function pointerAt(address: number): number {
  return Number(readMemory(address, 8).readBigUInt64LE(0))
}

/** File operations, lookups, writes and the like that are not through yet: a forked child would wait for them for ever. */
export function requestsUnderWay(): number {
  return readMemory(defaultLoop() + ACTIVE_REQUESTS, 4).readUInt32LE(0)
}
