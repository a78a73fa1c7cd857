// Sockets of a server that its workers ask for at run time: where they ask, what is open, and what comes from a server before it.
import type { SupervisorSpec } from '../config/effective.ts'
import { ownerOf } from '../supervisor/exec-settings.ts'
import type { Listeners } from '../supervisor/listeners.ts'
import type { DeskPlace } from './ask-for-sockets.ts'
import { OnDemandSockets } from './on-demand-sockets.ts'
import type { Predecessors } from './predecessors.ts'
import { SocketDesk } from './socket-desk.ts'

/** Milliseconds. */
const UNCLAIMED = 5_000

/** Between the servers of one supervisor. */
export interface Handover {
  readonly predecessors: Predecessors
  /** Known to them alone. */
  readonly secret: string
}

interface Server {
  readonly name: string
  readonly desk: DeskPlace
  readonly spec: SupervisorSpec
  log(text: string): void
}

export class ServerSockets {
  readonly #server: Server
  readonly #handover: Handover | null
  #desk: SocketDesk | null = null
  #sockets: OnDemandSockets | null = null
  #dropping: NodeJS.Timeout | undefined
  #closed = false

  constructor(server: Server, handover: Handover | null) {
    this.#server = server
    this.#handover = handover
  }

  /** Before the first worker. What a server before us has is ours from then on, too. */
  async open(listeners: Listeners): Promise<void> {
    const { name, desk, spec } = this.#server
    const report = (text: string): void => this.#server.log(text)
    const sockets = new OnDemandSockets(listeners, this.#handover?.predecessors ?? null, report)
    this.#sockets = sockets
    await sockets.takeOver()
    const service = spec.services[name]
    this.#desk = new SocketDesk({
      ...desk,
      handoverSecret: this.#handover?.secret ?? null,
      workersUid: (service && ownerOf(service)?.uid) ?? null,
      sockets,
    })
    await this.#openDesk(this.#desk)
  }

  /** After a live restart what was taken over and is not wanted any more is closed. A worker may ask on when it is ready. */
  everybodyIsReady(): void {
    if (this.#handover === null || this.#closed) return
    this.#dropping = setTimeout(() => this.#sockets?.dropUnclaimed(), UNCLAIMED)
    this.#dropping.unref()
  }

  isInPlace(): boolean {
    return this.#desk?.isInPlace() ?? true
  }

  async reopen(): Promise<void> {
    await this.#desk?.reopen()
  }

  close(): void {
    this.#closed = true
    clearTimeout(this.#dropping)
    this.#desk?.close()
  }

  /** Most servers never need it: where it can not be (a path of more than 107 bytes), whoever asks is told, and nobody else. */
  async #openDesk(desk: SocketDesk): Promise<void> {
    try {
      await desk.open()
    } catch (error) {
      this.#server.log(`no sockets on demand: ${error instanceof Error ? error.message : String(error)}`)
    }
  }
}
