// Short commands beside the workers: stop and reload commands, exec probes. Run as the service's user, in its directory.
import type { ServiceSpec } from '../config/effective.ts'
import type { OwnChildren } from '../os/own-children.ts'
import type { WaitStatus } from '../os/reap.ts'
import { baseOf } from './base-environment.ts'
import { executableFor } from './exec-settings.ts'

export interface AuxiliaryOutcome {
  readonly ok: boolean
  /** `exited with code 1`, `not done within 2s`, or why it could not be started. */
  readonly text: string
}

export class AuxiliaryCommands {
  private readonly children: OwnChildren
  private readonly devNull: number
  private readonly noFile: number

  constructor(options: { children: OwnChildren; devNull: number; softNoFile: number }) {
    this.children = options.children
    this.devNull = options.devNull
    this.noFile = options.softNoFile
  }

  /** Calls back once, never before it returns. @returns the cancellation, which kills the command and calls back no more */
  run(
    spec: ServiceSpec,
    command: readonly string[],
    environment: Readonly<Record<string, string>>,
    timeout: number,
    onEnd: (outcome: AuxiliaryOutcome) => void,
  ): () => void {
    let timedOut = false
    let cancelled = false
    let kill: () => void
    const ended = (status: WaitStatus): void => {
      clearTimeout(deadline)
      if (cancelled) return
      const text = timedOut ? `not done within ${timeout / 1000}s` : describe(status)
      onEnd({ ok: status.code === 0 && !timedOut, text })
    }
    try {
      const { lines: env, path, shellUnsafe } = baseOf(environment)
      const { file, argv } = executableFor(spec, command, { listenPid: false, path, shellUnsafe })
      const fds = [this.devNull, this.devNull, this.devNull]
      kill = this.children.start({ file, argv, env, cwd: spec.cwd, fds, softNoFile: this.noFile }, ended)
    } catch (error) {
      setImmediate(() => onEnd({ ok: false, text: error instanceof Error ? error.message : String(error) }))
      return () => {}
    }
    const deadline = setTimeout(() => {
      timedOut = true
      kill()
    }, timeout)
    return () => {
      cancelled = true
      kill()
    }
  }
}

function describe({ code, signal }: WaitStatus): string {
  return code === null ? `killed by ${signal}` : `exited with code ${code}`
}
