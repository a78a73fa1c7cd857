// The lines that a worker reads from HOLDFAST_COMMAND_FD: one JSON object each, whose single key says what it is.

import { type LogLevel, parseLogLevel } from './log-level.ts'

export type CommandMessage =
  /** `deadline` is ISO 8601, wall clock. */
  | { readonly stop: { readonly reason: string; readonly deadline: string } }
  /** `config` undefined: there is none. `logLevel`: of a server made with the library. */
  | { readonly reload: { readonly config: unknown; readonly logLevel?: LogLevel } }
  | { readonly promote: { readonly slot: number; readonly token: string | null } }
  | { readonly lost: { readonly reason: string } }
  /** To a forked worker: it finishes its work, and has the next forkserver forked from itself. */
  | { readonly refork: ReforkOrder }

/** Who the new forkserver is, and the FIFOs that it opens. */
export interface ReforkOrder {
  readonly name: string
  readonly generation: number
  /** HOLDFAST_ID, with room for that of a worker. */
  readonly id: string
  readonly commands: string
  readonly status: string
  readonly stdout: string
  readonly stderr: string
  readonly session: boolean | 'group'
}

type KeysOf<M> = M extends unknown ? keyof M : never
/** What stands behind the key of one of them. */
export type CommandMessageOf<K extends KeysOf<CommandMessage>> = Extract<CommandMessage, Record<K, unknown>>[K]

/** One line with its newline. */
export function formatCommandMessage(message: CommandMessage): string {
  return `${JSON.stringify(message)}\n`
}

/** Null for what is unknown or not well formed: a worker ignores it, so that a newer supervisor may say more. */
export function parseCommandMessage(line: string): CommandMessage | null {
  let value: unknown
  try {
    value = JSON.parse(line)
  } catch {
    return null
  }
  if (!isObject(value)) return null
  const { stop, reload, promote, lost, refork } = value
  if (isObject(stop)) return { stop: { reason: text(stop.reason), deadline: text(stop.deadline) } }
  if (isObject(reload)) return { reload: { config: reload.config, ...levelOf(reload.logLevel) } }
  if (isObject(promote)) return { promote: { slot: number(promote.slot), token: token(promote.token) } }
  if (isObject(lost)) return { lost: { reason: text(lost.reason) } }
  return isObject(refork) ? { refork: reforkOrder(refork) } : null
}

function reforkOrder(value: Record<string, unknown>): ReforkOrder {
  const { name, generation, id, commands, status, stdout, stderr, session } = value
  return {
    name: text(name),
    generation: number(generation),
    id: text(id),
    commands: text(commands),
    status: text(status),
    stdout: text(stdout),
    stderr: text(stderr),
    session: session === 'group' ? 'group' : session === true,
  }
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function levelOf(value: unknown): { logLevel?: LogLevel } {
  const level = parseLogLevel(text(value))
  return level === null ? {} : { logLevel: level }
}

function text(value: unknown): string {
  return typeof value === 'string' ? value : ''
}

function number(value: unknown): number {
  return typeof value === 'number' && Number.isInteger(value) ? value : 0
}

function token(value: unknown): string | null {
  return typeof value === 'string' || typeof value === 'number' ? String(value) : null
}
