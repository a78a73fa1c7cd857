import type { Socket } from 'node:net'
import { SO_PEERCRED, SOL_SOCKET, socketOption } from './socket-options.ts'

export interface PeerCredentials {
  /** 0 when it is in a pid namespace that we do not see. */
  readonly pid: number
  readonly uid: number
  readonly gid: number
}

/** Who was at the other end of a unix socket when it connected: the kernel's word. */
export function peerCredentials(socketFd: number): PeerCredentials {
  const credentials = socketOption(socketFd, SOL_SOCKET, SO_PEERCRED, 12)
  return { pid: credentials.readInt32LE(0), uid: credentials.readUInt32LE(4), gid: credentials.readUInt32LE(8) }
}

/** The fd under a connected Node socket. Throws when it is closed already. */
export function fdOfSocket(socket: Socket): number {
  // Node has no public way to it; the name has been the same since 0.10.
  const { _handle: handle } = socket as unknown as { _handle?: { fd?: number } | null }
  const fd = handle?.fd
  if (typeof fd !== 'number' || fd < 0) throw new Error('the socket is closed')
  return fd
}
