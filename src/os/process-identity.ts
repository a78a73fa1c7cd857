// A pid alone is not an identity: the kernel uses it again. Pid and start time are one, until the next boot.
import { readProcFile } from './proc-file.ts'

export interface ProcessIdentity {
  readonly pid: number
  /** Clock ticks since boot: field 22 of /proc/<pid>/stat. */
  readonly startTime: number
}

export interface ProcessStat {
  readonly state: string
  readonly parent: number
  readonly processGroup: number
  readonly session: number
  readonly userTicks: number
  readonly systemTicks: number
  readonly startTime: number
  readonly residentPages: number
}

/** What /proc/<pid>/stat says, null when there is no such process. */
export function statOf(pid: number): ProcessStat | null {
  const stat = readProcFile(`/proc/${pid}/stat`, { short: true })
  if (stat === null || stat.length === 0) return null
  // The command stands in parentheses and may itself contain blanks and parentheses: count from the last one.
  const fields = stat.toString('latin1', stat.lastIndexOf(0x29) + 2).split(' ')
  return {
    state: fields[0] ?? '',
    parent: Number(fields[1]),
    processGroup: Number(fields[2]),
    session: Number(fields[3]),
    userTicks: Number(fields[11]),
    systemTicks: Number(fields[12]),
    startTime: Number(fields[19]),
    residentPages: Number(fields[21]),
  }
}

/** Clock ticks since boot at which the process started, null when it is gone. A zombie still has one. */
export function startTimeOf(pid: number): number | null {
  return statOf(pid)?.startTime ?? null
}

/** Whether this very process still runs; a zombie does not. */
export function isAlive(identity: ProcessIdentity): boolean {
  const stat = statOf(identity.pid)
  return stat !== null && stat.startTime === identity.startTime && !isDead(stat)
}

export function isDead(stat: ProcessStat): boolean {
  return stat.state === 'Z' || stat.state === 'X'
}

/** Its command line, null when it is gone. A kernel thread or a zombie has an empty one. */
export function describe(pid: number): { command: string } | null {
  const commandLine = readProcFile(`/proc/${pid}/cmdline`)
  if (commandLine === null) return null
  return { command: commandLine.toString('utf8').replace(/\0+$/, '').replaceAll('\0', ' ') }
}
