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

/**
 * Sets the soft limit of this process, at most its hard one, which stays. @returns what sets it back
 * The hard limit is looked at each time, at the setting back, too: an administrator may have lowered it, and to set what it was
 * would fail, or raise it.
 */
export function setSoftNoFile(soft: number): () => void {
  const { soft: before, hard } = noFileLimit()
  if (Math.min(soft, hard) === before) return () => {}
  current.copy(wanted)
  wanted.writeBigUInt64LE(soft >= hard ? current.readBigUInt64LE(8) : BigInt(soft), 0)
  checked(prlimit64(0, RLIMIT_NOFILE, wanted, null), 'prlimit')
  return () => {
    setSoftNoFile(before)
  }
}

function limitAt(buffer: Buffer, offset: number): number {
  const value = buffer.readBigUInt64LE(offset)
  return value === UNLIMITED ? Number.POSITIVE_INFINITY : Number(value)
}

/** By the names of prlimit(1), numbers of asm-generic/resource.h. */
const RESOURCES: Readonly<Record<string, number>> = {
  cpu: 0,
  fsize: 1,
  data: 2,
  stack: 3,
  core: 4,
  rss: 5,
  nproc: 6,
  nofile: RLIMIT_NOFILE,
  memlock: 8,
  as: 9,
  locks: 10,
  sigpending: 11,
  msgqueue: 12,
  nice: 13,
  rtprio: 14,
  rttime: 15,
}

/** Limits of this process by the names of prlimit(1); null is unlimited. @throws OsError, or Error where there is none of that name */
export function setLimits(limits: Readonly<Record<string, { soft: number | null; hard: number | null }>>): void {
  for (const [name, { soft, hard }] of Object.entries(limits)) {
    const resource = RESOURCES[name]
    if (resource === undefined) throw new Error(`there is no limit ${name}`)
    wanted.writeBigUInt64LE(soft === null ? UNLIMITED : BigInt(soft), 0)
    wanted.writeBigUInt64LE(hard === null ? UNLIMITED : BigInt(hard), 8)
    checked(prlimit64(0, resource, wanted, null), 'prlimit', name)
  }
}
