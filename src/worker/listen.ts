import type * as dgram from 'node:dgram'
import type * as http from 'node:http'
import type * as http2 from 'node:http2'
import type * as net from 'node:net'
import type * as tls from 'node:tls'
import type { Drain } from './drain.ts'
import { drainConnections } from './drain-connections.ts'
import { drainDatagrams } from './drain-datagrams.ts'
import { drainHttp } from './drain-http.ts'
import { drainHttp2 } from './drain-http2.ts'
import { count, type Environment } from './read-environment.ts'
import type { BoundAddress, FrameworkWithServer, Listenable, ListenFallback } from './worker.ts'
import type { GivenSockets } from './worker-link.ts'

const defaultBacklog = 1024

/** What was given to `listen`, told apart by what it can do: no need to load http and http2 for `instanceof`. */
export type Listener =
  | { readonly is: 'http'; readonly server: http.Server; readonly requestsOn: 'connection' | 'secureConnection' }
  | { readonly is: 'http2'; readonly server: http2.Http2Server }
  | { readonly is: 'connections'; readonly server: net.Server }
  | { readonly is: 'datagrams'; readonly socket: dgram.Socket }

/** @throws TypeError for what is no server. */
export async function listenerOf(given: Listenable): Promise<Listener> {
  if (given === undefined || given === null) throw new TypeError(GIVE_A_SERVER)
  if (isServer(given)) return serverKind(given)
  if (isDatagramSocket(given)) return { is: 'datagrams', socket: given }
  if (hasServer(given)) {
    await given.ready?.()
    return serverKind(given.server)
  }
  throw new TypeError(GIVE_A_SERVER)
}

const GIVE_A_SERVER =
  "listen: give it a server, listen('http', server); for an Express or Koa application: http.createServer(app)"

export function drainOf(listener: Listener): Drain {
  switch (listener.is) {
    case 'http':
      return drainHttp(listener.server)
    case 'http2':
      return drainHttp2(listener.server)
    case 'connections':
      return drainConnections(listener.server)
    case 'datagrams':
      return drainDatagrams(listener.socket)
  }
}

/** Where to bind: the supervisor's socket, or an address of our own. */
export type Place =
  | { readonly is: 'inherited'; readonly fd: number; readonly backlog: number }
  | { readonly is: 'own'; readonly fallback: ListenFallback; readonly port: number }

/**
 * A service that has sockets never falls back: a misspelt name would bind a port that nobody asked for.
 * @param given null: outside Holdfast
 * @throws Error when the service has other sockets, or its socket did not reach this worker.
 */
export function placeOf(name: string, given: GivenSockets | null, env: Environment, fallback: ListenFallback): Place {
  if (fallback.fd !== undefined)
    return { is: 'inherited', fd: fallback.fd, backlog: fallback.backlog ?? defaultBacklog }
  const socket = given?.take(name) ?? null
  if (socket !== null) return { is: 'inherited', ...socket }
  const others = given?.names ?? []
  const port = fallback.port ?? count(env.PORT)
  if (others.length > 0 || (given !== null && port === null && fallback.path === undefined)) {
    const has = others.length > 0 ? `it has ${others.join(', ')}` : 'it has none'
    throw new Error(`this service has no socket "${name}" (${has}): add it to the service's \`sockets\``)
  }
  return { is: 'own', fallback, port: port ?? 0 }
}

/** Resolves when it listens; rejects with what the system says (EADDRINUSE …). */
export function bind(listener: Listener, place: Place): Promise<BoundAddress> {
  const target = listener.is === 'datagrams' ? listener.socket : listener.server
  return new Promise((resolve, reject) => {
    target.once('error', reject)
    const bound = (): void => {
      target.off('error', reject)
      const address = target.address()
      const problem = listener.is === 'datagrams' ? versionProblem(listener.socket, address) : null
      if (problem === null) resolve(address)
      else reject(problem)
    }
    if (listener.is === 'datagrams') bindDatagrams(listener.socket, place, bound)
    else bindServer(listener.server, place, bound)
  })
}

/** A udp6 socket sends to IPv6 addresses alone, whatever it is bound to. */
function versionProblem(socket: dgram.Socket, bound: net.AddressInfo | string | null): TypeError | null {
  const { type } = socket as unknown as { readonly type?: string }
  const wanted = typeof bound === 'object' && bound?.family === 'IPv6' ? 'udp6' : 'udp4'
  if (type === undefined || type === wanted) return null
  socket.close()
  return new TypeError(
    `listen: the address is ${wanted === 'udp6' ? 'IPv6' : 'IPv4'}: give it createSocket('${wanted}')`,
  )
}

export function describeAddress(address: BoundAddress): string {
  if (address === null || typeof address === 'string') return String(address)
  return address.family === 'IPv6' ? `[${address.address}]:${address.port}` : `${address.address}:${address.port}`
}

/** Of a descriptor that is another kind of socket Node says nothing but EINVAL. */
export function explainKind(error: unknown, name: string, { is }: Listener): unknown {
  const { code } = error as NodeJS.ErrnoException
  if (is === 'datagrams' && code === 'ERR_INVALID_FD_TYPE')
    return new TypeError(`socket "${name}" is not for datagrams: listen on it with a server`, { cause: error })
  if (is !== 'datagrams' && code === 'EINVAL')
    return new TypeError(`socket "${name}" is for datagrams: listen on it with a socket of node:dgram`, {
      cause: error,
    })
  return error
}

function bindServer(server: net.Server, place: Place, bound: () => void): void {
  if (place.is === 'inherited') {
    // The backlog must be given: without, Node calls listen(2) with 511 on the socket that all workers share.
    server.listen({ fd: place.fd }, place.backlog, bound)
    return
  }
  const { host, path, backlog = defaultBacklog } = place.fallback
  if (path !== undefined) server.listen({ path, backlog }, bound)
  else server.listen({ port: place.port, backlog, ...(host === undefined ? {} : { host }) }, bound)
}

function bindDatagrams(socket: dgram.Socket, place: Place, bound: () => void): void {
  if (place.is === 'inherited') socket.bind({ fd: place.fd }, bound)
  else socket.bind({ port: place.port, ...(place.fallback.host ? { address: place.fallback.host } : {}) }, bound)
}

function serverKind(server: net.Server): Listener {
  if (typeof (server as Partial<http2.Http2Server>).updateSettings === 'function') {
    return { is: 'http2', server: server as http2.Http2Server }
  }
  if (typeof (server as Partial<http.Server>).keepAliveTimeout === 'number') {
    const secure = typeof (server as Partial<tls.Server>).setSecureContext === 'function'
    return { is: 'http', server: server as http.Server, requestsOn: secure ? 'secureConnection' : 'connection' }
  }
  return { is: 'connections', server }
}

function isServer(value: Listenable): value is net.Server {
  return typeof (value as Partial<net.Server>).getConnections === 'function'
}

function isDatagramSocket(value: Listenable): value is dgram.Socket {
  return typeof (value as Partial<dgram.Socket>).addMembership === 'function'
}

function hasServer(value: Listenable): value is FrameworkWithServer {
  const { server } = value as Partial<FrameworkWithServer>
  return server !== undefined && isServer(server)
}
