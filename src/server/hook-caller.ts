// Calls a program's hooks, and stands between their mistakes and the server.
import type { WorkerProcess } from '../supervisor/engine-host.ts'
import { inTime } from './in-time.ts'
import { isModule } from './program-file.ts'
import type { RunningServer } from './running-server.ts'
import type { ServerHooks } from './server-hooks.ts'
import type { ServerOptions } from './server-options.ts'
import type { WorkerDefinition, WorkerStart } from './worker-definition.ts'

type Hooks = Required<ServerHooks<never>>

/** What `afterRun` may take: less than a supervisor above gives the server (`OWN_STOP` in supervised-server.ts). */
const LAST_HOOK_MILLIS = 4_000

export class HookCaller<Config> {
  private readonly hooks: ServerHooks<Config>
  private readonly worker: WorkerDefinition<Config> | null
  private readonly server: RunningServer<Config>
  private readonly log: (text: string) => void
  private waiting: NodeJS.Immediate | null = null

  constructor(options: ServerOptions<Config>, server: RunningServer<Config>, log: (text: string) => void) {
    this.hooks = options.server ?? {}
    const { worker } = options
    this.worker = worker === undefined || isModule(worker) ? null : worker
    this.server = server
    this.log = log
  }

  /** What it throws is reported as that of a hook. */
  guarded(name: string, act: () => unknown): void {
    try {
      const result = act()
      if (result instanceof Promise) result.catch((error) => this.report(name, error))
    } catch (error) {
      this.report(name, error)
    }
  }

  /** What it throws is reported, and changes nothing. */
  call<H extends Exclude<keyof Hooks, 'afterRun'>>(
    hook: H,
    ...args: Parameters<NonNullable<ServerHooks<Config>[H]>>
  ): void {
    this.guarded(hook, () => (this.hooks[hook] as ((...given: unknown[]) => unknown) | undefined)?.(...args))
  }

  /** The last of all: the process may end when this resolves. */
  async afterRun(): Promise<void> {
    const hook = new Promise<void>((resolve) =>
      this.guarded('afterRun', async () => {
        try {
          await this.hooks.afterRun?.(this.server)
        } finally {
          resolve()
        }
      }),
    )
    await inTime(LAST_HOOK_MILLIS, hook, undefined)
  }

  ofWorker(hook: 'beforeFork' | 'afterStart', start: WorkerStart): void {
    this.guarded(`worker.${hook}`, () => this.worker?.[hook]?.(start))
  }

  /** Resolves when the program has done what it has to. False: it failed at it. */
  async upgrade(): Promise<boolean> {
    try {
      await this.hooks.upgrade?.(this.server)
      return true
    } catch (error) {
      this.report('upgrade', error)
      return false
    }
  }

  spawned({ slot, pid }: WorkerProcess): void {
    this.call('onSpawn', { workerId: slot, pid })
    this.ofWorker('afterStart', { workerId: slot, pid })
  }

  exited({ slot, pid }: WorkerProcess, reason: string): void {
    this.call('onReap', { workerId: slot, pid, reason })
  }

  /** Not at once: heartbeats are noticed by who looks, and the hook may be the one, by `status()` or `healthy()`. */
  beat({ slot, pid }: WorkerProcess): void {
    queueMicrotask(() => this.call('onHeartbeat', { workerId: slot, pid }))
  }

  /** Something happened: `onWait` is called when all that follows from it at once is done. */
  waitSoon(): void {
    if (this.hooks.onWait === undefined) return
    this.waiting ??= setImmediate(() => {
      this.waiting = null
      this.call('onWait', this.server)
    })
  }

  private report(name: string, error: unknown): void {
    this.log(`the hook ${name} failed: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`)
  }
}
