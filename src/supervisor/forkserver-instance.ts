// One generation of a forkserver: what it has loaded, who waits for it, and what it was asked for and has not answered.
import type { ForkserverSpec } from '../config/effective.ts'
import { LineFrames } from '../wire/line-frames.ts'
import type { ForkChannel } from './fork-channel.ts'
import { instanceName } from './forkserver-name.ts'
import type { PreparedFork } from './prepare-fork.ts'
import type { LaunchRequest } from './prepare-spawn.ts'
import type { ProxyWorkers } from './proxy-workers.ts'
import type { RunningProcess } from './service-runtime.ts'

/** A path and a stack fit in; nobody says a megabyte of anything else. */
const LONGEST_LINE = 1_048_576

export interface Loaded {
  /** Milliseconds of the monotonic clock. */
  readonly at: number
  readonly modules: number
  /** Milliseconds. */
  readonly ms: number
  /** Why it can not be forked from; null: it can. */
  readonly cold: string | null
}

/** What it was asked to fork, and has not said anything of yet. */
export interface Order {
  readonly fork: PreparedFork
  /** Milliseconds of the monotonic clock. */
  readonly askedAt: number
}

export interface GivenSocket {
  readonly inode: number
  readonly theirs: number
}

export interface ForkCounts {
  /** Workers that it has forked. */
  forks: number
  /** Forks that came to nothing. */
  failed: number
  /** Workers that were started without it. */
  cold: number
}

export class ForkserverInstance {
  readonly name: string
  readonly generation: number
  readonly spec: ForkserverSpec
  /** When it was asked for, among the events of this supervisor. */
  readonly since: number
  /** By name: which socket it was given, and its own number for it. */
  readonly sockets: ReadonlyMap<string, GivenSocket>
  readonly orders = new Map<string, Order>()
  /** Nobody wants them any more, and it has not been told: it may still fork them. */
  readonly calledBack = new Map<string, PreparedFork>()
  readonly counts: ForkCounts = { forks: 0, failed: 0, cold: 0 }
  waiting: LaunchRequest[] = []
  process: RunningProcess | null = null
  channel: ForkChannel | null = null
  /** Null: it is ours, and no proxy of ControlFreak. */
  readonly proxy: ProxyWorkers | null
  loaded: Loaded | null = null
  /** The last that it said went wrong. */
  lastError: string | null = null
  /** The operator wants it, whether there are workers or not. */
  held = false
  /** On its way out: nothing more is forked from it. */
  ending = false
  /** How often one was made of a worker, since the application was loaded. */
  reforks = 0
  /** Milliseconds of the monotonic clock: its last answer to an order. */
  answeredAt = 0
  /** It was killed because it did not answer. */
  hung = false
  private frames = new LineFrames(LONGEST_LINE)

  constructor(
    spec: ForkserverSpec,
    generation: number,
    since: number,
    sockets: ReadonlyMap<string, GivenSocket>,
    proxy: ProxyWorkers | null,
  ) {
    this.proxy = proxy
    this.name = instanceName(spec.name, generation)
    this.generation = generation
    this.spec = spec
    this.since = since
    this.sockets = sockets
  }

  /** Another process from now on. */
  begin(process: RunningProcess, channel: ForkChannel): void {
    this.process = process
    this.channel = channel
    this.loaded = null
    this.lastError = null
    this.hung = false
    this.frames = new LineFrames(LONGEST_LINE)
  }

  /** @returns the orders that are not answered any more */
  end(): PreparedFork[] {
    const open = [...this.orders.values()].map(({ fork }) => fork)
    for (const fork of this.calledBack.values()) fork.settle(false)
    this.calledBack.clear()
    this.orders.clear()
    this.channel?.close()
    this.channel = null
    this.process = null
    this.loaded = null
    // Last: who has died with it is wanted anew at once.
    this.proxy?.ended()
    return open
  }

  linesIn(chunk: Buffer): string[] {
    return this.frames.push(chunk)
  }

  /** Whether it is known to be able to take orders: somebody's own may never say that it has loaded. */
  get takesOrders(): boolean {
    return this.loaded !== null || (this.proxy !== null && this.channel !== null)
  }

  /** Its own numbers for the sockets. */
  get fds(): ReadonlyMap<string, number> {
    return new Map([...this.sockets].map(([name, { theirs }]) => [name, theirs]))
  }
}
