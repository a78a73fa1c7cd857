import { parseCommandMessage } from '../wire/command-messages.ts'
import { SharedHeartbeat } from '../wire/shared-heartbeat.ts'
import { isThreadSignal, THREAD_GIFT, type ThreadGift, takeSocket } from '../wire/thread-gift.ts'
import { builtins } from './builtins.ts'
import { createLogger } from './logger.ts'
import type { GivenSockets, HeartbeatPlace, LinkEars, WorkerLink } from './worker-link.ts'

/** As a shell shows the death by SIGQUIT. */
const quitCode = 131

/** What the server gave to this thread; null where no server started it. */
export function threadGift(): ThreadGift | null {
  const { isMainThread, workerData } = builtins.workerThreads()
  if (isMainThread || typeof workerData !== 'object' || workerData === null) return null
  return (workerData as { readonly [THREAD_GIFT]?: ThreadGift })[THREAD_GIFT] ?? null
}

/** A thread of the server: messages over a port, the heartbeat in shared memory. */
export class ThreadLink implements WorkerLink {
  readonly isOpen = true
  readonly problems: readonly string[] = []
  readonly heartbeat: HeartbeatPlace
  readonly sockets: GivenSockets
  readonly logger = createLogger()
  readonly #port: ThreadGift['port']
  #ears: LinkEars | null = null

  constructor({ port, heartbeat, sockets, taken }: ThreadGift) {
    this.#port = port
    const shared = new SharedHeartbeat(heartbeat)
    this.heartbeat = { write: (bytes) => shared.write(bytes) }
    this.sockets = givenSockets(sockets, taken)
  }

  send(line: string): void {
    this.#port.postMessage(line)
  }

  listen(ears: LinkEars): void {
    this.#ears = ears
    this.#port.on('message', (message: unknown) => this.#take(message))
    // As the FIFOs of a process: a thread with nothing left to do ends.
    this.#port.unref()
  }

  /** Nothing would end a thread for a signal that it does not know. */
  listenToHangup(): void {}

  poll(): void {
    const { receiveMessageOnPort } = builtins.workerThreads()
    for (;;) {
      const received = receiveMessageOnPort(this.#port)
      if (received === undefined) return
      this.#take(received.message)
    }
  }

  hold(on: boolean): void {
    if (on) this.#port.ref()
    else this.#port.unref()
  }

  /** Of the thread alone. */
  end(code?: number): never {
    process.exit(code)
  }

  #take(message: unknown): void {
    if (isThreadSignal(message)) this.#signalled(`SIG${message.signal}`)
    else if (typeof message === 'string') {
      const command = parseCommandMessage(message)
      if (command !== null) this.#ears?.obey(command)
    }
  }

  /** The kernel sends no signal to a thread, but a program's own listeners work here as they do in a process. */
  #signalled(signal: string): void {
    const heard = process.emit(signal as 'SIGTERM', signal as 'SIGTERM')
    if (signal === 'SIGTERM' || signal === 'SIGINT') this.#ears?.asked(signal)
    else if (signal === 'SIGHUP') this.#ears?.hangup()
    else if (signal === 'SIGQUIT' && !heard) process.exit(quitCode)
  }
}

/** For a worker inside the server's process. */
export function givenSockets(sockets: ThreadGift['sockets'], taken: ThreadGift['taken']): GivenSockets {
  return {
    names: sockets.map(({ name }) => name),
    take(name) {
      const index = sockets.findIndex((socket) => socket.name === name)
      const socket = sockets[index]
      if (socket === undefined) return null
      // Whoever listened on it has closed it since: its number may be any other file by now.
      if (!takeSocket(taken, index)) throw new Error(`this worker has listened on socket "${name}" before`)
      return socket
    },
  }
}
