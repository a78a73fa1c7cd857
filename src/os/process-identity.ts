// A pid alone is not an identity: the kernel uses it again. Pid and start time are one, until the next boot.
import { libcFunction } from './libc.ts'
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

const BLANK = 0x20
const ZERO = 0x30

/** Clock ticks since boot at which the process started, null when it is gone. A zombie still has one. */
export function startTimeOf(pid: number): number | null {
  const stat = readProcFile(`/proc/${pid}/stat`, { short: true })
  if (stat === null || stat.length === 0) return null
  // Read at every spawn: the one number, without the 50 other strings. The 20th blank after the command is before it.
  let at = stat.lastIndexOf(0x29)
  for (let blanks = 0; blanks < 20; blanks++) at = stat.indexOf(BLANK, at + 1)
  let startTime = 0
  for (let byte = stat[++at] ?? BLANK; byte !== BLANK; byte = stat[++at] ?? BLANK) {
    startTime = startTime * 10 + byte - ZERO
  }
  return startTime
}

const CLOCK_BOOTTIME = 7
const now = Buffer.alloc(16)
const clockGettime = libcFunction<[number, Buffer], number>('int clock_gettime(int clock, void *time)')

/**
 * The start time that a process would have which the kernel makes now: /proc shows CLOCK_BOOTTIME of the clone in hundredths of a
 * second. Asked for before and after a spawn, and the same, it is the child's, without a look into /proc (0.04 ms).
 */
export function startTimeOfNow(): number {
  clockGettime(CLOCK_BOOTTIME, now)
  // Seconds since boot fit in 32 bits.
  return now.readUInt32LE(0) * 100 + Math.floor(now.readUInt32LE(8) / 10_000_000)
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

/** By SIGSTOP, or a debugger. */
export function isStopped(pid: number): boolean {
  const state = statOf(pid)?.state
  return state === 'T' || state === 't'
}
