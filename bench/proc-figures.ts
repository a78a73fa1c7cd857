// Memory, CPU time and wake-ups of a process, from /proc.
import { readdirSync, readFileSync } from 'node:fs'

/** Proportional share of the anonymous memory, in KiB: what the process costs beyond the files it maps. */
export function anonymousPss(pid: number): number {
  return rollupOf(pid, 'Pss_Anon')
}

/** Proportional share of all its memory, in KiB: what it shares with others counts for each of them in part. */
export function pss(pid: number): number {
  return rollupOf(pid, 'Pss')
}

function rollupOf(pid: number, field: string): number {
  const match = new RegExp(`^${field}:\\s+(\\d+) kB$`, 'm').exec(readFileSync(`/proc/${pid}/smaps_rollup`, 'utf8'))
  if (match?.[1] === undefined) throw new Error(`no ${field} of process ${pid}`)
  return Number(match[1])
}

export interface Activity {
  /** How often a thread went to sleep of its own accord, that is: how often one had been woken. */
  readonly wakeUps: number
  readonly cpuMillis: number
}

/** Of all threads since they were started. */
export function activity(pid: number): Activity {
  let wakeUps = 0
  let cpuMillis = 0
  for (const thread of readdirSync(`/proc/${pid}/task`)) {
    const directory = `/proc/${pid}/task/${thread}`
    const status = readFileSync(`${directory}/status`, 'utf8')
    wakeUps += Number(/^voluntary_ctxt_switches:\s+(\d+)/m.exec(status)?.[1] ?? 0)
    cpuMillis += Number(readFileSync(`${directory}/schedstat`, 'utf8').split(' ')[0]) / 1e6
  }
  return { wakeUps, cpuMillis }
}

/** The process and its children, not theirs. */
export function withChildren(pid: number): number[] {
  const threads = readdirSync(`/proc/${pid}/task`)
  const lists = threads.map((thread) => readFileSync(`/proc/${pid}/task/${thread}/children`, 'utf8').trim())
  return [pid, ...lists.flatMap((list) => (list === '' ? [] : list.split(' ').map(Number)))]
}

/** All that is in memory, shared or not, in KiB. */
export function residentSet(pid: number): number {
  return Number(/^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1])
}
