// What a proxy of ControlFreak reads and says. A program that somebody has written for it works as a forkserver, so each order to a
// program that is not ours is one in both languages, and what it answers tells which one it speaks.
import type { ForkOrder } from './fork-messages.ts'

/** The keys that ControlFreak sends, beside ours. Its booleans are 0 and 1. */
export interface ProxyOrder {
  readonly command: 'start'
  readonly name: string
  readonly cmd: string | null
  readonly env: Readonly<Record<string, string>>
  readonly ignore_stdout: 0 | 1
  readonly ignore_stderr: 0 | 1
  readonly tie_stdin_to: string | null
  readonly no_new_session: 0 | 1
}

export type ProxyStatus =
  | { readonly is: 'proxy-started'; readonly name: string; readonly pid: number }
  /** `status` as waitpid(2) writes it. */
  | { readonly is: 'proxy-stopped'; readonly name: string; readonly status: number }

/** @param name under which the proxy knows the worker: one of its own for each process */
export function proxyOrderOf(name: string, { entry, env, stdin, stdout, stderr, session }: ForkOrder): ProxyOrder {
  return {
    command: 'start',
    name,
    cmd: entry,
    env,
    ignore_stdout: stdout === null ? 1 : 0,
    ignore_stderr: stderr === null ? 1 : 0,
    tie_stdin_to: stdin === null ? null : stdin.socket,
    no_new_session: session === true ? 0 : 1,
  }
}

/** Null: it is no message of a proxy. */
export function proxyStatusOf(value: Readonly<Record<string, unknown>>): ProxyStatus | null {
  const { status, name } = value
  if (typeof name !== 'string') return null
  const pid = count(value.pid)
  const ended = count(value.exit_status)
  if (status === 'started' && pid !== null && pid > 1) return { is: 'proxy-started', name, pid }
  if (status === 'stopped' && ended !== null) return { is: 'proxy-stopped', name, status: ended }
  return null
}

export interface ProxyLogLine {
  readonly stream: 'out' | 'err'
  /** Null: it is the proxy's own. */
  readonly name: string | null
  readonly line: string
}

/** `out:NAME:MESSAGE`, in which the message may contain colons. Null for anything else. */
export function parseProxyLogLine(text: string): ProxyLogLine | null {
  const [, type = '', name = '', line = ''] = /^(\w+):([^:]*):(.*)$/s.exec(text) ?? []
  if (name === '') return null
  return { stream: type === 'err' ? 'err' : 'out', name: name === '-' ? null : name, line }
}

/** Perl's JSON may write numbers as texts. */
function count(value: unknown): number | null {
  const number = typeof value === 'string' && /^\d{1,9}$/.test(value) ? Number(value) : value
  return typeof number === 'number' && Number.isInteger(number) && number >= 0 ? number : null
}
