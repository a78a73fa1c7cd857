import type * as dgram from 'node:dgram'
import type { Drain } from './drain.ts'

interface SocketState {
  readonly handle?: { recvStop?(): number } | null
}

/**
 * Stops receiving but keeps the socket, so that answers under way can still be sent. Node has no public call for that; where
 * the private one is missing the socket is closed.
 */
export function drainDatagrams(socket: dgram.Socket): Drain {
  const close = (): void => {
    try {
      socket.close()
    } catch {
      // closed by the program itself
    }
  }
  return {
    begin: () => {
      const handle = stateOf(socket)?.handle
      if (handle?.recvStop) handle.recvStop()
      else close()
      return Promise.resolve()
    },
    endIdle: () => {},
    destroy: close,
  }
}

function stateOf(socket: dgram.Socket): SocketState | undefined {
  const symbol = Object.getOwnPropertySymbols(socket).find((own) => own.description === 'state symbol')
  return symbol && (socket as unknown as Record<symbol, SocketState>)[symbol]
}
