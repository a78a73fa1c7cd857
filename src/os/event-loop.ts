import { nodeFunction } from './libc.ts'
import { OsError } from './os-error.ts'

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
}
