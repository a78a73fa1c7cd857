import type * as http2 from 'node:http2'
import type { Drain } from './drain.ts'
import { collectSockets, stopAccepting } from './drain-connections.ts'

/** HTTP/2 has a word for it: GOAWAY. Clients finish their streams and open no new ones on this connection. */
export function drainHttp2(server: http2.Http2Server): Drain {
  const sockets = collectSockets(server, 'connection')
  const sessions = new Set<http2.ServerHttp2Session>()
  server.on('session', (session) => {
    sessions.add(session)
    session.once('close', () => sessions.delete(session))
  })
  return {
    begin: () => {
      // Accepted meanwhile, or over HTTP/1 where the server allows that.
      server.prependListener('session', (session) => session.close())
      server.prependListener('request', (request, response) => {
        if (request.httpVersionMajor === 1) Object.assign(response, { shouldKeepAlive: false })
      })
      for (const session of sessions) session.close()
      return stopAccepting(server)
    },
    endIdle: () => {
      if (sessions.size === 0) for (const socket of sockets) socket.end()
    },
    destroy: () => {
      for (const session of sessions) session.destroy()
      for (const socket of sockets) socket.destroy()
    },
  }
}
