import { libcFunction } from './libc.ts'

const getpid = libcFunction<[], number>('int getpid()')

/** `process.pid` is what Node found at its start: after a fork, another process. */
export function pidOfThisProcess(): number {
  return getpid()
}
