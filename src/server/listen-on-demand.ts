// `ctx.listenTcp` and its like: a worker asks its server for a socket, and listens on it.
import type * as dgram from 'node:dgram'
import { isIP } from 'node:net'
import { resolve } from 'node:path'
import { closeFd } from '../os/close-fd.ts'
import type { SocketAddressWish } from '../wire/socket-request.ts'
import type { Listenable, Worker } from '../worker/worker.ts'
import { askForSocket, type DeskPlace } from './ask-for-sockets.ts'
import { checkListenOptions, checkListenPath, checkVersion, versionOf } from './listen-arguments.ts'

interface OnDemandOptions {
  /** Connections that may wait to be accepted, default 1024. The first worker that asks decides. */
  readonly backlog?: number
  /** Listens at once, and is drained at the stop, as by `ctx.listen`. */
  readonly server?: Listenable
}

/**
 * For `ctx.listenTcp`.
 * @example
 * ```ts
 * import { createServer } from 'node:net'
 * import { defineServer } from 'holdfast'
 *
 * export const server = defineServer({
 *   name: 'echo',
 *   worker: {
 *     async run(ctx) {
 *       const echo = createServer((connection) => connection.pipe(connection))
 *       const { port } = await ctx.listenTcp('0.0.0.0', 0, { server: echo, name: 'echo', backlog: 64 })
 *       ctx.logger.info(`port ${port}, the same for every worker`)
 *     },
 *   },
 * })
 * ```
 */
export interface ListenTcpOptions extends OnDemandOptions {
  /** With port 0: each name has a free port of its own, the same for all workers. */
  readonly name?: string
}

/**
 * For `ctx.listenUdp`.
 * @example
 * ```ts
 * import { createSocket } from 'node:dgram'
 * import { defineServer } from 'holdfast'
 *
 * export const server = defineServer({
 *   name: 'dns',
 *   worker: {
 *     async run(ctx) {
 *       const socket = createSocket('udp6', (query, { port, address }) => socket.send(query, port, address))
 *       await ctx.listenUdp('::1', 5353, { socket })
 *     },
 *   },
 * })
 * ```
 */
export interface ListenUdpOptions extends Pick<ListenTcpOptions, 'name'> {
  /** Receives at once, and is drained at the stop, as by `ctx.listen`. */
  readonly socket?: dgram.Socket
}

/**
 * For `ctx.listenUnix`.
 * @example
 * ```ts
 * import { createServer } from 'node:http'
 * import { defineServer } from 'holdfast'
 *
 * export const server = defineServer({
 *   name: 'shop',
 *   worker: {
 *     async run(ctx) {
 *       const admin = createServer((_, response) => response.end('admin\n'))
 *       await ctx.listenUnix('/run/shop/admin.sock', { server: admin, mode: 0o660 })
 *     },
 *   },
 * })
 * ```
 */
export interface ListenUnixOptions extends OnDemandOptions {
  /** Permission bits of the file, default by umask. The first worker that asks decides. */
  readonly mode?: number
}

/** A TCP or UDP socket of the server. */
export interface SocketOnDemand {
  /** This worker's own descriptor: of `server` where one was given, else the worker's to listen on, and to close. */
  readonly fd: number
  /** What it is bound to, as a number: `127.0.0.1`, `::1`. */
  readonly address: string
  /** The real one, also where 0 was asked for. */
  readonly port: number
}

/** A unix socket of the server. */
export interface UnixSocketOnDemand {
  /** This worker's own descriptor, as with `SocketOnDemand`. */
  readonly fd: number
  /** Absolute. */
  readonly path: string
}

interface Wish {
  readonly address: SocketAddressWish
  readonly name?: string | undefined
  readonly backlog?: number | undefined
  readonly mode?: number | undefined
  readonly server: Listenable | undefined
}

const DEFAULT_BACKLOG = 1_024

export interface ListenHost {
  /** Where sockets are asked for. */
  readonly desk: DeskPlace | null
  /** One of them is listened on. */
  listens(): void
}

export class ListenOnDemand {
  readonly #worker: Worker
  readonly #host: ListenHost
  readonly #times = new Map<string, number>()

  constructor(worker: Worker, host: ListenHost) {
    this.#worker = worker
    this.#host = host
  }

  async tcp(host: string, port: number, options: ListenTcpOptions): Promise<SocketOnDemand> {
    checkListenOptions('listenTcp', options)
    const { name, backlog, server } = options
    const { ip, version } = await resolveName(host, null)
    const address = { family: `tcp${version}`, host: ip, port: checkedPort(port) } as const
    return ipSocket(await this.#listen({ address, name, backlog, server }))
  }

  async udp(host: string, port: number, options: ListenUdpOptions): Promise<SocketOnDemand> {
    checkListenOptions('listenUdp', options)
    const { name, socket } = options
    const { ip, version } = await resolveName(host, socket === undefined ? null : versionOf(socket))
    checkVersion(socket, ip, version)
    const address = { family: `udp${version}`, host: ip, port: checkedPort(port) } as const
    return ipSocket(await this.#listen({ address, name, server: socket }))
  }

  async unix(path: string, options: ListenUnixOptions): Promise<UnixSocketOnDemand> {
    checkListenPath(path)
    checkListenOptions('listenUnix', options)
    const { backlog, mode, server } = options
    const address = { family: 'unix', path: resolve(path) } as const
    const { fd } = await this.#listen({ address, backlog, mode, server })
    return { fd, path: address.path }
  }

  async #listen({ address, name = '', backlog = DEFAULT_BACKLOG, mode, server }: Wish) {
    const asked = { address, name: name === '' ? null : name, backlog, mode: mode ?? null }
    const { socket, fd } = await this.#ask(asked)
    if (server !== undefined) {
      try {
        await this.#worker.listen(this.#label(socket.key), server, { fd, backlog: socket.backlog })
      } catch (error) {
        // What a system call says comes from Node's handle, which had taken the descriptor over and closed it.
        const { syscall, cause } = error as NodeJS.ErrnoException
        const of = syscall ?? (cause as NodeJS.ErrnoException | undefined)?.syscall
        if (of === undefined) closeFd(fd)
        throw error
      }
      this.#host.listens()
    }
    return { fd, address: socket.address }
  }

  async #ask(wish: Parameters<typeof askForSocket>[1]): ReturnType<typeof askForSocket> {
    const { desk } = this.#host
    if (desk === null) throw new Error('this worker has no server that could open a socket')
    try {
      return await askForSocket(desk, wish)
    } catch (error) {
      const { address } = wish
      const where =
        address.family === 'unix' ? { address: address.path } : { address: address.host, port: address.port }
      throw Object.assign(error as Error, where)
    }
  }

  /** Two servers may listen on the same socket, but the SDK knows them by name. */
  #label(key: string): string {
    const times = (this.#times.get(key) ?? 0) + 1
    this.#times.set(key, times)
    return times === 1 ? key : `${key} (${times})`
  }
}

/** Here and not in the server, which must not wait for a name service. */
async function resolveName(host: string, wanted: 4 | 6 | null): Promise<{ ip: string; version: 4 | 6 }> {
  if (typeof host !== 'string' || host === '')
    throw new TypeError('host: give an address or a name, 0.0.0.0 for every address')
  const literal = isIP(host)
  if (literal === 4 || literal === 6) return { ip: host, version: literal }
  const { lookup } = await import('node:dns/promises')
  const { address, family } = await lookup(host, wanted === null ? {} : { family: wanted })
  return { ip: address, version: family === 6 ? 6 : 4 }
}

function checkedPort(port: number): number {
  if (Number.isInteger(port) && port >= 0 && port <= 65_535) return port
  throw Object.assign(new RangeError(`port: ${String(port)} is not one, they go from 0 to 65535`), {
    code: 'ERR_SOCKET_BAD_PORT',
  })
}

function ipSocket({ fd, address }: { fd: number; address: SocketAddressWish }): SocketOnDemand {
  return address.family === 'unix'
    ? { fd, address: address.path, port: 0 }
    : { fd, address: address.host, port: address.port }
}
