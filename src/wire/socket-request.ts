// How a worker asks its server for a socket, and a new server the one before it for all of them: one JSON line over a unix socket,
// the open files come back as SCM_RIGHTS beside the answer.

/** Longer lines are no requests. */
export const REQUEST_MOST = 4 * 1024
/** Sockets in one answer, which is one message to the kernel (253 files at most). */
export const SOCKETS_AT_ONCE = 64

export type SocketAddressWish =
  /** `host` is an IP address: names are resolved by who asks. */
  | { readonly family: 'tcp4' | 'tcp6' | 'udp4' | 'udp6'; readonly host: string; readonly port: number }
  | { readonly family: 'unix'; readonly path: string }

export interface SocketWish {
  readonly address: SocketAddressWish
  /** Which of several with port 0; null: the one without a name. */
  readonly name: string | null
  /** What it is opened with, if it is not open yet. */
  readonly backlog: number
  /** Permission bits of a unix socket, null: by umask. */
  readonly mode: number | null
}

export type SocketRequest = { readonly secret: string } & (
  | { readonly open: SocketWish; readonly all?: undefined }
  | { readonly all: true; readonly open?: undefined }
)

/** Of the socket that comes with it. */
export interface OpenedSocket {
  readonly key: string
  /** With the real port. */
  readonly address: SocketAddressWish
  readonly backlog: number
}

/** For a server that takes it over: all there is to know of it. */
export interface HandedSocket extends OpenedSocket {
  /** True: by name from the options, so the other server has it already. */
  readonly declared: boolean
  readonly mode: number | null
  /** Of a unix socket's file, null for others. */
  readonly device: number | null
  readonly inode: number | null
}

/** As Node's errors say it. */
export interface SocketProblem {
  readonly message: string
  readonly code: string
  readonly syscall: string
  readonly errno?: number
  readonly address?: string
  readonly port?: number
}

export type SocketAnswer =
  | { readonly opened: OpenedSocket }
  | { readonly error: SocketProblem }
  /** As many as fit into one; `more` follow in the next line. */
  | { readonly sockets: readonly HandedSocket[]; readonly more: boolean }

/** @throws Error saying what is wrong with it */
export function parseSocketRequest(line: string): SocketRequest {
  const { secret, open, all } = record(JSON.parse(line), 'the request')
  if (typeof secret !== 'string') throw new Error('it has no secret')
  if (all === true) return { secret, all }
  const { address, name = null, backlog, mode = null } = record(open, 'open')
  if (name !== null && typeof name !== 'string') throw new Error('name is not a text')
  if (mode !== null && !isNumber(mode, 0o777)) throw new Error('mode is not a number of permission bits')
  if (!isNumber(backlog, 2 ** 31 - 1)) throw new Error('backlog is not a number')
  return { secret, open: { address: parseAddress(record(address, 'address')), name, backlog, mode } }
}

function parseAddress({ family, host, port, path }: Record<string, unknown>): SocketAddressWish {
  if (family === 'unix') {
    if (typeof path !== 'string' || !path.startsWith('/')) throw new Error('path is not absolute')
    return { family, path }
  }
  if (family !== 'tcp4' && family !== 'tcp6' && family !== 'udp4' && family !== 'udp6')
    throw new Error('there is no such family')
  if (typeof host !== 'string') throw new Error('host is not a text')
  if (!isNumber(port, 65_535)) throw new Error('port is not a port')
  return { family, host, port }
}

function record(value: unknown, what: string): Record<string, unknown> {
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Record<string, unknown>
  throw new Error(`${what} is not an object`)
}

function isNumber(value: unknown, most: number): value is number {
  return typeof value === 'number' && Number.isInteger(value) && value >= 0 && value <= most
}
