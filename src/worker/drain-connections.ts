import type * as net from 'node:net'
import { builtins } from './builtins.ts'
import type { Drain } from './drain.ts'

/** Keeps the sockets of `server` in a Set, from now on. */
export function collectSockets<S extends net.Socket>(
  server: net.Server,
  event: 'connection' | 'secureConnection',
): Set<S> {
  const sockets = new Set<S>()
  server.on(event, (socket: S) => {
    sockets.add(socket)
    socket.once('close', () => sockets.delete(socket))
  })
  return sockets
}

/**
 * Stops accepting and nothing else; resolves when the last connection has closed. Never `server.close()` of an http server:
 * it closes idle connections at once, in the middle of a client's next request (150 to 250 failures in 30 s of rolling
 * restarts), and on Node 26 also accepted ones that have sent nothing yet.
 */
export function stopAccepting(server: net.Server): Promise<void> {
  return new Promise((resolve) => {
    // The callback comes when the last connection is gone; with an error where the program has closed the server before.
    builtins.net().Server.prototype.close.call(server, () => resolve())
  })
}

/** A plain net or tls server: what a connection is in the middle of is unknown, so each may end by itself. */
export function drainConnections(server: net.Server): Drain {
  const sockets = collectSockets(server, 'connection')
  return {
    begin: () => stopAccepting(server),
    endIdle: () => {
      for (const socket of sockets) socket.end()
    },
    destroy: () => {
      for (const socket of sockets) socket.destroy()
    },
  }
}
