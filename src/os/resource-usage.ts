import { readFileSync } from 'node:fs'
import { readProcFile } from './proc-file.ts'
import { statOf } from './process-identity.ts'

export interface ResourceUsage {
  /** Bytes of memory that are resident, shared ones included. */
  readonly rss: number
  /** User and system time since its start, its reaped children not counted. */
  readonly cpuSeconds: number
}

const AT_NULL = 0n
const AT_PAGESZ = 6n
const AT_CLKTCK = 17n

let units: { pageSize: number; ticksPerSecond: number } | null = null

/** One small read per process (11 µs); processes that are gone are missing in the result. */
export function usageOf(pids: readonly number[]): Map<number, ResourceUsage> {
  const usage = new Map<number, ResourceUsage>()
  units ??= readUnits()
  for (const pid of pids) {
    const stat = statOf(pid)
    if (stat === null) continue
    const rss = stat.residentPages * units.pageSize
    usage.set(pid, { rss, cpuSeconds: (stat.userTicks + stat.systemTicks) / units.ticksPerSecond })
  }
  return usage
}

/**
 * Bytes of memory with each shared page counted in parts (proportional set size). The kernel walks the whole address space
 * for it: milliseconds for a large process. null when it is gone or may not be looked at.
 */
export function pssOf(pid: number): number | null {
  const rollup = readProcFile(`/proc/${pid}/smaps_rollup`)
  const match = rollup === null ? null : /^Pss:\s+(\d+) kB$/m.exec(rollup.toString('latin1'))
  return match === null ? null : Number(match[1]) * 1024
}

/** The auxiliary vector of our own process: pairs of a type and a value. */
function readUnits(): { pageSize: number; ticksPerSecond: number } {
  let pageSize = 4096
  let ticksPerSecond = 100
  const vector = readFileSync('/proc/self/auxv')
  for (let at = 0; at + 16 <= vector.length; at += 16) {
    const type = vector.readBigUInt64LE(at)
    const value = Number(vector.readBigUInt64LE(at + 8))
    if (type === AT_NULL) break
    if (type === AT_PAGESZ) pageSize = value
    if (type === AT_CLKTCK) ticksPerSecond = value
  }
  return { pageSize, ticksPerSecond }
}
