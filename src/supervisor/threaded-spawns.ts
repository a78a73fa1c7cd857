// Spawns by libuv's threads: a spawn waits for the exec, and that was half of a start. From the first one under way until all are
// done the pid of a process of ours may be unknown: nobody is reaped, and the limit of open files of this whole process is what
// the children are to have. Who dies in between has no record yet: it is found by its environment or its FIFOs.
import { setSoftNoFile } from '../os/limits.ts'
import { monotonicMillis } from '../os/monotonic-clock.ts'
import { startTimeOfNow } from '../os/process-identity.ts'
import type { ChildReaper } from '../os/reap.ts'
import { spawnInThread } from '../os/spawn.ts'
import type { PreparedSpawn } from './prepare-spawn.ts'

/** At a time: more only take each other's and our time on few cores. libuv has 16 threads, and files are written by them too. */
const AT_ONCE = 3

/** Milliseconds that no spawn takes, unless its program lies on a disk that does not answer. */
const STUCK = 1_000

export interface SpawnResult {
  readonly spawn: PreparedSpawn
  /** A pid, or why there is none. */
  readonly result: number | Error
  /** Of the process; null: look into /proc. */
  readonly startTime: number | null
}

export interface ThreadedSpawnsOptions {
  readonly reaper: ChildReaper
  /** Pids of all children that are known. */
  readonly known: () => Iterable<number>
  /** Of open files, for the children. */
  readonly softNoFile: number
  /** Called in the turn of the event loop in which one is done. */
  readonly onDone: () => void
}

export class ThreadedSpawns {
  private readonly options: ThreadedSpawnsOptions
  private setLimitBack: (() => void) | null = null
  private underWay = 0
  private done: SpawnResult[] = []
  /** monotonicMillis() of the last start or end. */
  private lastProgress = 0

  constructor(options: ThreadedSpawnsOptions) {
    this.options = options
  }

  get isOpen(): boolean {
    return this.setLimitBack !== null
  }

  get hasRoom(): boolean {
    return this.underWay < AT_ONCE
  }

  get isIdle(): boolean {
    return this.underWay === 0 && this.done.length === 0
  }

  /** The others are not to wait for those under way. */
  get isStuck(): boolean {
    return this.underWay > 0 && monotonicMillis() - this.lastProgress > STUCK
  }

  start(spawn: PreparedSpawn): void {
    this.open()
    this.underWay++
    this.lastProgress = monotonicMillis()
    // What the new process says waits until it is known whose word it is.
    spawn.lane.hold()
    const before = startTimeOfNow()
    const done = (result: number | Error): void => {
      const startTime = startTimeOfNow() === before ? before : null
      this.underWay--
      this.lastProgress = monotonicMillis()
      this.done.push({ spawn, result, startTime })
      this.options.onDone()
    }
    try {
      spawnInThread(spawn.options, done)
    } catch (error) {
      done(error instanceof Error ? error : new Error(String(error)))
    }
  }

  takeDone(): SpawnResult[] {
    return this.done.splice(0)
  }

  /** Once idle: everybody is known. Those who have died meanwhile are reaped now. */
  close(): void {
    const { setLimitBack } = this
    this.setLimitBack = null
    try {
      setLimitBack?.()
    } finally {
      this.options.reaper.release()
    }
  }

  private open(): void {
    if (this.setLimitBack !== null) return
    const { reaper, softNoFile, known } = this.options
    this.setLimitBack = setSoftNoFile(softNoFile)
    reaper.hold(known)
  }
}
