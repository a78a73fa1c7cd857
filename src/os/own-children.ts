// Short commands beside the workers: probes, stop and reload commands, what waits for locks. Each leads a session of its own, so that
// all it started ends with it.
import { constants } from 'node:os'
import type { WaitStatus } from './reap.ts'
import { signalGroup } from './send-signal.ts'
import { type SpawnOptions, spawnProcess } from './spawn.ts'

const { SIGKILL } = constants.signals

export class OwnChildren {
  private readonly running = new Map<number, (status: WaitStatus) => void>()
  private watch: (pid: number) => void = () => {}

  /** Who reaps has to know of every child. */
  watchWith(watch: (pid: number) => void): void {
    this.watch = watch
  }

  get pids(): Iterable<number> {
    return this.running.keys()
  }

  owns(pid: number): boolean {
    return this.running.has(pid)
  }

  /**
   * Calls back once, when it is reaped, never before this returns. @returns the way to kill it, with all that it has started; when
   * it has ended that does nothing @throws OsError
   */
  start(options: Omit<SpawnOptions, 'session'>, onEnd: (status: WaitStatus) => void): () => void {
    const pid = spawnProcess({ ...options, session: true })
    this.running.set(pid, onEnd)
    try {
      this.watch(pid)
    } catch (error) {
      // Nobody would hear of its end.
      this.running.delete(pid)
      signalGroup(pid, SIGKILL)
      throw error
    }
    return () => {
      // The pid may be another child's by now.
      if (this.running.get(pid) === onEnd) signalGroup(pid, SIGKILL)
    }
  }

  /** It is dead and still holds its pid: what it has left in its group goes with it. */
  beforeReap(pid: number): void {
    if (this.running.has(pid)) signalGroup(pid, SIGKILL)
  }

  /** True when the pid was one of ours. */
  ended(pid: number, status: WaitStatus): boolean {
    const onEnd = this.running.get(pid)
    this.running.delete(pid)
    onEnd?.(status)
    return onEnd !== undefined
  }

  /** Kills what still runs. Who waits for its end still hears of it, as long as somebody reaps. */
  close(): void {
    for (const pid of this.running.keys()) signalGroup(pid, SIGKILL)
  }
}
