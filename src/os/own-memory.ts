// This process's own memory by address, for the few structures of glibc and Node that nobody hands out.
// A wrong address ends the process: check it against /proc/self/maps first.
import { readFileSync } from 'node:fs'
import { libcFunction } from './libc.ts'
import { OsError } from './os-error.ts'

export interface MemoryArea {
  readonly start: number
  /** The first address behind it. */
  readonly end: number
  /** `rwxp`, a dash for what is missing; s instead of p where it is shared. */
  readonly access: string
  /** Path of the file, `[heap]`, `[stack]`, …; empty for memory without a name. */
  readonly name: string
}

export const PAGE = 4096
const PROT_NONE = 0
const PROT_READ_WRITE = 3
const PROT_READ_EXEC = 5
const MAP_PRIVATE_ANONYMOUS = 0x22

// Addresses are numbers: user space ends below 2^47.
const copyOut = libcFunction<[Buffer, number, number], number>('size_t memcpy(void *to, size_t from, size_t length)')
const copyIn = libcFunction<[number, Buffer, number], number>('size_t memcpy(size_t to, void *from, size_t length)')
const memset = libcFunction<[number, number, number], number>('size_t memset(size_t at, int byte, size_t length)')
const mmap = libcFunction<[number, number, number, number, number, number], number>(
  'intptr_t mmap(size_t at, size_t length, int protection, int flags, int fd, long offset)',
)
const mprotect = libcFunction<[number, number, number], number>(
  'int mprotect(size_t at, size_t length, int protection)',
)

export function readMemory(address: number, length: number): Buffer {
  const bytes = Buffer.alloc(length)
  copyOut(bytes, address, length)
  return bytes
}

export function writeMemory(address: number, bytes: Buffer): void {
  copyIn(address, bytes, bytes.length)
}

/** Allocates nothing on V8's heap. */
export function zeroMemory(address: number, length: number): void {
  memset(address, 0, length)
}

/** Pages of zeros outside of every heap, for the life of the process. */
export function newPages(count: number): number {
  const address = mmap(0, count * PAGE, PROT_READ_WRITE, MAP_PRIVATE_ANONYMOUS, -1, 0)
  if (address === -1) throw new OsError('mmap', 12)
  return address
}

/** Whoever touches this page of ours from now on crashes. */
export function forbidPage(address: number): void {
  if (mprotect(address, PAGE, PROT_NONE) === -1) throw new OsError('mprotect', 12)
}

/** A page that holds these instructions, of which there are fewer than a page. */
export function newCodePage(code: Buffer): number {
  const address = newPages(1)
  writeMemory(address, code)
  if (mprotect(address, PAGE, PROT_READ_EXEC) === -1) {
    throw new OsError('mprotect', 13, { explanation: 'this system lets no program make memory executable' })
  }
  return address
}

export function memoryAreas(): MemoryArea[] {
  return readFileSync('/proc/self/maps', 'latin1')
    .split('\n')
    .flatMap((line) => {
      const match = /^([0-9a-f]+)-([0-9a-f]+) (\S+) \S+ \S+ \S+ *(.*)$/.exec(line)
      if (match === null) return []
      const [, start = '', end = '', access = '', name = ''] = match
      return [{ start: Number.parseInt(start, 16), end: Number.parseInt(end, 16), access, name }]
    })
}

export function areaAt(areas: readonly MemoryArea[], address: number): MemoryArea | null {
  return areas.find(({ start, end }) => start <= address && address < end) ?? null
}
