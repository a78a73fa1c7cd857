// The small commands that wait for locks. Each leads a session of its own, so that all it started can be ended with it.
import { constants } from 'node:os'
import type { WaitStatus } from '../os/reap.ts'
import { signalGroup } from '../os/send-signal.ts'
import { spawnProcess } from '../os/spawn.ts'

const { SIGKILL } = constants.signals

export interface LockCommand {
  readonly file: string
  readonly argv: readonly string[]
  readonly fds: readonly number[]
}

/** Starts it and calls back once, when it is reaped, never before it returns. @returns the way to kill it @throws OsError */
export type StartLockCommand = (command: LockCommand, onEnd: (status: WaitStatus) => void) => () => void

export interface LockChildrenOptions {
  /** `NAME=value`, with a PATH; what names them as ours goes in here. */
  readonly environment: readonly string[]
  readonly softNoFile: number | null
}

export class LockChildren {
  private readonly running = new Map<number, (status: WaitStatus) => void>()
  private readonly options: LockChildrenOptions
  private watch: (pid: number) => void = () => {}

  constructor(options: LockChildrenOptions) {
    this.options = options
  }

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

  readonly start: StartLockCommand = ({ file, argv, fds }, onEnd) => {
    const { environment: env, softNoFile } = this.options
    const pid = spawnProcess({ file, argv, env, cwd: '/', fds, session: true, softNoFile })
    const onExit = (status: WaitStatus): void => {
      // Killed by somebody, it leaves a flock(1) behind that would take the lock for nobody.
      signalGroup(pid, SIGKILL)
      onEnd(status)
    }
    this.running.set(pid, onExit)
    this.watch(pid)
    return () => {
      // The pid may be another child's by now.
      if (this.running.get(pid) === onExit) signalGroup(pid, SIGKILL)
    }
  }

  /** True when the pid was one of ours. */
  ended(pid: number, status: WaitStatus): boolean {
    const onEnd = this.running.get(pid)
    this.running.delete(pid)
    onEnd?.(status)
    return onEnd !== undefined
  }

  close(): void {
    for (const pid of this.running.keys()) signalGroup(pid, SIGKILL)
  }
}
