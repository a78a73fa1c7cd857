import { libcFunction } from './libc.ts'

const exit = libcFunction<[number], void>('void _exit(int status)')

/**
 * Ends the process without waiting for anything. `process.exit` waits for libuv's threads, and so for ever when one of
 * them stands in a call on a disk that does not answer.
 */
export function exitNow(code: number): never {
  exit(code)
  throw new Error('_exit returned (bug)')
}
