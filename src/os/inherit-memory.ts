// V8 keeps its heap out of children (MADV_DONTFORK): a child that is to run JavaScript needs it.
import { readFileSync } from 'node:fs'
import { errno, libcFunction } from './libc.ts'
import { OsError } from './os-error.ts'

export interface Stretch {
  readonly start: number
  readonly length: number
}

const MADV_DOFORK = 11
const ENOMEM = 12
const LOWEST = 0x1_0000
const HIGHEST = 0x7fff_ffff_f000

/** Lines of /proc/self/maps, of which there may be thousands. */
const SHARED_BY_OTHERS = /^([0-9a-f]+)-([0-9a-f]+) .* (?:anon_inode:|\/dev\/(?!zero|shm)|\[v).*$/gm

const madvise = libcFunction<[number, number, number], number>('int madvise(size_t at, size_t length, int advice)')

/**
 * Of the address space, so that they contain nothing which madvise refuses: memory that the kernel or a device shares with us (io_uring,
 * vvar) ends a call that covers it. What lies between is taken in whole, so that pages which V8 maps later are in it, too.
 */
export function inheritableStretches(): Stretch[] {
  const found: Stretch[] = []
  let from = LOWEST
  for (const [, first = '', behind = ''] of readFileSync('/proc/self/maps', 'latin1').matchAll(SHARED_BY_OTHERS)) {
    const [start, end] = [Number.parseInt(first, 16), Number.parseInt(behind, 16)]
    if (start > from) found.push({ start: from, length: start - from })
    from = Math.max(from, end)
  }
  if (from < HIGHEST) found.push({ start: from, length: HIGHEST - from })
  return found
}

/** What a fork does with them by itself, to see whether the kernel allows it. @throws OsError */
export function inheritMemory(stretches: readonly Stretch[]): void {
  for (const { start, length } of stretches) {
    // ENOMEM: there are holes, and the rest is done.
    if (madvise(start, length, MADV_DOFORK) === -1 && errno() !== ENOMEM) {
      throw new OsError('madvise MADV_DOFORK', errno())
    }
  }
}

/** How many areas a child would still not get. Slow: the kernel counts pages for it. */
export function areasNotInherited(): number {
  return readFileSync('/proc/self/smaps', 'latin1').match(/^VmFlags:.* dc(?: |$)/gm)?.length ?? 0
}
