// Short commands beside the workers: stop and reload commands, exec probes. Run as the service's user, in its directory.
import { constants } from 'node:os'
import type { ServiceSpec } from '../config/effective.ts'
import type { WaitStatus } from '../os/reap.ts'
import { signalGroup } from '../os/send-signal.ts'
import { spawnProcess } from '../os/spawn.ts'
import { baseOf } from './base-environment.ts'
import { executableFor } from './exec-settings.ts'

const { SIGKILL } = constants.signals

export interface AuxiliaryOutcome {
  readonly ok: boolean
  /** `exited with code 1`, `not done within 2s`, or why it could not be started. */
  readonly text: string
}

export class AuxiliaryCommands {
  private readonly running = new Map<number, (status: WaitStatus) => void>()
  private readonly devNull: number
  private readonly noFile: number
  private watch: (pid: number) => void = () => {}

  constructor(options: { devNull: number; softNoFile: number }) {
    this.devNull = options.devNull
    this.noFile = options.softNoFile
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

  /** Calls back once, never before it returns. @returns the cancellation, which kills the command and calls back no more */
  run(
    spec: ServiceSpec,
    command: readonly string[],
    environment: Readonly<Record<string, string>>,
    timeout: number,
    onEnd: (outcome: AuxiliaryOutcome) => void,
  ): () => void {
    let pid: number
    try {
      const { lines: env, path, shellUnsafe } = baseOf(environment)
      const { file, argv } = executableFor(spec, command, { listenPid: false, path, shellUnsafe })
      const fds = [this.devNull, this.devNull, this.devNull]
      pid = spawnProcess({ file, argv: [...argv], env, cwd: spec.cwd, fds, session: true, softNoFile: this.noFile })
    } catch (error) {
      setImmediate(() => onEnd({ ok: false, text: error instanceof Error ? error.message : String(error) }))
      return () => {}
    }
    return this.await(pid, timeout, onEnd)
  }

  /** True when the pid was one of ours. */
  ended(pid: number, status: WaitStatus): boolean {
    const onExit = this.running.get(pid)
    this.running.delete(pid)
    onExit?.(status)
    return onExit !== undefined
  }

  /** Kills what still runs, without a call back. */
  close(): void {
    for (const pid of this.running.keys()) signalGroup(pid, SIGKILL)
  }

  private await(pid: number, timeout: number, onEnd: (outcome: AuxiliaryOutcome) => void): () => void {
    let timedOut = false
    let cancelled = false
    const deadline = setTimeout(() => {
      timedOut = true
      signalGroup(pid, SIGKILL)
    }, timeout)
    this.running.set(pid, ({ code, signal }) => {
      clearTimeout(deadline)
      // What the command left in its group goes with it.
      signalGroup(pid, SIGKILL)
      if (cancelled) return
      const how = timedOut
        ? `not done within ${timeout / 1000}s`
        : code === null
          ? `killed by ${signal}`
          : `exited with code ${code}`
      onEnd({ ok: code === 0 && !timedOut, text: how })
    })
    this.watch(pid)
    return () => {
      cancelled = true
      if (this.running.has(pid)) signalGroup(pid, SIGKILL)
    }
  }
}
