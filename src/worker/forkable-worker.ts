import type { Server } from 'node:net'
import type { ReforkOrder } from '../wire/command-messages.ts'
import type { LogLevel } from '../wire/log-level.ts'
import { BeforeForkError } from './before-fork-error.ts'
import { builtins } from './builtins.ts'
import { createForkedWorker } from './create-worker.ts'
import type { EndableWorker, ForkedWorker } from './endable-worker.ts'
import { forkMeeting } from './fork-meeting.ts'
import { createLogger } from './logger.ts'
import { NotMainError } from './main-role.ts'
import type { Environment } from './read-environment.ts'
import type { BoundAddress, Listenable, ListenFallback, Promotion, Role, StopRequest, Worker } from './worker.ts'

/**
 * `worker` in a forkserver, where no worker is yet, and in each worker that is forked from it, where it is that worker: the program
 * keeps the object, its logger and its signal. Until then nothing is opened, no timer runs and no signal is listened to. What is
 * registered meanwhile is registered with the worker in each process. A worker whose process becomes the next forkserver is forgotten,
 * with what was registered in its time.
 */
export class ForkableWorker implements Worker {
  readonly supervised = true
  readonly logger = createLogger()
  #forkserver: string
  readonly #usualLevel = this.logger.level
  /** What the program has set it to before the fork. */
  #ownLevel: LogLevel | null = null
  readonly #earlySignal = new AbortController()
  #signalIsKept = false
  readonly #registered: ((worker: EndableWorker) => void)[] = []
  #autoHeartbeat = true
  #exitOnStop = true
  #worker: ForkedWorker | null = null

  constructor(forkserver: string) {
    this.#forkserver = forkserver
    // What the worker needs first: loaded here it is shared.
    for (const load of Object.values(builtins)) load()
  }

  /** In the worker's process. @param forked whether this object was there before the fork */
  adopt(env: Environment, forked: boolean): void {
    if (this.logger.level !== this.#usualLevel) this.#ownLevel = this.logger.level
    const worker = createForkedWorker(env, {
      forked,
      logger: this.logger,
      aborter: this.#signalIsKept ? this.#earlySignal : new AbortController(),
      onRefork: (order) => this.#refork(worker, order),
    })
    this.#worker = worker
    // What the program has set counts more than the environment, as in a worker that was not forked.
    if (this.#ownLevel !== null) this.logger.level = this.#ownLevel
    worker.exitOnStop = this.#exitOnStop
    if (!this.#autoHeartbeat) worker.autoHeartbeat = false
    for (const register of this.#registered) register(worker)
  }

  /** Some of what a worker does first: V8 compiles a function when it is first called, and here that is done for all of them. */
  async rehearse(server: Server): Promise<void> {
    const parts = { forked: true, logger: createLogger(), aborter: new AbortController(), onRefork: () => {} }
    const worker = createForkedWorker({}, parts)
    const fd = builtins.fs().openSync('/dev/null', 'r')
    // Nothing can listen there.
    await worker.listen('rehearsal', server, { fd }).catch(() => {})
    builtins.fs().closeSync(fd)
    worker.ready()
    worker.letGo()
  }

  #refork(worker: ForkedWorker, order: ReforkOrder): void {
    const refork = forkMeeting().refork?.(order)
    if (refork === undefined) return
    if (this.#signalIsKept)
      return refork.giveUp('the program has taken worker.signal before the fork, and it is aborted once')
    if (!worker.exitOnStop) return refork.giveUp('the program ends by itself (exitOnStop is false)')
    worker.finishFor('this process becomes the forkserver', (how) => {
      if (how === 'stopped') return refork.giveUp('it was asked to stop')
      if (how === 'time-up') {
        refork.giveUp('its work was not done in time')
        return worker.leave()
      }
      worker.letGo()
      this.#worker = null
      this.#forkserver = order.name
      this.logger.level = this.#ownLevel ?? this.#usualLevel
      void refork.fork().finally(() => process.exit())
    })
  }

  get service(): string {
    return this.#forked('service').service
  }

  get slot(): number {
    return this.#forked('slot').slot
  }

  get generation(): number {
    return this.#forked('generation').generation
  }

  get role(): Role {
    return this.#forked('role').role
  }

  get id(): string {
    return this.#forked('id').id
  }

  get config(): unknown {
    return this.#worker?.config
  }

  get signal(): AbortSignal {
    if (this.#worker !== null) return this.#worker.signal
    this.#signalIsKept = true
    this.#register((worker) => void worker.signal)
    return this.#earlySignal.signal
  }

  get autoHeartbeat(): boolean {
    return this.#worker?.autoHeartbeat ?? this.#autoHeartbeat
  }

  set autoHeartbeat(on: boolean) {
    if (this.#worker === null) this.#autoHeartbeat = on
    else this.#worker.autoHeartbeat = on
  }

  get exitOnStop(): boolean {
    return this.#worker?.exitOnStop ?? this.#exitOnStop
  }

  set exitOnStop(on: boolean) {
    if (this.#worker === null) this.#exitOnStop = on
    else this.#worker.exitOnStop = on
  }

  async listen(name: string, server: Listenable, fallback?: ListenFallback | number): Promise<BoundAddress> {
    // Not put off until the fork: who awaits it while the program loads would wait for ever.
    return this.#forked('listen').listen(name, server, fallback)
  }

  ready(): void {
    this.#forked('ready').ready()
  }

  /** What warms a program up before the fork runs as it does in a worker. */
  heartbeat(): void {
    this.#worker?.heartbeat()
  }

  tick(): boolean {
    return this.#forked('tick').tick()
  }

  status(text: string): void {
    this.#worker?.status(text)
  }

  finishing(): void {
    this.#forked('finishing').finishing()
  }

  request<T>(fn: () => T): T {
    return this.#worker === null ? fn() : this.#worker.request(fn)
  }

  async stop(reason?: string): Promise<void> {
    return this.#forked('stop').stop(reason)
  }

  onStop(fn: (request: StopRequest) => unknown): void {
    this.#register((worker) => worker.onStop(fn))
  }

  onReload(fn: (config: unknown) => unknown): void {
    this.#register((worker) => worker.onReload(fn))
  }

  onPromote(fn: (promotion: Promotion) => unknown): void {
    this.#register((worker) => worker.onPromote(fn))
  }

  beforeFork(fn: () => unknown): void {
    forkMeeting().before.push(fn)
  }

  afterFork(fn: () => unknown): void {
    forkMeeting().after.push(fn)
  }

  fencingToken(): string | null {
    return this.#forked('fencingToken').fencingToken()
  }

  assertMain(): void {
    if (this.#worker === null) throw new NotMainError('this process is no worker yet: it is a forkserver')
    this.#worker.assertMain()
  }

  /** For a server made with the library: the configuration that the worker starts with. */
  begin(config: unknown): void {
    this.#register((worker) => worker.begin(config))
  }

  #register(register: (worker: EndableWorker) => void): void {
    if (this.#worker === null) this.#registered.push(register)
    else register(this.#worker)
  }

  /** @throws BeforeForkError */
  #forked(what: string): EndableWorker {
    if (this.#worker === null) throw new BeforeForkError(what, this.#forkserver)
    return this.#worker
  }
}
