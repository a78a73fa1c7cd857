import type * as http from 'node:http'
import type * as net from 'node:net'
import type * as tls from 'node:tls'
import type { Drain } from './drain.ts'
import { collectSockets, stopAccepting } from './drain-connections.ts'

/**
 * Node has no public names for these: `_httpMessage` is the response under way, `parser` is gone from upgraded sockets
 * (WebSockets and the like), which end by `worker.signal`, or at the deadline.
 */
type HttpSocket = net.Socket & { _httpMessage?: http.ServerResponse | null; parser?: object | null }
type ServerWithBuffer = http.Server & { readonly keepAliveTimeoutBuffer?: number }

/**
 * Keep-alive clients lose no request: they are told `Connection: close` with their next answer, and those that stay silent
 * leave when keepAliveTimeout ends, as in normal operation. Works for http and https servers.
 */
export function drainHttp(server: http.Server): Drain {
  giveClientsRoom(server)
  const raw = collectSockets<HttpSocket>(server, 'connection')
  // Over TLS the requests are on the socket around it.
  const sockets = isTls(server) ? collectSockets<HttpSocket>(server, 'secureConnection') : raw
  return {
    begin: () => {
      const given = new WeakSet<net.Socket>()
      sayCloseFromNowOn(server, given)
      for (const socket of sockets) prepare(server, socket, given)
      return stopAccepting(server)
    },
    endIdle: () => {
      for (const socket of sockets) if (!socket._httpMessage) socket.end()
    },
    destroy: () => {
      for (const socket of sockets) socket.destroy()
      for (const socket of raw) socket.destroy()
    },
  }
}

/**
 * A client that believes the announced `timeout=5` to the last moment must not meet a closed connection. Where Node shows a
 * keepAliveTimeoutBuffer it closes that much later than it announces; elsewhere 5999 ms are announced as 5 s.
 */
function giveClientsRoom(server: ServerWithBuffer): void {
  if (server.keepAliveTimeout === 5_000 && !server.keepAliveTimeoutBuffer) server.keepAliveTimeout = 5_999
}

/** @param given connections that `prepare` gave a timeout: it is lifted at their request, whose answer may take longer. */
function sayCloseFromNowOn(server: http.Server, given: WeakSet<net.Socket>): void {
  const sayClose = (request: http.IncomingMessage, response: http.ServerResponse): void => {
    response.shouldKeepAlive = false
    if (given.delete(request.socket)) request.socket.setTimeout(server.timeout)
  }
  server.prependListener('request', sayClose)
  // With `Expect: 100-continue` and a listener for it there is no 'request' event.
  if (server.listenerCount('checkContinue') > 0) server.prependListener('checkContinue', sayClose)
}

function prepare(server: ServerWithBuffer, socket: HttpSocket, given: WeakSet<net.Socket>): void {
  const response = socket._httpMessage
  if (response) {
    // With headers sent it is too late to say so; the connection's next request will be told.
    if (!response.headersSent) response.shouldKeepAlive = false
  } else if (!socket.timeout && socket.parser) {
    // No request yet, so Node has set no timeout: the connection might stay silent for ever.
    given.add(socket)
    socket.setTimeout(server.keepAliveTimeout + (server.keepAliveTimeoutBuffer ?? 0))
  }
}

function isTls(server: http.Server): server is http.Server & tls.Server {
  return 'setSecureContext' in server
}
