// What the kernel says of a process, whatever program it runs.
import { readdirSync, readFileSync, readlinkSync } from 'node:fs'

export interface ProcessFacts {
  readonly uid: number
  readonly gid: number
  readonly groups: readonly number[]
  /** Octal. */
  readonly umask: string
  readonly nice: number
  readonly session: number
  readonly group: number
  readonly cwd: string
  readonly environment: Readonly<Record<string, string>>
  readonly fds: readonly number[]
  /** Masks, hexadecimal: `0000000000000000` is none. */
  readonly ignoredSignals: string
  readonly blockedSignals: string
}

/** Needs the rights of its owner, or root's. */
export function factsOf(pid: number): ProcessFacts {
  const status = read(pid, 'status')
  const field = (name: string) => new RegExp(`^${name}:\\s*(.*)$`, 'm').exec(status)?.[1]?.trim() ?? ''
  // The command may contain blanks and brackets.
  const stat = read(pid, 'stat')
  const numbers = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  const pairs = read(pid, 'environ')
    .split('\0')
    .filter((pair) => pair.includes('='))
  return {
    uid: Number(field('Uid').split(/\s+/)[1]),
    gid: Number(field('Gid').split(/\s+/)[1]),
    groups: field('Groups').split(' ').filter(Boolean).map(Number),
    umask: field('Umask'),
    group: Number(numbers[2]),
    session: Number(numbers[3]),
    nice: Number(numbers[16]),
    cwd: readlinkSync(`/proc/${pid}/cwd`),
    environment: Object.fromEntries(
      pairs.map((pair) => [pair.slice(0, pair.indexOf('=')), pair.slice(pair.indexOf('=') + 1)]),
    ),
    fds: readdirSync(`/proc/${pid}/fd`)
      .map(Number)
      .sort((a, b) => a - b),
    ignoredSignals: field('SigIgn'),
    blockedSignals: field('SigBlk'),
  }
}

/** `Max open files` → soft and hard. */
export function limitOf(pid: number, name: string): { readonly soft: string; readonly hard: string } {
  const [, soft = '', hard = ''] = new RegExp(`^${name}\\s+(\\S+)\\s+(\\S+)`, 'm').exec(read(pid, 'limits')) ?? []
  return { soft, hard }
}

function read(pid: number, file: string): string {
  return readFileSync(`/proc/${pid}/${file}`, 'utf8')
}
