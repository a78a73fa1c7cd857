// Every open control connection, with its deadlines. Nothing here runs while nobody is connected.
import type { Socket } from 'node:net'
import type { Peer } from './peer-access.ts'
import { StreamBudget } from './stream-budget.ts'

export interface ConnectionLimits {
  readonly maxConnections: number
  /** Of users without any access, who only ever get a refusal. */
  readonly maxStrangers: number
  /** ms from connect to the end of the request, however its bytes arrive. */
  readonly requestDeadline: number
  /** ms that a client may take to read a finished answer. */
  readonly answerDeadline: number
  /** Bytes of answers that wait for slow readers, all connections together; and the same for event streams. */
  readonly maxWaiting: number
}

interface Connection {
  readonly peer: Peer
  deadline: NodeJS.Timeout | null
}

export class Connections {
  readonly streams: StreamBudget
  readonly #limits: ConnectionLimits
  readonly #onLate: (socket: Socket) => void
  readonly #open = new Map<Socket, Connection>()
  #strangers = 0

  /** @param onLate the request was not complete in time; must end the socket. */
  constructor(limits: ConnectionLimits, onLate: (socket: Socket) => void) {
    this.streams = new StreamBudget(limits.maxWaiting)
    this.#limits = limits
    this.#onLate = onLate
  }

  get count(): number {
    return this.#open.size
  }

  hasRoomFor(peer: Peer): boolean {
    if (peer.access === null && this.#strangers >= this.#limits.maxStrangers) return false
    return this.#open.size < this.#limits.maxConnections
  }

  add(socket: Socket, peer: Peer): void {
    this.#open.set(socket, { peer, deadline: null })
    if (peer.access === null) this.#strangers++
    this.#arm(socket, this.#limits.requestDeadline, this.#onLate)
    socket.once('close', () => {
      this.#disarm(socket)
      this.#open.delete(socket)
      if (peer.access === null) this.#strangers--
    })
  }

  peerOf(socket: Socket): Peer | null {
    return this.#open.get(socket)?.peer ?? null
  }

  /** The request is complete: the answer may take as long as the operation takes. */
  requestComplete(socket: Socket): void {
    this.#disarm(socket)
  }

  /** The whole answer is handed over: the client has `answerDeadline` to read it. */
  answered(socket: Socket): void {
    if (!this.#open.has(socket)) return
    this.#arm(socket, this.#limits.answerDeadline)
    this.#shedSlowReaders()
  }

  /** Ends them all after what is already written to them. @param grace ms until those that do not read are cut. */
  async close(grace: number): Promise<void> {
    // Answers that are being made in this turn still go out.
    await new Promise((resolve) => setImmediate(resolve))
    const closed = [...this.#open.keys()].map(async (socket) => {
      this.#arm(socket, grace)
      socket.destroySoon()
      await new Promise((resolve) => socket.once('close', resolve))
    })
    await Promise.all(closed)
  }

  #arm(socket: Socket, millis: number, act: (socket: Socket) => void = (late) => late.destroy()): void {
    const connection = this.#open.get(socket)
    if (!connection) return
    this.#disarm(socket)
    connection.deadline = setTimeout(act, millis, socket)
  }

  #disarm(socket: Socket): void {
    const connection = this.#open.get(socket)
    if (connection?.deadline) clearTimeout(connection.deadline)
    if (connection) connection.deadline = null
  }

  /** A thousand clients that ask for a large status and never read it must not cost a thousand answers' memory. */
  #shedSlowReaders(): void {
    let waiting = 0
    for (const socket of this.#open.keys()) waiting += socket.writableLength
    // Oldest first: who has waited longest without reading is the least likely to read.
    for (const socket of this.#open.keys()) {
      if (waiting <= this.#limits.maxWaiting) return
      if (socket.writableLength === 0) continue
      waiting -= socket.writableLength
      socket.destroy()
    }
  }
}
