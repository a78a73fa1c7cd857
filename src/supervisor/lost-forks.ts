// A forkserver may die between a fork and its word of it. What it has forked then is our child, and nobody's worker.
import { constants } from 'node:os'
import { childrenOf, holdfastIdOf } from '../os/descendants.ts'
import { startTimeOf } from '../os/process-identity.ts'
import { signalProcess } from '../os/send-signal.ts'
import { holdfastIdElements } from '../wire/worker-environment.ts'

/** Milliseconds. Who is found may have forked once more before it is ended. */
const LOOK_AGAIN = 10

export class LostForks {
  private readonly isKnown: (pid: number) => boolean
  private readonly timers = new Set<NodeJS.Timeout>()

  constructor(isKnown: (pid: number) => boolean) {
    this.isKnown = isKnown
  }

  /**
   * Ends them, then calls `act`; at once where nothing was under way. @param forkserver HOLDFAST_ID of the dead one
   * @param workers that were to be forked
   */
  end(forkserver: string, workers: readonly { readonly id: string }[], act: () => void): void {
    if (workers.length === 0) return act()
    const own = [forkserver, ...workers.map(({ id }) => id)].flatMap((id) => holdfastIdElements(id).slice(-1))
    const look = (): void => {
      const found = childrenOf(process.pid).filter((pid) => !this.isKnown(pid) && this.isOneOf(pid, own))
      for (const pid of found) {
        const startTime = startTimeOf(pid)
        if (startTime !== null) signalProcess({ pid, startTime }, constants.signals.SIGKILL)
      }
      if (found.length === 0) return act()
      const timer = setTimeout(() => {
        this.timers.delete(timer)
        look()
      }, LOOK_AGAIN)
      this.timers.add(timer)
    }
    look()
  }

  close(): void {
    for (const timer of this.timers) clearTimeout(timer)
  }

  private isOneOf(pid: number, own: readonly string[]): boolean {
    const elements = holdfastIdElements(holdfastIdOf(pid) ?? '')
    return own.some((id) => elements.includes(id))
  }
}
