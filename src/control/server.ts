// HTTP over the control socket. The listener is a plain net.Server and node:http is loaded at the first connection: an idle
// http.Server wakes up by itself, and a supervisor that nobody asks anything needs none of its memory.
import type { Server as HttpServer, IncomingMessage, ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import { HoldfastError } from '../errors/holdfast-error.ts'
import { type ConnectionLimits, Connections } from './connections.ts'
import { type ControlHost, handleCall } from './handlers.ts'
import { listenOnSocketFile } from './listen-socket.ts'
import { type AccessRules, identifyPeer, mayCall, type Peer } from './peer-access.ts'
import { readCall } from './read-call.ts'
import { errorBody, sendError } from './reply.ts'

export interface ControlLimits extends ConnectionLimits {
  /** Bytes. */
  readonly maxBody: number
  /** Bytes that one event stream may have waiting for its client. */
  readonly maxStreamBuffer: number
}

export const CONTROL_LIMITS: ControlLimits = {
  maxConnections: 2_000,
  maxStrangers: 64,
  requestDeadline: 10_000,
  answerDeadline: 30_000,
  maxWaiting: 32 * 1024 * 1024,
  maxBody: 1024 * 1024,
  maxStreamBuffer: 1024 * 1024,
}

export interface ControlServerOptions {
  readonly path: string
  readonly mode: number
  readonly access: AccessRules
  readonly limits?: Partial<ControlLimits>
}

export interface ControlServer {
  readonly path: string
  readonly connections: number
  /** False: its file was removed, and no client can come any more. */
  isInPlace(): boolean
  /** Listens anew where its file was removed; connections stay. @throws HoldfastError HF_SOCKET_BIND */
  relisten(): Promise<void>
  /** Stops listening at once; connections get `grace` ms to read the answer they wait for. */
  close(grace?: number): Promise<void>
}

/** @throws HoldfastError HF_SOCKET_BIND */
export async function openControlServer(host: ControlHost, options: ControlServerOptions): Promise<ControlServer> {
  const limits = { ...CONTROL_LIMITS, ...options.limits }
  const connections = new Connections(limits, (socket) => {
    refuse(socket, badRequest(`the request was not complete within ${limits.requestDeadline / 1000} s`))
  })
  let http: HttpServer | null = null

  const onConnection = (socket: Socket): void => {
    socket.on('error', () => socket.destroy())
    const peer = peerOrNull(socket, options.access)
    if (peer === null) return void socket.destroy()
    if (!connections.hasRoomFor(peer)) return refuse(socket, new HoldfastError('HF_BUSY'))
    connections.add(socket, peer)
    http ??= createHttpServer((request, response) => {
      answer(host, connections, limits, request, response).catch((error) => sendError(response, error))
    })
    // Never listens itself: it only speaks HTTP on the sockets that it is handed.
    http.emit('connection', socket)
  }
  let listening = await listenOnSocketFile(options.path, options.mode, onConnection)

  return {
    path: options.path,
    isInPlace: () => listening.isInPlace(),
    async relisten() {
      if (listening.isInPlace()) return
      const lost = listening
      listening = await listenOnSocketFile(options.path, options.mode, onConnection)
      lost.close()
    },
    get connections() {
      return connections.count
    },
    async close(grace = 2_000) {
      listening.close()
      await connections.close(grace)
    },
  }
}

function createHttpServer(onRequest: (request: IncomingMessage, response: ServerResponse) => void): HttpServer {
  const http = process.getBuiltinModule('node:http')
  // The deadlines are ours: http's own are checked by an interval that only a listening server has.
  const server = http.createServer({ requestTimeout: 0, headersTimeout: 0, keepAliveTimeout: 0 }, onRequest)
  // One request a connection: nothing is then open that nobody waits for, and a pipelined second request is never half done.
  server.maxRequestsPerSocket = 1
  // Who ends its side after the request (`nc -N`) still gets its answer. As old as Node's http, though not in its documentation.
  Object.assign(server, { httpAllowHalfOpen: true })
  server.on('clientError', (_error, socket) => refuse(socket as Socket, badRequest('not a valid HTTP request')))
  return server
}

async function answer(
  host: ControlHost,
  connections: Connections,
  limits: ControlLimits,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const { socket } = request
  response.setHeader('connection', 'close')
  // Node keeps the time of day for this header with a timer of its own.
  response.sendDate = false
  // Not `finish`, which comes when the client has read it all.
  response.once('prefinish', () => connections.answered(socket))
  try {
    const peer = connections.peerOf(socket)
    if (peer === null) return
    if (peer.access === null) throw notAllowed(peer)
    const call = await readCall(request, limits.maxBody)
    connections.requestComplete(socket)
    if (!mayCall(peer, call.route.access)) throw notAllowed(peer)
    await handleCall(host, call, { response, maxStreamBuffer: limits.maxStreamBuffer, streams: connections.streams })
  } catch (error) {
    // The rest of a body that is not wanted is read away, or the connection would be reset before the answer is read.
    request.resume()
    sendError(response, error)
  }
}

function peerOrNull(socket: Socket, rules: AccessRules): Peer | null {
  try {
    return identifyPeer(socket, rules)
  } catch {
    // Gone already.
    return null
  }
}

function notAllowed(peer: Peer): HoldfastError {
  const problem =
    peer.access === 'drive'
      ? `user ${peer.uid} may drive services here, but not do this`
      : `user ${peer.uid} may not control this supervisor`
  const mend =
    peer.access === 'drive'
      ? "Only the supervisor's owner and root may."
      : 'Only its owner and root may; others by `control.allow` in the config.'
  return new HoldfastError('HF_PERMISSION', { problem, mend })
}

function badRequest(problem: string): HoldfastError {
  return new HoldfastError('HF_BAD_REQUEST', { problem })
}

/** An answer without the HTTP server's help, for what never became a request. */
function refuse(socket: Socket, error: HoldfastError): void {
  const { http, ...body } = errorBody(error)
  const text = `${JSON.stringify(body)}\n`
  // An answer is under way, and must not be mixed with this one.
  const busy = (socket as Socket & { _httpMessage?: unknown })._httpMessage
  if (!socket.writable || busy) return void socket.destroy()
  socket.end(
    `HTTP/1.1 ${http} ${http === 400 ? 'Bad Request' : 'Service Unavailable'}\r\ncontent-type: application/json\r\n` +
      `content-length: ${Buffer.byteLength(text)}\r\nconnection: close\r\n\r\n${text}`,
    () => socket.destroySoon(),
  )
  // Without a reader the rest of the input would keep the socket half open.
  socket.resume()
}
