// A worker of type `process`, in its own process: the definition's callbacks around the SDK.
import type { Worker } from '../worker/worker.ts'
import type { Tier } from './tier.ts'
import { ServerWorkerContext } from './worker-context.ts'
import type { WorkerDefinition } from './worker-definition.ts'

/** Milliseconds after which a worker counts as ready that says nothing and listens nowhere. */
const READY_AFTER = 1_000
/** Milliseconds between two looks whether the server is still our parent: a process is told nothing of its parent's death. */
const ORPHAN_LOOK = 1_000

type WorkerTier = Extract<Tier, { is: 'worker' }>

/** Resolves never: the process ends when its work has. */
export async function runWorker<Config>(
  definition: WorkerDefinition<Config>,
  tier: WorkerTier,
  worker: Worker,
): Promise<never> {
  let config = tier.config as Config
  const ctx = new ServerWorkerContext<Config>(worker, {
    config: () => config,
    server: { name: tier.server, pid: tier.serverPid },
    onListening: () => worker.ready(),
  })
  worker.onReload(async (given) => {
    // HUP from somebody else brings no configuration: then it is the one in force, once more.
    const next = given === undefined ? config : (given as Config)
    await definition.reload?.(next, ctx)
    config = next
  })
  if (tier.orphans === 'finish') endWithServer(worker, tier.serverPid)
  try {
    await definition.initialize?.(ctx)
    const readySoon = setTimeout(() => worker.ready(), READY_AFTER)
    const running = Promise.resolve(definition.run(ctx))
    stopWith(definition, ctx, worker, running)
    await running
    // Done before its time: nobody is told that it was ready for work.
    if (!worker.signal.aborted && !hasWork()) clearTimeout(readySoon)
  } catch (error) {
    if (worker.signal.aborted && isAbort(error)) return forever()
    fail(worker, error)
  }
  return forever()
}

/** What a stop waits for, beside the connections: the `stop` callback, told at once, and the end of `run`. */
function stopWith<Config>(
  definition: WorkerDefinition<Config>,
  ctx: ServerWorkerContext<Config>,
  worker: Worker,
  running: Promise<unknown>,
): void {
  let stopped: Promise<unknown> = Promise.resolve()
  const tell = (): void => {
    stopped = Promise.resolve(definition.stop?.(ctx))
    stopped.catch(() => {})
  }
  if (worker.signal.aborted) tell()
  else worker.signal.addEventListener('abort', tell, { once: true })
  worker.onStop(async () => {
    await stopped
    await running.catch(() => {})
  })
}

function endWithServer(worker: Worker, serverPid: number): void {
  const timer = setInterval(() => {
    if (process.ppid === serverPid) return
    clearInterval(timer)
    worker.logger.warn(`the server (pid ${serverPid}) is gone: this worker finishes what it has, and ends`)
    void worker.stop('the server is gone')
  }, ORPHAN_LOOK).unref()
}

function hasWork(): boolean {
  return process.getActiveResourcesInfo().some((kind) => kind !== 'Timeout' && !/^(TTY|Pipe)Wrap$/.test(kind))
}

function isAbort(error: unknown): boolean {
  return error instanceof Error && error.name === 'AbortError'
}

function fail(worker: Worker, error: unknown): never {
  worker.logger.error(error instanceof Error ? (error.stack ?? error.message) : String(error))
  process.exit(1)
}

function forever(): Promise<never> {
  return new Promise(() => {})
}
