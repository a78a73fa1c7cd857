// Who is at the other end of a control connection, and what that user may do.
import type { Socket } from 'node:net'
import { fdOfSocket, peerCredentials } from '../os/peer-credentials.ts'
import type { Access } from './routes.ts'

export interface AccessRules {
  /** The user the supervisor runs as. */
  readonly owner: number
  /** Users of `control.allow`. */
  readonly allowed: ReadonlySet<number>
}

export interface Peer {
  readonly pid: number
  readonly uid: number
  /** null: nothing. */
  readonly access: Access | null
}

/** The kernel's word (SO_PEERCRED) on who connected: the credentials at the time of connect(2). */
export function identifyPeer(socket: Socket, rules: AccessRules): Peer {
  const { pid, uid } = peerCredentials(fdOfSocket(socket))
  return { pid, uid, access: accessOf(uid, rules) }
}

export function accessOf(uid: number, rules: AccessRules): Access | null {
  if (uid === 0 || uid === rules.owner) return 'owner'
  return rules.allowed.has(uid) ? 'drive' : null
}

export function mayCall(peer: Peer, needed: Access): boolean {
  return peer.access === 'owner' || peer.access === needed
}
