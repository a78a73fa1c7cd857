import { libcFunction } from './libc.ts'

const poll = libcFunction<[Uint8Array, number, number], number>('int poll(void *fds, unsigned long count, int timeout)')

const POLLERR = 8

/** Whether somebody still has the reading end of a pipe open. Without it only the next write would tell. */
export function hasReader(fd: number): boolean {
  // struct pollfd: fd, events asked for (none: errors are always told), events seen.
  const entry = Buffer.alloc(8)
  entry.writeInt32LE(fd, 0)
  return poll(entry, 1, 0) <= 0 || (entry.readInt16LE(6) & POLLERR) === 0
}
