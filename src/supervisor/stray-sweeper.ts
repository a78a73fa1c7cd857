// Descendants that left their worker's process group (daemons of daemons) re-parent to us when their parent dies; they are
// known by the HOLDFAST_ID in their environment, and end with the slot they came from.
import { constants } from 'node:os'
import { childrenOf, descendantsOf, holdfastIdOf, processesWithHoldfastId } from '../os/descendants.ts'
import { monotonicMillis } from '../os/monotonic-clock.ts'
import { isAlive, type ProcessIdentity, startTimeOf } from '../os/process-identity.ts'
import { signalProcess } from '../os/send-signal.ts'

const { SIGKILL, SIGTERM } = constants.signals
const LOOK_EVERY = 25
/** They get TERM, after this KILL, and after as long again they are given up. */
const GRACE = 2_000

export interface StraySweeperOptions {
  /** Orphans re-parent to us; otherwise the whole of /proc has to be searched. */
  readonly subreaper: boolean
  readonly isKnown: (pid: number) => boolean
}

export class StraySweeper {
  private readonly options: StraySweeperOptions
  private readonly sweeps = new Set<() => void>()

  constructor(options: StraySweeperOptions) {
    this.options = options
  }

  /** Ends every process whose own HOLDFAST_ID starts with `prefix`; calls back with those that would not go. */
  sweep(prefix: string, onDone: (left: readonly ProcessIdentity[]) => void): void {
    const found = new Map<number, ProcessIdentity>()
    const started = monotonicMillis()
    let killed = false
    const look = (): void => {
      const fresh = this.find(prefix).filter(({ pid }) => !found.has(pid))
      for (const identity of fresh) {
        found.set(identity.pid, identity)
        signalProcess(identity, killed ? SIGKILL : SIGTERM)
      }
      for (const [pid, identity] of found) if (!isAlive(identity)) found.delete(pid)
      const age = monotonicMillis() - started
      if (found.size === 0 || age > 2 * GRACE) return end()
      if (age > GRACE && !killed) {
        killed = true
        for (const identity of found.values()) signalProcess(identity, SIGKILL)
      }
    }
    const timer = setInterval(look, LOOK_EVERY)
    const stop = (): void => {
      clearInterval(timer)
      this.sweeps.delete(stop)
    }
    const end = (): void => {
      stop()
      onDone([...found.values()])
    }
    this.sweeps.add(stop)
    look()
  }

  /** Is there anything to sweep? One read of our own list of children, in the usual case. */
  any(prefix: string): boolean {
    return this.find(prefix).length > 0
  }

  close(): void {
    for (const stop of [...this.sweeps]) stop()
  }

  private find(prefix: string): ProcessIdentity[] {
    const matches = (id: string): boolean => id.split('/').some((element) => element.startsWith(prefix))
    if (!this.options.subreaper) return processesWithHoldfastId(matches).filter(({ pid }) => !this.options.isKnown(pid))
    const orphans = childrenOf(process.pid).filter((pid) => !this.options.isKnown(pid))
    const all = orphans.flatMap((pid) => [pid, ...descendantsOf(pid)])
    return all.flatMap((pid) => {
      const id = holdfastIdOf(pid)
      const startTime = startTimeOf(pid)
      return id !== null && startTime !== null && matches(id) ? [{ pid, startTime }] : []
    })
  }
}
