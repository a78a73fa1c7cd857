import { libcFunction } from './libc.ts'
import { checked } from './os-error.ts'

export const SOL_SOCKET = 1
export const SO_REUSEADDR = 2
export const SO_TYPE = 3
export const SO_PEERCRED = 17
export const SO_ACCEPTCONN = 30
export const IPPROTO_TCP = 6
export const TCP_INFO = 11
export const IPPROTO_IPV6 = 41
export const IPV6_V6ONLY = 26

const setsockopt = libcFunction<[number, number, number, Buffer, number], number>(
  'int setsockopt(int fd, int level, int option, void *value, uint32_t length)',
)
const getsockopt = libcFunction<[number, number, number, Buffer, Buffer], number>(
  'int getsockopt(int fd, int level, int option, void *value, void *length)',
)

export function setIntOption(fd: number, level: number, option: number, value: number): void {
  const cell = Buffer.alloc(4)
  cell.writeInt32LE(value, 0)
  checked(setsockopt(fd, level, option, cell, 4), 'setsockopt', `fd ${fd}`)
}

/** What the kernel wrote, at most `size` bytes. */
export function socketOption(fd: number, level: number, option: number, size: number): Buffer {
  const value = Buffer.alloc(size)
  const length = Buffer.alloc(4)
  length.writeUInt32LE(size, 0)
  checked(getsockopt(fd, level, option, value, length), 'getsockopt', `fd ${fd}`)
  return value.subarray(0, length.readUInt32LE(0))
}

export function intOption(fd: number, level: number, option: number): number {
  return socketOption(fd, level, option, 4).readInt32LE(0)
}
