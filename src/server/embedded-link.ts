import type { InProcessEars, InProcessOrder, OutputInlet } from '../supervisor/in-process-worker.ts'
import type { CommandMessage } from '../wire/command-messages.ts'
import { SharedHeartbeat } from '../wire/shared-heartbeat.ts'
import { LineLogger } from '../worker/logger.ts'
import { givenSockets } from '../worker/thread-link.ts'
import type { WorkerLogger } from '../worker/worker.ts'
import type { GivenSockets, HeartbeatPlace, LinkEars, WorkerLink } from '../worker/worker-link.ts'

/** Between the server and the worker in its own event loop. Nothing is copied: the worker's configuration is the server's object. */
export class EmbeddedLink implements WorkerLink {
  readonly isOpen = true
  readonly problems: readonly string[] = []
  readonly heartbeat: HeartbeatPlace
  readonly sockets: GivenSockets
  readonly logger: WorkerLogger
  readonly #ears: InProcessEars
  readonly #onEnd: (code: number) => void
  #worker: LinkEars | null = null

  constructor(
    { heartbeat, sockets, taken, out, err }: InProcessOrder,
    ears: InProcessEars,
    onEnd: (code: number) => void,
  ) {
    const shared = new SharedHeartbeat(heartbeat)
    this.heartbeat = { write: (bytes) => shared.write(bytes) }
    this.sockets = givenSockets(sockets, taken)
    this.logger = new LineLogger(lineTo(out), lineTo(err))
    this.#ears = ears
    this.#onEnd = onEnd
  }

  send(line: string): void {
    this.#ears.said(line)
  }

  listen(ears: LinkEars): void {
    this.#worker = ears
  }

  listenToHangup(): void {}

  /** Whoever does not return to the event loop keeps the server from it as well. */
  poll(): void {}

  /** The server lives on by itself. */
  hold(): void {}

  end(code = 0): void {
    this.#onEnd(code)
  }

  tell(message: CommandMessage): void {
    this.#worker?.obey(message)
  }

  /** Other signals would have to be emitted on the server's `process`, and mean something else there. */
  signal(name: string): void {
    if (name === 'TERM' || name === 'INT' || name === 'QUIT') this.#worker?.asked(`SIG${name}`)
    else if (name === 'HUP') this.#worker?.hangup()
  }
}

function lineTo(inlet: OutputInlet): (line: string) => void {
  return (line) => void inlet.push(Buffer.from(line))
}
