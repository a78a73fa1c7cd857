import { libcFunction } from './libc.ts'
import { checked } from './os-error.ts'

const RLIMIT_NOFILE = 7
const UNLIMITED = 0xffff_ffff_ffff_ffffn

const prlimit64 = libcFunction<[number, number, Buffer | null, Buffer | null], number>(
  'int prlimit64(int pid, int resource, void *new_limit, void *old_limit)',
)

const wanted = Buffer.alloc(16)
const current = Buffer.alloc(16)

/** Open files that this process may have. Infinity where there is no limit. */
export function noFileLimit(): { soft: number; hard: number } {
  checked(prlimit64(0, RLIMIT_NOFILE, null, current), 'prlimit')
  return { soft: limitAt(current, 0), hard: limitAt(current, 8) }
}

/** Sets the soft limit of this process, at most its hard one, which stays. Returns what it was. */
export function setSoftNoFile(soft: number): number {
  const before = noFileLimit()
  current.copy(wanted)
  wanted.writeBigUInt64LE(soft >= before.hard ? current.readBigUInt64LE(8) : BigInt(soft), 0)
  checked(prlimit64(0, RLIMIT_NOFILE, wanted, null), 'prlimit')
  return before.soft
}

function limitAt(buffer: Buffer, offset: number): number {
  const value = buffer.readBigUInt64LE(offset)
  return value === UNLIMITED ? Number.POSITIVE_INFINITY : Number(value)
}
