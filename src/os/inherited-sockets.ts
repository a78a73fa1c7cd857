// Sockets that systemd or start_server opened for us.
import { parseListenFds } from '../wire/listen-fds.ts'
import { parseServerStarterPort } from '../wire/server-starter-port.ts'
import { setCloseOnExec } from './close-on-exec.ts'
import { OsError } from './os-error.ts'
import type { ListenAddress } from './socket-address.ts'
import { type SocketAddress, socketAddress } from './socket-query.ts'

export interface InheritedListener {
  /** From LISTEN_FDNAMES; null where there was none, and from start_server. */
  readonly name: string | null
  /** Close-on-exec from now on. */
  readonly fd: number
  readonly address: ListenAddress
}

/**
 * Listening and datagram sockets that were handed to the process `ownPid` by LISTEN_FDS or SERVER_STARTER_PORT. What is
 * not open, no socket, or a connection is left out. Call it once, before fds of our own may take the same numbers.
 */
export function inheritedListeners(
  environment: Readonly<Record<string, string | undefined>>,
  ownPid: number,
): InheritedListener[] {
  const given = new Map<number, string | null>()
  for (const { fd } of parseServerStarterPort(environment.SERVER_STARTER_PORT ?? '')) given.set(fd, null)
  for (const { fd, name } of parseListenFds(environment, ownPid)) given.set(fd, name)
  const listeners: InheritedListener[] = []
  for (const [fd, name] of [...given].sort(([a], [b]) => a - b)) {
    const socket = socketAt(fd)
    if (socket?.address == null || !(socket.listening || socket.type === 'datagram')) continue
    setCloseOnExec(fd, true)
    listeners.push({ name, fd, address: socket.address })
  }
  return listeners
}

function socketAt(fd: number): SocketAddress | null {
  try {
    return socketAddress(fd)
  } catch (error) {
    if (error instanceof OsError) return null
    throw error
  }
}
