// Starts workers: at once, or, where many are asked for, some in each turn of the event loop, so that the control socket answers
// between. Those are spawned by threads while the next ones are prepared here.

import { guarded } from '../os/guarded.ts'
import { monotonicMillis } from '../os/monotonic-clock.ts'
import { startTimeOf } from '../os/process-identity.ts'
import type { ChildReaper } from '../os/reap.ts'
import { spawnProcess } from '../os/spawn.ts'
import { poolTakesNoSigchld } from '../os/thread-pool.ts'
import type { LaunchRequest, PreparedSpawn, SpawnPreparation } from './prepare-spawn.ts'
import type { ProcessRegistration } from './process-registration.ts'
import type { ServiceRuntime } from './service-runtime.ts'
import { type SpawnResult, ThreadedSpawns } from './threaded-spawns.ts'
import type { WorkerLauncher } from './worker-launcher.ts'

/** Milliseconds in one turn of the event loop; a spawn takes 0.3 to 2. `status` is answered between two turns. */
const TURN = 6
/** Prepared in advance. */
const AHEAD = 8
/** Fewer than that are started as fast here. */
const WORTH_THREADS = 3
/** An fd above this one says that few are left below 1,024, which is the limit of the whole process while threads spawn. */
const CROWDED = 640

export interface LauncherContext {
  readonly preparation: SpawnPreparation
  readonly registration: ProcessRegistration
  readonly hardNoFile: number
  readonly reaper: ChildReaper
  readonly knownPids: () => Iterable<number>
  /** False: the process is somebody else's, whose limit of open files is not ours to lower while they run. */
  readonly ownsProcess: boolean
  readonly onFailed: (request: LaunchRequest, error: string) => void
  readonly onTrouble: (request: LaunchRequest, problem: string) => void
}

export class ProcessLauncher implements WorkerLauncher {
  private readonly context: LauncherContext
  private readonly preparation: SpawnPreparation
  private queue: LaunchRequest[] = []
  private prepared: PreparedSpawn[] = []
  private readonly threads: ThreadedSpawns
  private settledActs: (() => void)[] = []
  private turn: NodeJS.Immediate | null = null
  private turnEnds = 0
  private inBulk = false
  private readonly registration: ProcessRegistration

  constructor(context: LauncherContext) {
    this.context = context
    this.preparation = context.preparation
    this.registration = context.registration
    const { reaper, hardNoFile } = context
    const softNoFile = Math.min(1_024, hardNoFile)
    const { knownPids: known } = context
    this.threads = new ThreadedSpawns({ reaper, known, softNoFile, onDone: () => this.nextTurn() })
  }

  /** What `act` asks for is launched from the next turn on, many together: cheaper than one by one. */
  bulk(act: () => void): void {
    this.inBulk = true
    try {
      act()
    } finally {
      this.inBulk = false
    }
  }

  /** At once while there is time in this turn, and no thread is at it: a worker that died is back in the same one. */
  request(request: LaunchRequest): void {
    if (this.turn === null) this.beginTurn()
    if (this.inBulk || this.queue.length > 0 || !this.isSettled || monotonicMillis() > this.turnEnds) {
      this.queue.push(request)
      return
    }
    const spawn = this.prepare(request)
    if (spawn !== null) this.spawnHere([spawn])
  }

  /** @returns false where it is too late: the process is there, or could not be started, and the news of it is on its way */
  cancel(service: ServiceRuntime, slot: number, number: number): boolean {
    const isIt = (request: LaunchRequest): boolean =>
      request.service === service && request.slot === slot && request.number === number
    const spawn = this.prepared.find(({ request }) => isIt(request))
    if (spawn !== undefined) {
      this.prepared = this.prepared.filter((other) => other !== spawn)
      spawn.settle(false)
      return true
    }
    const index = this.queue.findIndex(isIt)
    if (index < 0) return false
    this.queue.splice(index, 1)
    return true
  }

  /** False while there may be processes of ours that nobody knows yet. */
  get isSettled(): boolean {
    return !this.threads.isOpen
  }

  /** Now, or when every process of ours is known. */
  whenSettled(act: () => void): void {
    if (this.isSettled) act()
    else this.settledActs.push(act)
  }

  close(): void {
    this.queue = []
    for (const spawn of this.prepared.splice(0)) spawn.settle(false)
    if (this.turn !== null) clearImmediate(this.turn)
    this.turn = null
  }

  private beginTurn(): void {
    this.preparation.beginTurn()
    this.turnEnds = monotonicMillis() + TURN
    this.nextTurn()
  }

  private nextTurn(): void {
    this.turn ??= setImmediate(() => {
      this.turn = null
      if (this.threads.isOpen) this.goOnWithThreads()
      else if (this.queue.length + this.prepared.length > 0) this.launchQueued()
    })
  }

  private launchQueued(): void {
    this.beginTurn()
    this.prepareMore()
    if (this.prepared.length >= WORTH_THREADS && this.prepared.every((spawn) => this.mayBeThreaded(spawn))) {
      this.feedThreads()
      this.prepareMore()
    } else this.spawnHere(this.prepared.splice(0))
  }

  /** First what keeps them busy, then what they have done, then what they need next. */
  private goOnWithThreads(): void {
    this.preparation.beginTurn()
    this.turnEnds = monotonicMillis() + TURN
    this.feedThreads()
    for (const done of this.threads.takeDone()) this.finish(done)
    this.prepareMore()
    this.feedThreads()
    if (this.threads.isStuck) {
      this.spawnHere(this.prepared.splice(0))
      if (this.queue.length > 0) this.nextTurn()
    }
    if (!this.threads.isIdle) return
    // Whatever is thrown comes out on the event loop: the others are not to wait for ever.
    this.nextTurn()
    guarded(() => this.threads.close())
    for (const act of this.settledActs.splice(0)) guarded(act)
  }

  /** Unless somebody waits until all are known. */
  private feedThreads(): void {
    if (this.context.reaper.isAwaited || this.settledActs.length > 0) return
    while (this.threads.hasRoom && this.prepared[0] !== undefined && this.mayBeThreaded(this.prepared[0])) {
      this.threads.start(this.prepared[0])
      this.prepared.shift()
    }
  }

  /**
   * Not in somebody else's process, whose limit of open files is not ours to lower, and whose threads take SIGCHLD; not where a
   * word could come over a channel before its process is known (FIFOs can be held); not when few fds are left below that limit.
   */
  private mayBeThreaded({ options, closeChannel }: PreparedSpawn): boolean {
    return (
      this.context.ownsProcess &&
      poolTakesNoSigchld() &&
      closeChannel === null &&
      options.fds.every((fd) => fd < CROWDED)
    )
  }

  private prepareMore(): void {
    while (this.prepared.length < AHEAD && monotonicMillis() < this.turnEnds) {
      const request = this.queue.shift()
      if (request === undefined) return
      const spawn = this.prepare(request)
      if (spawn !== null) this.prepared.push(spawn)
      else if (this.queue[0] === request) return
    }
  }

  private prepare(request: LaunchRequest): PreparedSpawn | null {
    try {
      return this.preparation.prepare(request)
    } catch (error) {
      // The limit is lower than usual while threads spawn: its time comes when they are done.
      if (!this.isSettled && (error as NodeJS.ErrnoException).code === 'EMFILE') {
        this.queue.unshift(request)
        return null
      }
      this.context.onFailed(request, error instanceof Error ? error.message : String(error))
      return null
    }
  }

  /**
   * All spawns first: the new processes get through their exec meanwhile, which holds up who reads in their /proc. Of a single one
   * we wait there, too, and on a machine with few cores that is well: worked on at once, its record costs it 0.5 ms.
   */
  private spawnHere(spawns: readonly PreparedSpawn[]): void {
    const results = spawns.map((spawn) => ({
      spawn,
      result: attempt(() => spawnProcess(spawn.options)),
      startTime: null,
    }))
    for (const done of results) this.finish(done)
  }

  private finish({ spawn, result, startTime }: SpawnResult): void {
    try {
      spawn.settle(typeof result === 'number')
      if (typeof result !== 'number') return this.context.onFailed(spawn.request, result.message)
      this.context.reaper.watch(result)
      // /proc/PID/stat may be gone already; a pid of ours that is not reaped can not be another process.
      const identity = { pid: result, startTime: startTime ?? startTimeOf(result) ?? 0 }
      this.registration.register({ ...spawn, notifyFd: 3 + spawn.spec.sockets.length }, identity)
    } catch (error) {
      // A bug met by one must not leave the others without their record.
      this.context.onTrouble(spawn.request, error instanceof Error ? (error.stack ?? error.message) : String(error))
    }
  }
}

function attempt(spawn: () => number): number | Error {
  try {
    return spawn()
  } catch (error) {
    return error instanceof Error ? error : new Error(String(error))
  }
}
