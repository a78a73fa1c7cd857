// Where workers ask the server for sockets: a unix socket in its runtime directory. The kernel says which user asks, a secret which
// program: other programs of the same user take no sockets by accident.
import { chownSync } from 'node:fs'
import type { Socket } from 'node:net'
import { constants } from 'node:os'
import { type ListeningSocket, listenOnSocketFile } from '../control/listen-socket.ts'
import { OsError } from '../os/os-error.ts'
import { sendWithFds } from '../os/pass-fd.ts'
import { fdOfSocket, type PeerCredentials, peerCredentials } from '../os/peer-credentials.ts'
import {
  parseSocketRequest,
  REQUEST_MOST,
  SOCKETS_AT_ONCE,
  type SocketAnswer,
  type SocketProblem,
  type SocketRequest,
} from '../wire/socket-request.ts'
import type { OnDemandSockets } from './on-demand-sockets.ts'

const OURS_ALONE = 0o600
/** Milliseconds from the connection to the end of the answer. */
const DEADLINE = 10_000
/** Connections at a time; the oldest has to go for the next one. */
const CONNECTIONS = 512

export interface SocketDeskOptions {
  readonly path: string
  /** Of workers. */
  readonly secret: string
  /** Of servers that take over from this one; null: there are none. */
  readonly handoverSecret: string | null
  /** Whom workers run as, null: us. */
  readonly workersUid: number | null
  readonly sockets: OnDemandSockets
}

export class SocketDesk {
  readonly #options: SocketDeskOptions
  readonly #ownUid = process.getuid?.() ?? 0
  readonly #connections = new Set<Socket>()
  #listening: ListeningSocket | null = null

  constructor(options: SocketDeskOptions) {
    this.#options = options
  }

  /** @throws HoldfastError HF_SOCKET_BIND */
  async open(): Promise<void> {
    const { path, workersUid } = this.#options
    this.#listening = await listenOnSocketFile(path, OURS_ALONE, (socket) => this.#meet(socket))
    if (workersUid !== null && workersUid !== this.#ownUid) chownSync(path, workersUid, -1)
  }

  isInPlace(): boolean {
    return this.#listening?.isInPlace() ?? true
  }

  /** Where its file was removed. */
  async reopen(): Promise<void> {
    if (this.#listening === null || this.isInPlace()) return
    const lost = this.#listening
    await this.open()
    lost.close()
  }

  close(): void {
    this.#listening?.close()
    this.#listening = null
    for (const socket of this.#connections) socket.destroy()
  }

  #meet(socket: Socket): void {
    socket.on('error', () => socket.destroy())
    let peer: PeerCredentials
    try {
      peer = peerCredentials(fdOfSocket(socket))
    } catch {
      // Gone already.
      return void socket.destroy()
    }
    const [oldest] = this.#connections
    if (oldest !== undefined && this.#connections.size >= CONNECTIONS) {
      this.#connections.delete(oldest)
      oldest.destroy()
    }
    this.#attend(socket, peer)
  }

  #attend(socket: Socket, peer: PeerCredentials): void {
    this.#connections.add(socket)
    const timer = setTimeout(() => socket.destroy(), DEADLINE)
    socket.once('close', () => {
      clearTimeout(timer)
      this.#connections.delete(socket)
    })
    let text = ''
    let heard = false
    const hear = (line: string | null): void => {
      heard = true
      // What else it may send stays in its own buffer.
      socket.pause()
      void this.#serve(socket, peer, line)
    }
    socket.setEncoding('utf8')
    socket.on('end', () => !heard && socket.destroy())
    socket.on('data', (piece: string) => {
      if (heard) return
      text += piece
      const end = text.indexOf('\n')
      if (end >= 0) hear(text.slice(0, end))
      else if (text.length > REQUEST_MOST) hear(null)
    })
  }

  async #serve(socket: Socket, peer: PeerCredentials, line: string | null): Promise<void> {
    try {
      await this.#obey(socket, peer, line)
    } catch (error) {
      this.#send(socket, { error: problemOf(error) }, [])
    }
    // What was sent can still be read there.
    socket.destroy()
  }

  /** @throws what the client is told */
  async #obey(socket: Socket, peer: PeerCredentials, line: string | null): Promise<void> {
    const { sockets, workersUid, secret, handoverSecret } = this.#options
    const isOwner = peer.uid === 0 || peer.uid === this.#ownUid
    if (!isOwner && peer.uid !== workersUid) throw denied(`user ${peer.uid} gets no sockets from this server`)
    const request = requestIn(line)
    if (request.all) {
      if (!isOwner || handoverSecret === null || !isSame(request.secret, handoverSecret))
        throw denied('this server hands its sockets to servers of its own supervisor alone: the secret is another one')
      return this.#handOver(socket)
    }
    if (!isSame(request.secret, secret))
      throw denied('this server gives sockets to its own workers alone: the secret is another one')
    const listener = await sockets.open(request.open)
    if (!sockets.has(listener)) throw denied('the server is about to end')
    const { name: key, address, fd, spec } = listener
    this.#send(socket, { opened: { key, address, backlog: spec.backlog } }, [fd])
  }

  #handOver(socket: Socket): void {
    const all = this.#options.sockets.all()
    let start = 0
    do {
      const some = all.slice(start, start + SOCKETS_AT_ONCE)
      start += SOCKETS_AT_ONCE
      const answer = { sockets: some.map((one) => one.socket), more: start < all.length }
      const fds = some.map(({ fd }) => fd)
      if (!this.#send(socket, answer, fds)) return
    } while (start < all.length)
  }

  /** Never waits: an answer that the client's buffer does not take is not for it. @returns whether it went */
  #send(socket: Socket, answer: SocketAnswer, fds: readonly number[]): boolean {
    if (socket.destroyed) return false
    const bytes = Buffer.from(`${JSON.stringify(answer)}\n`)
    try {
      return sendWithFds(fdOfSocket(socket), bytes, fds) === bytes.length
    } catch {
      // Gone already.
      return false
    }
  }
}

function requestIn(line: string | null): SocketRequest {
  try {
    if (line === null) throw new Error(`it is longer than ${REQUEST_MOST} characters`)
    return parseSocketRequest(line)
  } catch (error) {
    throw new OsError('recvmsg', constants.errno.EINVAL, {
      explanation: `not a request for a socket: ${error instanceof Error ? error.message : String(error)}`,
    })
  }
}

/** In a time that says nothing of how much of it is right. */
function isSame(given: string, secret: string): boolean {
  if (given.length !== secret.length) return false
  let difference = 0
  for (let index = 0; index < secret.length; index++) difference |= given.charCodeAt(index) ^ secret.charCodeAt(index)
  return difference === 0
}

function denied(explanation: string): OsError {
  return new OsError('connect', constants.errno.EACCES, { explanation })
}

function problemOf(error: unknown): SocketProblem {
  if (!(error instanceof OsError)) return { message: String(error), code: 'EINVAL', syscall: 'bind' }
  const { code, errno, syscall, problem, subject } = error
  return {
    message: `${syscall} ${code}: ${problem}${subject === null ? '' : ` ${subject}`}`,
    code,
    errno: -errno,
    syscall,
  }
}
