import type { CommandMessage } from '../wire/command-messages.ts'
import type { EndableWorker, ForkedWorker, ForkedWorkerParts } from './endable-worker.ts'
import { forkMeeting } from './fork-meeting.ts'
import { GracefulStop, StopAskedError } from './graceful-stop.ts'
import { HeartbeatWriter } from './heartbeat-writer.ts'
import { HttpAccounting } from './http-accounting.ts'
import { bind, describeAddress, drainOf, explainKind, type Listener, listenerOf, placeOf } from './listen.ts'
import { MainRole } from './main-role.ts'
import { ProcessLink } from './process-link.ts'
import { type Environment, readEnvironment, type WorkerSetting } from './read-environment.ts'
import { Reload } from './reload.ts'
import { RequestAccounting } from './request-accounting.ts'
import { ThreadLink, threadGift } from './thread-link.ts'
import type { BoundAddress, Listenable, ListenFallback, Promotion, Role, StopRequest, Worker } from './worker.ts'
import type { WorkerLink } from './worker-link.ts'

/** A loop that calls `tick` a million times a second need not look at the command FIFO each time. */
const tickMillis = 20
const reloadPairMillis = 1_000
const statusLimit = 1024

/** The SDK over one environment. Where that does not say HOLDFAST=1 nothing is opened, written or listened for. */
export function createWorker(env: Environment, link?: WorkerLink): EndableWorker {
  const setting = readEnvironment(env)
  return new NodeWorker(env, setting, link ?? linkOf(env, setting), { aborter: new AbortController() })
}

/** That of a forked process. */
export function createForkedWorker(env: Environment, { logger, forked, ...parts }: ForkedWorkerParts): ForkedWorker {
  const setting = readEnvironment(env)
  const link = new ProcessLink(env, setting, { logger, forked })
  return new NodeWorker(env, setting, link, { ...parts, closeLink: () => link.close() })
}

function linkOf(env: Environment, setting: WorkerSetting): WorkerLink {
  const gift = setting.supervised ? threadGift() : null
  return gift === null ? new ProcessLink(env, setting) : new ThreadLink(gift)
}

interface NodeWorkerParts extends Pick<ForkedWorkerParts, 'aborter'>, Partial<Pick<ForkedWorkerParts, 'onRefork'>> {
  readonly closeLink?: () => void
}

class NodeWorker implements ForkedWorker {
  readonly logger: Worker['logger']
  exitOnStop = true
  readonly #env: Environment
  readonly #setting: WorkerSetting
  readonly #link: WorkerLink
  readonly #heartbeat: HeartbeatWriter
  readonly #requests: RequestAccounting
  readonly #http: HttpAccounting
  readonly #role: MainRole
  readonly #reload: Reload
  readonly #stop: GracefulStop
  readonly #parts: NodeWorkerParts
  readonly #listening = new Set<string>()
  #beatTimer: NodeJS.Timeout | null = null
  #autoHeartbeat = true
  #ready = false
  #ticked = 0
  #hearsHangup = false
  #reloadMessageAt = Number.NEGATIVE_INFINITY
  /** The program looks at `signal` or `tick`: it will end by itself. */
  #endsItself = false
  /** What follows the stop in place of the end. */
  #instead: ((how: 'finished' | 'time-up' | 'stopped') => void) | null = null

  constructor(env: Environment, setting: WorkerSetting, link: WorkerLink, parts: NodeWorkerParts) {
    this.#env = env
    this.#setting = setting
    this.#link = link
    this.#parts = parts
    this.logger = link.logger
    this.logger.level = setting.logLevel
    this.#heartbeat = new HeartbeatWriter(link.heartbeat, {
      generation: setting.generation,
      timeoutMillis: setting.heartbeatTimeout,
    })
    this.#requests = new RequestAccounting(this.#heartbeat, setting.requestTimeout)
    this.#http = new HttpAccounting(this.#requests)
    this.#role = new MainRole(setting.role, { slot: setting.mainSlot, token: setting.fencingToken }, (error) =>
      this.#report('onPromote', error),
    )
    this.#reload = new Reload({
      reloading: () => this.#link.send('RELOADING=1', 'keep'),
      reloaded: () => this.#link.send('READY=1', 'keep'),
      failed: (error) => this.#report('onReload', error),
    })
    this.#stop = new GracefulStop({
      begun: (request) => this.#begun(request),
      workDone: () => this.#requests.idle(),
      failed: (error) => this.#report('onStop', error),
      ended: (how) => this.#ended(how),
    })
    link.listen({
      obey: (message) => this.#obey(message),
      asked: (signal) => void this.#ask(`received ${signal}`, null),
      hangup: () => this.#hangup(),
    })
    if (!link.isOpen) return
    this.#heartbeat.state('booting')
    this.autoHeartbeat = true
  }

  get supervised(): boolean {
    return this.#setting.supervised
  }

  get service(): string {
    return this.#setting.service
  }

  get slot(): number {
    return this.#setting.slot
  }

  get generation(): number {
    return this.#setting.generation
  }

  get role(): Role {
    return this.#role.role
  }

  get id(): string {
    return this.#setting.id
  }

  get config(): unknown {
    return this.#reload.config
  }

  get signal(): AbortSignal {
    this.#endsItself = true
    return this.#parts.aborter.signal
  }

  get autoHeartbeat(): boolean {
    return this.#autoHeartbeat
  }

  set autoHeartbeat(on: boolean) {
    this.#autoHeartbeat = on
    if (this.#beatTimer !== null) clearInterval(this.#beatTimer)
    this.#beatTimer = null
    const interval = this.#setting.heartbeatInterval
    if (on && this.#link.isOpen && interval !== null)
      this.#beatTimer = setInterval(() => this.heartbeat(), interval).unref()
  }

  async listen(name: string, given: Listenable, fallback: ListenFallback | number = {}): Promise<BoundAddress> {
    if (typeof name !== 'string')
      throw new TypeError("listen: the name of a socket first, then what is to listen: listen('http', server)")
    const listener = await listenerOf(given)
    if (this.#listening.has(name)) throw new Error(`this worker listens on socket "${name}" already`)
    const own = typeof fallback === 'number' ? { port: fallback } : fallback
    if (this.#stop.asked) {
      // Too late to begin anything: end as if it had listened, and never tell the program that it does.
      this.#ended('finished')
      return new Promise(() => {})
    }
    const place = placeOf(name, this.supervised ? this.#link.sockets : null, this.#env, own)
    this.#listening.add(name)
    const drain = drainOf(listener)
    this.#count(listener)
    try {
      const address = await bind(listener, place)
      this.#stop.addDrain(drain)
      if (place.is === 'own') this.logger.info(`socket "${name}" listens on ${describeAddress(address)}`)
      return address
    } catch (error) {
      this.#listening.delete(name)
      throw place.is === 'inherited' ? explainKind(error, name, listener) : error
    }
  }

  ready(): void {
    if (this.#ready) return
    this.#ready = true
    for (const problem of this.#link.problems) this.logger.warn(problem)
    if (!this.#stop.asked) this.#heartbeat.state('ready')
    if (this.#beatTimer !== null) this.heartbeat()
    this.#link.send('READY=1', 'keep')
  }

  heartbeat(): void {
    if (this.#heartbeat.writes) this.#heartbeat.beat()
    else if (this.#setting.heartbeatTimeout !== null) this.#link.send('WATCHDOG=1', 'may-drop')
  }

  tick(): boolean {
    this.#endsItself = true
    if (!this.supervised) return !this.#stop.asked
    const now = performance.now()
    if (now - this.#ticked >= tickMillis) {
      this.#ticked = now
      this.heartbeat()
      this.#link.poll()
    }
    return !this.#stop.asked
  }

  status(text: string): void {
    const line = text.replace(/\s*[\r\n]+\s*/g, ' ').slice(0, statusLimit)
    this.#link.send(`STATUS=${line}`, 'may-drop')
  }

  finishing(): void {
    this.#heartbeat.state('finishing')
    this.#link.send('STOPPING=1', 'keep')
  }

  request<T>(fn: () => T): T {
    const request = {}
    const end = (): void => this.#requests.end(request, 'done')
    this.#requests.begin(request)
    let result: T
    try {
      result = fn()
    } catch (error) {
      end()
      throw error
    }
    if (result instanceof Promise) result.then(end, end)
    else end()
    return result
  }

  stop(reason = 'the worker stops itself'): Promise<void> {
    return this.#ask(reason, null)
  }

  onStop(fn: (request: StopRequest) => unknown): void {
    this.#stop.onStop(fn)
  }

  onReload(fn: (config: unknown) => unknown): void {
    if (!this.#hearsHangup) this.#link.listenToHangup()
    this.#hearsHangup = true
    this.#reload.onReload(fn)
  }

  onPromote(fn: (promotion: Promotion) => unknown): void {
    this.#role.onPromote(fn)
    this.#stayForPromotion()
  }

  beforeFork(fn: () => unknown): void {
    forkMeeting().before.push(fn)
  }

  afterFork(fn: () => unknown): void {
    forkMeeting().after.push(fn)
  }

  fencingToken(): string | null {
    return this.#role.token
  }

  assertMain(): void {
    this.#role.assertMain()
  }

  begin(config: unknown): void {
    this.#reload.begin(config)
  }

  leave(code?: number): void {
    this.#link.end(code)
    // Only a worker that is neither process nor thread comes here: it leaves nothing open behind it.
    if (this.#beatTimer !== null) clearInterval(this.#beatTimer)
    this.#http.close()
    this.#stop.abandon()
  }

  finishFor(reason: string, end: (how: 'finished' | 'time-up' | 'stopped') => void): void {
    if (this.#stop.asked) return end('stopped')
    void this.#ask(reason, null)
    this.#instead = end
  }

  letGo(): void {
    if (this.#beatTimer !== null) clearInterval(this.#beatTimer)
    this.#http.close()
    this.#heartbeat.close()
    this.#stop.disarm()
    this.#parts.closeLink?.()
  }

  /** With `reload: { signal: HUP }` the message comes first, then the signal: together they are one reload. */
  #hangup(): void {
    this.#link.poll()
    if (performance.now() - this.#reloadMessageAt > reloadPairMillis) this.#reload.ask((inForce) => inForce)
  }

  #obey(message: CommandMessage): void {
    if ('stop' in message) void this.#ask(message.stop.reason, Date.parse(message.stop.deadline))
    else if ('reload' in message) {
      const { config, logLevel } = message.reload
      this.#reloadMessageAt = performance.now()
      if (logLevel !== undefined) this.logger.level = logLevel
      this.#reload.ask(() => config)
    } else if ('refork' in message) this.#parts.onRefork?.(message.refork)
    else {
      if ('promote' in message) this.#role.promote(message.promote)
      else if ('lost' in message) this.#role.lose(message.lost.reason)
      this.#stayForPromotion()
    }
  }

  /** Nothing else may keep a standby alive that waits. */
  #stayForPromotion(): void {
    this.#link.hold(this.#role.isAwaited && !this.#stop.asked)
  }

  /** @param deadline milliseconds of the wall clock; null or NaN: not said. */
  #ask(reason: string, deadline: number | null): Promise<void> {
    this.#takeInstead()?.('stopped')
    const said = deadline !== null && !Number.isNaN(deadline)
    // The signal carries no deadline; it must not push back the one that the message brought.
    if (!said && this.#stop.asked) return this.#stop.finished
    return this.#stop.ask({ reason, deadline: new Date(said ? deadline : Date.now() + this.#setting.stopTimeout) })
  }

  #begun(request: StopRequest): void {
    this.#heartbeat.state('draining')
    this.#link.send('STOPPING=1', 'keep')
    this.#link.hold(false)
    // An Error, because `fetch` and others throw the signal's reason.
    this.#parts.aborter.abort(new StopAskedError(request))
  }

  #takeInstead(): ((how: 'finished' | 'time-up' | 'stopped') => void) | null {
    const instead = this.#instead
    this.#instead = null
    return instead
  }

  #ended(how: 'finished' | 'time-up'): void {
    const instead = this.#takeInstead()
    if (instead !== null) return instead(how)
    if (!this.exitOnStop) return
    const leaveItToTheProgram = this.#endsItself && !this.#stop.hasWork && this.#listening.size === 0
    if (how === 'finished' && leaveItToTheProgram) return
    this.leave()
  }

  #count(listener: Listener): void {
    if (!this.#heartbeat.writes) return
    if (listener.is === 'http') this.#http.watch(listener.server, listener.requestsOn)
    if (listener.is !== 'http2') return
    listener.server.on('stream', (stream) => {
      this.#requests.begin(stream)
      stream.once('close', () => this.#requests.end(stream, stream.rstCode === 0 ? 'done' : 'gone'))
    })
  }

  #report(where: 'onReload' | 'onStop' | 'onPromote', error: unknown): void {
    this.logger.error(`${where}:`, error)
    this.status(`${where} failed: ${messageOf(error)}`)
  }
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
