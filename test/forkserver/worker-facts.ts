// What the kernel says of a process.
import { readdirSync, readFileSync, readlinkSync } from 'node:fs'

/** fd -> what it is. */
export function fdsOf(pid: number): Record<number, string> {
  const fds = readdirSync(`/proc/${pid}/fd`).map(Number)
  return Object.fromEntries(fds.sort((a, b) => a - b).map((fd) => [fd, readlinkSync(`/proc/${pid}/fd/${fd}`)]))
}

/** Flags with which an fd was opened, in octal. */
export function fdFlags(pid: number, fd: number): number {
  return Number.parseInt(/flags:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/fdinfo/${fd}`, 'utf8'))?.[1] ?? '', 8)
}

/** A field of /proc/PID/status. */
export function statusOf(pid: number, field: string): string {
  const found = new RegExp(`^${field}:[ \\t]*(.*)$`, 'm').exec(readFileSync(`/proc/${pid}/status`, 'utf8'))
  if (found?.[1] === undefined) throw new Error(`no ${field} of ${pid}`)
  return found[1].trim()
}

/** Soft and hard. */
export function limitOf(pid: number, name: string): readonly string[] {
  const line = new RegExp(`^${name} {2,}(\\S+) +(\\S+)`, 'm').exec(readFileSync(`/proc/${pid}/limits`, 'utf8'))
  return line?.slice(1) ?? []
}

/** Fields of /proc/PID/stat, from 1 as in proc(5). */
export function statOf(pid: number, field: 'ppid' | 'group' | 'session' | 'nice'): number {
  const text = readFileSync(`/proc/${pid}/stat`, 'utf8')
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ')
  return Number(fields[{ ppid: 4, group: 5, session: 6, nice: 19 }[field] - 3])
}

export function titleOf(pid: number): string {
  return readFileSync(`/proc/${pid}/cmdline`, 'utf8').replace(/\0+$/, '')
}

/** Signals of a mask of /proc/PID/status, without the two that the C library keeps for itself. */
export function signalsIn(pid: number, field: 'SigBlk' | 'SigIgn' | 'SigCgt'): number[] {
  const mask = BigInt(`0x${statusOf(pid, field)}`)
  return Array.from({ length: 64 }, (_, index) => index + 1).filter(
    (number) => number !== 32 && number !== 33 && (mask >> BigInt(number - 1)) & 1n,
  )
}

/** What /proc shows of a process's environment. */
export function environmentOf(pid: number): string[] {
  return readFileSync(`/proc/${pid}/environ`, 'utf8').split('\0')
}
