// An order to start a worker, as it comes: every key but id and token may be missing.

export type UserToBe =
  | string
  | { readonly uid: number | null; readonly gid: number; readonly groups: readonly number[] }

export interface StartOrder {
  readonly id: string
  readonly token: string
  readonly entry: string | null
  /** Null: is removed. */
  readonly env: Readonly<Record<string, string | null>>
  readonly cwd: string | null
  /** Name of the socket that is its standard input; null: /dev/null. */
  readonly stdinSocket: string | null
  /** A path, null for /dev/null, `inherit` for the forkserver's own. */
  readonly stdout: string | null
  readonly stderr: string | null
  readonly notify: string | null
  readonly commands: string | null
  readonly user: UserToBe | null
  readonly umask: number | null
  readonly nice: number
  readonly limits: Readonly<Record<string, { readonly soft: number | null; readonly hard: number | null }>>
  readonly session: boolean | 'group'
  readonly sockets: Readonly<Record<string, number>>
}

export const INHERIT = 'inherit'

/** @throws Error saying what is missing */
export function readStartOrder(value: unknown): StartOrder {
  if (!isObject(value)) throw new Error('start is no object')
  const { id, token, env, stdin, limits, sockets } = value
  if (typeof id !== 'string' || (typeof token !== 'string' && typeof token !== 'number')) {
    throw new Error('start needs an id and a token')
  }
  return {
    id,
    token: String(token),
    entry: textOrNull(value.entry),
    env: isObject(env) ? onlyTexts(env) : {},
    cwd: textOrNull(value.cwd),
    stdinSocket: isObject(stdin) ? textOrNull(stdin.socket) : null,
    stdout: outputOf(value.stdout),
    stderr: outputOf(value.stderr),
    notify: textOrNull(value.notify),
    commands: textOrNull(value.commands),
    user: userOf(value.user),
    umask: typeof value.umask === 'number' ? value.umask : null,
    nice: typeof value.nice === 'number' ? value.nice : 0,
    limits: isObject(limits) ? (limits as StartOrder['limits']) : {},
    session: value.session === 'group' ? 'group' : value.session === true,
    sockets: isObject(sockets) ? (sockets as Record<string, number>) : {},
  }
}

export function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function textOrNull(value: unknown): string | null {
  return typeof value === 'string' && value !== '' ? value : null
}

function outputOf(value: unknown): string | null {
  return value === undefined ? INHERIT : textOrNull(value)
}

function onlyTexts(env: Record<string, unknown>): Record<string, string | null> {
  return Object.fromEntries(Object.entries(env).map(([name, value]) => [name, value === null ? null : String(value)]))
}

function userOf(user: unknown): UserToBe | null {
  if (!isObject(user)) return textOrNull(user)
  const { uid, gid, groups } = user
  if (typeof gid !== 'number') throw new Error('user needs a gid')
  return {
    uid: typeof uid === 'number' ? uid : null,
    gid,
    groups: Array.isArray(groups) ? groups.filter((group) => typeof group === 'number') : [],
  }
}
