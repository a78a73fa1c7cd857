import { libcFunction } from './libc.ts'
import { checked } from './os-error.ts'

const F_DUPFD_CLOEXEC = 1030
const ABOVE_STDERR = 3

// fcntl is variadic in C: declared with the one argument that this command takes.
const fcntl = libcFunction<[number, number, number], number>('int fcntl(int fd, int command, long argument)')

/** The same open file under another number, close-on-exec. */
export function duplicateFd(fd: number): number {
  return checked(fcntl(fd, F_DUPFD_CLOEXEC, ABOVE_STDERR), 'fcntl F_DUPFD_CLOEXEC', `fd ${fd}`)
}
