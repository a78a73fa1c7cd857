import { closeSync, openSync } from 'node:fs'
import { libcFunction } from './libc.ts'
import { checked } from './os-error.ts'

const O_CLOEXEC = 0x80000

const dup3 = libcFunction<[number, number, number], number>('int dup3(int fd, int target, int flags)')

/** From now on stdout and stderr of this process are appended to the file. Close-on-exec, as Node has them. */
export function redirectOutput(path: string): void {
  const fd = openSync(path, 'a', 0o640)
  try {
    redirectOutputTo(fd, path)
  } finally {
    closeSync(fd)
  }
}

/** As redirectOutput, where the file is open already: the disk is not asked. */
export function redirectOutputTo(fd: number, path: string): void {
  for (const target of [1, 2]) checked(dup3(fd, target, O_CLOEXEC), 'dup3', path)
}
