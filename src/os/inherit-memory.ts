// V8 keeps its heap out of children (MADV_DONTFORK): a child that is to run JavaScript needs it.
import { readFileSync } from 'node:fs'
import { errno, libcFunction } from './libc.ts'
import { OsError } from './os-error.ts'
import { memoryAreas } from './own-memory.ts'

const MADV_DOFORK = 11
const ENOMEM = 12
const LOWEST = 0x1_0000
const HIGHEST = 0x7fff_ffff_f000

const madvise = libcFunction<[number, number, number], number>('int madvise(size_t at, size_t length, int advice)')

/** Stretches of address space, start and length in turn, that contain nothing which madvise refuses. */
let stretches = new Float64Array(0)

/**
 * To be called some time before inheritMemory: memory that the kernel or a device shares with us (io_uring, vvar) is refused, and
 * ends a call that covers it. What lies between is taken in whole, so that pages which V8 maps later are in it, too.
 */
export function prepareInheritance(): void {
  const found: number[] = []
  let from = LOWEST
  for (const { start, end, name } of memoryAreas()) {
    if (!/^(?:anon_inode:|\/dev\/(?!zero|shm)|\[v)/.test(name)) continue
    if (start > from) found.push(from, start - from)
    from = Math.max(from, end)
  }
  if (from < HIGHEST) found.push(from, HIGHEST - from)
  stretches = Float64Array.from(found)
}

/** From now on a fork copies all private memory. Allocates nothing: V8 must not map a page between this and the fork. */
export function inheritMemory(): void {
  for (let index = 0; index < stretches.length; index += 2) {
    // ENOMEM: there are holes, and the rest is done.
    if (madvise(stretches[index] ?? 0, stretches[index + 1] ?? 0, MADV_DOFORK) === -1 && errno() !== ENOMEM) {
      throw new OsError('madvise MADV_DOFORK', errno())
    }
  }
}

/** How many areas a child would still not get. Slow: the kernel counts pages for it. */
export function areasNotInherited(): number {
  return readFileSync('/proc/self/smaps', 'latin1').match(/^VmFlags:.* dc(?: |$)/gm)?.length ?? 0
}
