// A worker where it runs: the definition's callbacks around the SDK.
import type { EndableWorker } from '../worker/endable-worker.ts'
import { writeDump } from '../worker/process-dump.ts'
import type { Worker } from '../worker/worker.ts'
import type { WorkerTier } from './tier.ts'
import { showTitle } from './titles.ts'
import type { ServerWorkerContext } from './worker-context.ts'
import type { WorkerDefinition } from './worker-definition.ts'
import { WorkerSeat } from './worker-seat.ts'

/** Milliseconds after which a worker counts as ready that says nothing and listens nowhere. */
const READY_AFTER = 1_000
const LONGEST_TIMER = 2 ** 31 - 1

/** What a worker runs in: a process or a thread of its own, or the event loop of its server. */
export interface WorkerBody {
  exit(code: number): void
  /** `run` has returned, or thrown. */
  ran?(): void
}

const OWN_BODY: WorkerBody = { exit: (code) => process.exit(code) }

export interface RunWorkerOptions<Config> {
  /** Default: the process is the worker's. */
  readonly body?: WorkerBody
  /** Of a worker that was initialized before it was forked. */
  readonly seat?: WorkerSeat<Config> | null
}

/** Resolves never: the process ends when its work has. */
export async function runWorker<Config>(
  definition: WorkerDefinition<Config>,
  tier: WorkerTier,
  worker: Worker & Partial<Pick<EndableWorker, 'begin'>>,
  { body = OWN_BODY, seat: initialized = null }: RunWorkerOptions<Config> = {},
): Promise<never> {
  const seat = initialized ?? new WorkerSeat<Config>(worker, tier)
  seat.take(tier)
  const { ctx } = seat
  // HUP from somebody else brings no configuration: then it is the one in force, once more.
  worker.begin?.(seat.config)
  worker.onReload(async (next) => {
    await definition.reload?.(next as Config, ctx)
    seat.config = next as Config
  })
  endWithServer(worker, tier)
  if (body === OWN_BODY && tier.dumpSignal !== null) process.on(tier.dumpSignal, () => dump(worker))
  worker.onPromote(showTitle(tier.title, worker.role))
  try {
    if (initialized === null) await definition.initialize?.(ctx)
    const readySoon = setTimeout(() => worker.ready(), READY_AFTER)
    // A `run` that waits for nothing but `ctx.signal` has not ended; Node would end the process, with code 13.
    const standing = body === OWN_BODY ? setInterval(() => {}, LONGEST_TIMER) : undefined
    const running = (async () => definition.run(ctx))().finally(() => {
      clearInterval(standing)
      body.ran?.()
    })
    stopWith(definition, ctx, worker, running)
    await running
    // Done before its time: nobody is told that it was ready for work. One that left timers or connections behind goes on.
    readySoon.unref()
    if (body === OWN_BODY) endWhenNothingIsLeft(worker)
  } catch (error) {
    if (worker.signal.aborted && isAbort(error)) return forever()
    worker.logger.error(error instanceof Error ? (error.stack ?? error.message) : String(error))
    body.exit(1)
  }
  return forever()
}

/**
 * `await server.run()` never returns here, for which Node would end the process with code 13, and a warning: so it ends before that.
 * Not the first time that nothing is left: whoever listens for that may have found something to do.
 */
function endWhenNothingIsLeft(worker: Worker): void {
  process.once('beforeExit', () => {
    setImmediate(() => {})
    process.once('beforeExit', () => {
      if (!worker.signal.aborted) worker.logger.info('run has returned, and nothing is left to do: this worker ends')
      process.exit()
    })
  })
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
    // One that throws, at once or later, is no reason to cut off what is under way.
    stopped = (async () => definition.stop?.(ctx))().catch((error: unknown) => worker.logger.error('stop:', error))
  }
  if (worker.signal.aborted) tell()
  else worker.signal.addEventListener('abort', tell, { once: true })
  worker.onStop(async () => {
    await stopped
    // A standby waits in `run` for a promotion that will not come, and has no work to finish.
    if (worker.role === 'main') await running.catch(() => {})
  })
}

/** Its pipe ends when the server does, also by `kill -9`. Nobody writes to it. */
function endWithServer(worker: Worker, { orphans, serverPid, lifelineFd }: WorkerTier): void {
  if (orphans === 'stay' || lifelineFd === null) return
  const lifeline = new (process.getBuiltinModule('node:net').Socket)({
    fd: lifelineFd,
    readable: true,
    writable: false,
  })
  lifeline.once('close', () => {
    worker.logger.warn(
      `the server (pid ${serverPid}) is gone: this worker ${orphans === 'die' ? 'ends' : 'finishes what it has, and ends'}`,
    )
    if (orphans === 'die') process.exit(1)
    void worker.stop('the server is gone')
  })
  lifeline.on('error', () => {})
  lifeline.resume().unref()
}

/** What its event loop can tell; of one that hangs the server can. */
function dump({ logger }: Worker): void {
  try {
    logger.info(`dump written to ${writeDump()}`)
  } catch (error) {
    logger.error(`no dump: ${error instanceof Error ? error.message : String(error)}`)
  }
}

function isAbort(error: unknown): boolean {
  return error instanceof Error && error.name === 'AbortError'
}

function forever(): Promise<never> {
  return new Promise(() => {})
}
