// What a supervisor and a forkserver say to each other: JSON lines, whose single key says what each is. docs/forkservers.md has it
// for those who write a forkserver of their own.
import { type ProxyOrder, type ProxyStatus, proxyStatusOf } from './proxy-messages.ts'

/** Whom a forked worker has to become. `groups` are all of its supplementary groups. */
export interface ForkUser {
  readonly uid?: number
  readonly gid: number
  readonly groups: readonly number[]
}

export interface ForkOrder {
  /** `web/0` */
  readonly id: string
  /** Comes back with the answer; one of its own for each order. */
  readonly token: string
  /** Null: what was loaded says what is run. */
  readonly entry: string | null
  /** On top of the forkserver's own environment, less what that was given for itself. */
  readonly env: Readonly<Record<string, string>>
  readonly cwd: string
  /** A path to open; null: /dev/null. */
  readonly stdin: null | { readonly socket: string }
  readonly stdout: string | null
  readonly stderr: string | null
  /** FIFOs, opened for reading and writing; their numbers go into HOLDFAST_NOTIFY_FD and HOLDFAST_COMMAND_FD. */
  readonly notify: string
  readonly commands: string
  readonly user: ForkUser | null
  readonly umask: number | null
  readonly nice: number
  readonly limits: Readonly<Record<string, { readonly soft: number | null; readonly hard: number | null }>>
  readonly session: boolean | 'group'
  /** By name, the descriptor in the forkserver. */
  readonly sockets: Readonly<Record<string, number>>
}

/** With the same order for a proxy beside it, where it may be one. */
export type ForkCommand =
  | ({ readonly start: ForkOrder } & Partial<ProxyOrder>)
  | { readonly quit: Record<string, never> }

export type ForkStatus =
  | ProxyStatus
  /** Once, when the application is loaded. `cold`: why it can not be forked from. `pid`: its own. `rss` in bytes, `ms` of loading. */
  | {
      readonly is: 'loaded'
      readonly modules: number
      readonly ms: number
      readonly rss: number
      readonly cold: string | null
      readonly pid: number | null
    }
  | { readonly is: 'started'; readonly token: string; readonly pid: number }
  /** `unsound`: a process was forked, and was not fit to be a worker. */
  | { readonly is: 'failed'; readonly token: string; readonly error: string; readonly unsound: boolean }
  | { readonly is: 'error'; readonly error: string }

/** One line with its newline. */
export function formatForkCommand(command: ForkCommand): string {
  return `${JSON.stringify(command)}\n`
}

/** Null for an empty line; what can not be understood is an `error` that says so. */
export function parseForkStatus(line: string): ForkStatus | null {
  if (line.trim() === '') return null
  let value: unknown
  try {
    value = JSON.parse(line)
  } catch {
    return notUnderstood(line)
  }
  if (!isObject(value)) return notUnderstood(line)
  const { loaded, started, failed, error } = value
  if (isObject(loaded)) {
    const { modules, ms, rss, cold, pid } = loaded
    return {
      is: 'loaded',
      modules: amount(modules),
      ms: amount(ms),
      rss: amount(rss),
      cold: typeof cold === 'string' ? cold : null,
      pid: isPid(pid) ? pid : null,
    }
  }
  if (isObject(started)) {
    const token = text(started.token)
    if (isPid(started.pid)) return { is: 'started', token, pid: started.pid }
    return { is: 'failed', token, error: `said that it is process ${quoted(String(started.pid))}`, unsound: false }
  }
  if (isObject(failed)) {
    const { token, unsound } = failed
    return {
      is: 'failed',
      token: text(token),
      error: quoted(text(failed.error), LONGEST_ERROR) || 'no reason given',
      unsound: unsound === true,
    }
  }
  if (typeof error === 'string') return { is: 'error', error: quoted(error, LONGEST_ERROR) }
  return proxyStatusOf(value) ?? notUnderstood(line)
}

const LONGEST_QUOTE = 200
/** With a stack, and a list of what is open. */
const LONGEST_ERROR = 4_000

function notUnderstood(line: string): ForkStatus {
  return { is: 'error', error: `said what is no message of a forkserver: ${quoted(line)}` }
}

function quoted(words: string, longest = LONGEST_QUOTE): string {
  return words.length > longest ? `${words.slice(0, longest)} …` : words
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** 0 and less would be a group, 1 everybody's ancestor. */
function isPid(value: unknown): value is number {
  return typeof value === 'number' && Number.isInteger(value) && value > 1
}

function amount(value: unknown): number {
  return typeof value === 'number' && Number.isFinite(value) && value >= 0 ? value : 0
}

function text(value: unknown): string {
  return typeof value === 'string' || typeof value === 'number' ? String(value) : ''
}
