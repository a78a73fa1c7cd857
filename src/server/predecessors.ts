// Servers of the same supervisor that run beside a new one until it serves: they have sockets that it is to go on with.
import { closeSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { startTimeOf } from '../os/process-identity.ts'
import type { HandedSocket } from '../wire/socket-request.ts'
import { askForAll } from './ask-for-sockets.ts'

/** In the runtime directory of a server; short, since the path of a unix socket has 107 bytes at most. */
const DESK_FILE = 'sockets'

export function deskPath(runtimeDir: string): string {
  return join(runtimeDir, DESK_FILE)
}

export class Predecessors {
  readonly #secret: string
  /** The latest first: it has taken over what the others had. */
  #desks: readonly string[]

  /** @param above runtime directory of the supervisor; the servers have theirs in it, `server-<pid>` */
  constructor(above: string, secret: string) {
    this.#secret = secret
    this.#desks = readdirSync(above)
      .flatMap((entry) => {
        const pid = Number(/^server-(\d+)$/.exec(entry)?.[1] ?? process.pid)
        const startTime = pid === process.pid ? null : startTimeOf(pid)
        return startTime === null ? [] : [{ desk: deskPath(join(above, entry)), startTime }]
      })
      .sort((a, b) => b.startTime - a.startTime)
      .map(({ desk }) => desk)
  }

  /** `take` owns the descriptor. One that does not answer, since it has ended or hangs, is not asked again. */
  async handOver(take: (socket: HandedSocket, fd: number) => void): Promise<void> {
    for (const path of this.#desks) {
      const received = await askForAll({ path, secret: this.#secret }).catch(() => null)
      if (received === null) this.#desks = this.#desks.filter((other) => other !== path)
      for (const [index, { socket, fd }] of (received ?? []).entries()) {
        try {
          take(socket, fd)
        } catch (error) {
          for (const rest of (received ?? []).slice(index)) closeSync(rest.fd)
          throw error
        }
      }
    }
  }
}
