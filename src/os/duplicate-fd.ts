import { closeSync } from 'node:fs'
import { libcFunction } from './libc.ts'
import { checked } from './os-error.ts'

const F_DUPFD_CLOEXEC = 1030
const O_CLOEXEC = 0x80000
const ABOVE_STDERR = 3

// fcntl is variadic in C: declared with the one argument that this command takes.
const fcntl = libcFunction<[number, number, number], number>('int fcntl(int fd, int command, long argument)')
const dup3 = libcFunction<[number, number, number], number>('int dup3(int fd, int target, int flags)')

/** The same open file under another number, close-on-exec. */
export function duplicateFd(fd: number): number {
  return checked(fcntl(fd, F_DUPFD_CLOEXEC, ABOVE_STDERR), 'fcntl F_DUPFD_CLOEXEC', `fd ${fd}`)
}

/** As duplicateFd, under a number that is at least `lowest`. */
export function duplicateFdAbove(fd: number, lowest: number): number {
  return checked(fcntl(fd, F_DUPFD_CLOEXEC, lowest), 'fcntl F_DUPFD_CLOEXEC', `fd ${fd}`)
}

/** The open file is `target` from now on, close-on-exec, and no longer `fd`. What was `target` is closed. */
export function moveFd(fd: number, target: number): void {
  if (fd === target) return
  checked(dup3(fd, target, O_CLOEXEC), 'dup3', `fd ${fd} to ${target}`)
  closeSync(fd)
}
