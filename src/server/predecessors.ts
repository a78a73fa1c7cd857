// Servers of the same supervisor that run beside a new one until it serves: they have sockets that it is to go on with.
import { closeSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { startTimeOf } from '../os/process-identity.ts'
import type { HandedSocket } from '../wire/socket-request.ts'
import { askForAll, type Received } from './ask-for-sockets.ts'

/** In the runtime directory of a server; short, since the path of a unix socket has 107 bytes at most. */
const DESK_FILE = 'sockets'

export function deskPath(runtimeDir: string): string {
  return join(runtimeDir, DESK_FILE)
}

/** Milliseconds. It may be busy for a while; one that hangs must not keep the next one from starting. */
const FIRST_PATIENCE = 10_000
/** Later a worker waits for it. */
const LATER_PATIENCE = 2_000

interface Predecessor {
  readonly pid: number
  readonly desk: string
}

export class Predecessors {
  readonly #secret: string
  #patience: number
  /** The latest first: it has taken over what the others had. */
  #servers: readonly Predecessor[]

  /**
   * @param above runtime directory of the supervisor; the servers have theirs in it, `server-<pid>`
   * @param patience milliseconds for each that lives, when they are asked for the first time
   */
  constructor(above: string, secret: string, patience = FIRST_PATIENCE) {
    this.#secret = secret
    this.#patience = patience
    this.#servers = readdirSync(above)
      .flatMap((entry) => {
        const pid = Number(/^server-(\d+)$/.exec(entry)?.[1] ?? process.pid)
        const startTime = pid === process.pid ? null : startTimeOf(pid)
        return startTime === null ? [] : [{ pid, desk: deskPath(join(above, entry)), startTime }]
      })
      .sort((a, b) => b.startTime - a.startTime)
  }

  /** `take` owns the descriptor. One that has ended, or hangs (`report` hears of it), is not asked again. */
  async handOver(take: (socket: HandedSocket, fd: number) => void, report: (text: string) => void): Promise<void> {
    for (const server of this.#servers) {
      const received = await this.#ask(server, report)
      for (const [index, { socket, fd }] of received.entries()) {
        try {
          take(socket, fd)
        } catch (error) {
          for (const rest of received.slice(index)) closeSync(rest.fd)
          throw error
        }
      }
    }
    this.#patience = Math.min(this.#patience, LATER_PATIENCE)
  }

  async #ask({ pid, desk }: Predecessor, report: (text: string) => void): Promise<Received<HandedSocket>[]> {
    try {
      return await askForAll({ path: desk, secret: this.#secret }, this.#patience)
    } catch (error) {
      this.#servers = this.#servers.filter((other) => other.pid !== pid)
      const { code, message } = error as NodeJS.ErrnoException
      if (code === undefined || !HAS_ENDED.has(code))
        report(`the server before this one (pid ${pid}) does not hand over the sockets of its workers: ${message}`)
      return []
    }
  }
}

/** Of a connect. */
const HAS_ENDED: ReadonlySet<string> = new Set(['ENOENT', 'ECONNREFUSED'])
