// Descendants that left their worker's process group (daemons of daemons) re-parent to us when their parent dies. They are
// known by the HOLDFAST_ID in their environment, or, where they have overwritten that, by the FIFOs of their slot; they end
// with the slot they came from.
import { constants } from 'node:os'
import { childrenOf, descendantsOf, holdfastIdOf, processesWithHoldfastId } from '../os/descendants.ts'
import { monotonicMillis } from '../os/monotonic-clock.ts'
import { isAlive, type ProcessIdentity, startTimeOf } from '../os/process-identity.ts'
import { signalProcess } from '../os/send-signal.ts'
import { fifoHolders, realServicesDirectory, slotByFifos } from './fifo-holders.ts'

const { SIGKILL, SIGTERM } = constants.signals
const LOOK_EVERY = 25
/** They get TERM, after this KILL, and after as long again they are given up. */
const GRACE = 2_000

export interface StraySweeperOptions {
  /** Orphans re-parent to us; otherwise the whole of /proc has to be searched. */
  readonly subreaper: boolean
  readonly isKnown: (pid: number) => boolean
  /** Calls back, now as a rule, when `isKnown` knows every process of ours: before that nobody is looked for. */
  readonly whenSettled: (act: () => void) => void
  /** `svc/` of the runtime directory; without it strays are known by their environment only. */
  readonly services?: string
}

export interface Stray extends ProcessIdentity {
  /** Where it comes from: its HOLDFAST_ID, or the part of it that is known (`<engine>.web.0.`). Null: from us, no more is known. */
  readonly origin: string | null
}

/** Of a slot: what its processes up to this number have left. Those after them are its successors, whose children are none. */
export interface WantedStrays {
  /** `<engine>.web.0.` */
  readonly prefix: string
  readonly upTo: number
}

export class StraySweeper {
  private readonly options: StraySweeperOptions
  private readonly sweeps = new Set<() => void>()
  private closed = false
  /** Every real path that `svc/` has had: links to FIFOs of a directory that was removed still name it. */
  private readonly directories = new Set<string>()
  /**
   * Whatever re-parents to us can only come from what we started: nobody else is our child. Not so for process 1, to whom
   * the orphans of everybody go, and where a shell has had children before it became us.
   */
  private readonly everyOrphanIsOurs: boolean

  constructor(options: StraySweeperOptions) {
    this.options = options
    this.rememberDirectory()
    this.everyOrphanIsOurs = options.subreaper && process.pid !== 1 && childrenOf(process.pid).length === 0
  }

  /**
   * Ends every stray whose HOLDFAST_ID starts with `prefix` (`<engine>.web.0.`, or `<engine>.` for all), or would; calls back
   * with those that would not go.
   */
  sweep(
    prefix: string,
    onDone: (left: readonly ProcessIdentity[]) => void,
    upTo: number = Number.POSITIVE_INFINITY,
  ): void {
    const found = new Map<number, ProcessIdentity>()
    const started = monotonicMillis()
    let killed = false
    const look = (): void => {
      if (!this.sweeps.has(stop)) return
      const isWanted = (stray: Stray): boolean => !found.has(stray.pid) && isUpTo(stray, { prefix, upTo })
      const fresh = this.find(prefix).filter(isWanted)
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
    const timer = setInterval(() => this.options.whenSettled(look), LOOK_EVERY)
    const stop = (): void => {
      clearInterval(timer)
      this.sweeps.delete(stop)
    }
    const end = (): void => {
      stop()
      onDone([...found.values()])
    }
    this.sweeps.add(stop)
    this.options.whenSettled(look)
  }

  /** Of which there is something to sweep. One read of our own list of children, in the usual case. */
  among<W extends WantedStrays>(engine: string, wanted: readonly W[]): ReadonlySet<W> {
    const strays = this.strays(engine, false)
    const isThere = (one: W): boolean =>
      strays.some((stray) => stray.origin?.startsWith(one.prefix) && isUpTo(stray, one))
    return new Set(wanted.filter(isThere))
  }

  /** `find` and `among` are for then. */
  whenSettled(act: () => void): void {
    this.options.whenSettled(act)
  }

  /** In all of /proc, for want of children of our own. */
  get looksEverywhere(): boolean {
    return !this.options.subreaper
  }

  get isClosed(): boolean {
    return this.closed
  }

  close(): void {
    this.closed = true
    for (const stop of [...this.sweeps]) stop()
  }

  /** With what descends from them; `prefix` as for `sweep`. */
  find(prefix: string): Stray[] {
    const engine = prefix.slice(0, prefix.indexOf('.') + 1)
    const everything = prefix === engine
    return this.strays(engine, everything).filter(({ origin }) => origin?.startsWith(prefix) ?? everything)
  }

  private strays(engine: string, everything: boolean): Stray[] {
    return this.options.subreaper ? this.orphans(engine, everything) : this.everywhere(engine, everything)
  }

  private orphans(engine: string, everything: boolean): Stray[] {
    const unknown = childrenOf(process.pid).filter((pid) => !this.options.isKnown(pid))
    if (unknown.length > 0) this.rememberDirectory()
    return unknown.flatMap((pid) => this.tree(pid, engine, everything && this.everyOrphanIsOurs))
  }

  /** An orphan and what descends from it: what can not be told by itself comes from where the orphan comes from. */
  private tree(root: number, engine: string, anyway: boolean): Stray[] {
    let rootOrigin: string | null = null
    return [root, ...descendantsOf(root)].flatMap((pid) => {
      const id = holdfastIdOf(pid)
      const origin = id === null ? (this.originByFifos(pid, engine) ?? rootOrigin) : originById(id, engine)
      if (pid === root) rootOrigin = origin
      const startTime = startTimeOf(pid)
      const isOurs = origin !== null || (anyway && id === null)
      return startTime !== null && isOurs ? [{ pid, startTime, origin }] : []
    })
  }

  /** A guest is no subreaper: what it looks for may be anywhere. Files take a while to look at, so only at the end. */
  private everywhere(engine: string, byFifosToo: boolean): Stray[] {
    const found = new Map<number, Stray>()
    if (byFifosToo) {
      this.rememberDirectory()
      const holders = [...this.directories].flatMap((directory) => fifoHolders(directory))
      for (const { pid, startTime } of holders) found.set(pid, { pid, startTime, origin: engine })
    }
    processesWithHoldfastId((id) => originById(id, engine) !== null).forEach(({ pid, startTime }) => {
      found.set(pid, { pid, startTime, origin: originById(holdfastIdOf(pid) ?? '', engine) })
    })
    return [...found.values()].filter(({ pid }) => !this.options.isKnown(pid))
  }

  private originByFifos(pid: number, engine: string): string | null {
    const holder = slotByFifos(pid, this.directories)
    return holder === null ? null : `${engine}${holder.service}.${holder.slot}.`
  }

  private rememberDirectory(): void {
    const { services } = this.options
    const directory = services === undefined ? null : realServicesDirectory(services)
    if (directory !== null) this.directories.add(directory)
  }
}

/** The element that is ours in the ids of several Holdfasts, one inside the other. */
function originById(id: string, engine: string): string | null {
  return id.split('/').find((element) => element.startsWith(engine)) ?? null
}

/** One known by its FIFOs only has no number. */
function isUpTo({ origin }: Stray, { prefix, upTo }: WantedStrays): boolean {
  const number = Number.parseInt(origin?.slice(prefix.length) ?? '', 10)
  return Number.isNaN(number) || number <= upTo
}
