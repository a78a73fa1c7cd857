// Has workers forked by their forkservers. Where one can not be forked from, or a fork came to nothing, the worker is started by
// itself: slower, and sharing nothing, but there.
import { constants } from 'node:os'
import type { ServiceSpec } from '../config/effective.ts'
import { formatDuration } from '../config/values/duration.ts'
import { monotonicMillis } from '../os/monotonic-clock.ts'
import type { WaitStatus } from '../os/reap.ts'
import { signalProcess } from '../os/send-signal.ts'
import { type ForkStatus, parseForkStatus } from '../wire/fork-messages.ts'
import { ForkChannel } from './fork-channel.ts'
import type { ForkserverInstance, Order } from './forkserver-instance.ts'
import type { Forkservers } from './forkservers.ts'
import type { Lane } from './lane.ts'
import type { LostForks } from './lost-forks.ts'
import { lookAtNewborn } from './newborn.ts'
import type { ForkPreparation, PreparedFork } from './prepare-fork.ts'
import type { LaunchRequest } from './prepare-spawn.ts'
import type { ProcessRegistration } from './process-registration.ts'
import type { RunningProcess, ServiceRuntime } from './service-runtime.ts'
import type { WorkerLauncher } from './worker-launcher.ts'

/** Milliseconds beyond `forkTimeout` after which it is the forkserver itself that hangs. */
const GRACE = 2_000
/** Whether one that loads has loaded. */
const LOOK_AGAIN = 1_000
/** The supervisor itself did not run: what is overdue by so much gets another turn. */
const OWN_PAUSE = 1_000

export interface ForkLauncherContext {
  readonly forkservers: Forkservers
  readonly preparation: ForkPreparation
  readonly registration: ProcessRegistration
  readonly lost: LostForks
  /** What has lost its parent is our child from then on. */
  readonly adoptsOrphans: boolean
  /** Among the processes of this engine. */
  readonly isKnown: (pid: number) => boolean
  /** For workers that are started without their forkserver. */
  readonly cold: WorkerLauncher
  readonly onFailed: (request: LaunchRequest, error: string, lastOutput?: readonly string[]) => void
  readonly note: (request: LaunchRequest, event: string, reason: string) => void
  readonly noteForkserver: (instance: ForkserverInstance, event: string, reason: string) => void
  /** It has loaded. */
  readonly onReady: (process: RunningProcess) => void
  /** It does not answer. */
  readonly kill: (process: RunningProcess, why: string) => void
  /** Of a worker that had died before it was known. */
  readonly onExit: (process: RunningProcess, status: WaitStatus) => void
}

export class ForkLauncher {
  private readonly context: ForkLauncherContext
  /** Unknown children that have died while forks were under way: a worker may be dead before its forkserver has named it. */
  private readonly ended = new Map<number, WaitStatus>()
  /** Whose forkserver has died, while it is looked whether it has forked them. */
  private readonly regained = new Set<LaunchRequest>()
  private readonly lostOnce = new WeakSet<LaunchRequest>()
  private timer: NodeJS.Timeout | null = null
  /** Milliseconds of the monotonic clock: until then nobody is overdue. */
  private notBefore = 0

  constructor(context: ForkLauncherContext) {
    this.context = context
  }

  request(request: LaunchRequest): void {
    const { service, generation } = request
    if (!this.context.adoptsOrphans) return this.startAsGuest(request)
    const spec = service.state.specs[generation]
    if (spec === undefined) return this.context.onFailed(request, `generation ${generation} is not known any more`)
    try {
      const instance = this.context.forkservers.choose(service.state.name, generation, spec)
      if (instance.takesOrders) return this.launch(instance, request)
      instance.waiting.push(request)
      this.context.note(request, 'forkserver', `waits for forkserver ${instance.spec.name}, which is loading`)
    } catch (error) {
      this.context.onFailed(request, error instanceof Error ? error.message : String(error))
    }
  }

  /** @returns false where it is too late */
  cancel(service: ServiceRuntime, slot: number, number: number): boolean {
    const isIt = (request: LaunchRequest): boolean =>
      request.service === service && request.slot === slot && request.number === number
    for (const request of this.regained) if (isIt(request)) return this.regained.delete(request)
    for (const instance of this.context.forkservers.all) {
      if (instance.waiting.some(isIt)) {
        instance.waiting = instance.waiting.filter((request) => !isIt(request))
        return true
      }
      const order = [...instance.orders.values()].find(({ fork }) => isIt(fork.request))
      if (order === undefined) continue
      // It takes milliseconds, unless it is still loading.
      if (instance.loaded !== null) return false
      instance.orders.delete(order.fork.token)
      instance.calledBack.set(order.fork.token, order.fork)
      return true
    }
    return false
  }

  /** The process of a forkserver is there. */
  began(process: RunningProcess): void {
    const instance = this.context.forkservers.named(process.service)
    const lane = process.lane as Lane
    if (instance === undefined) return
    try {
      instance.begin(process, new ForkChannel(lane.path('command'), lane.options, { empty: true }))
    } catch (error) {
      // No descriptor is left, or somebody removes the runtime directory: the next one may have more luck.
      return this.context.kill(process, `it can not be told anything: ${String(error)}`)
    }
    if (instance.takesOrders) for (const request of instance.waiting.splice(0)) this.launch(instance, request)
  }

  /** What the process of a forkserver says. */
  heard(process: RunningProcess, chunk: Buffer): void {
    const instance = this.context.forkservers.named(process.service)
    if (instance === undefined || instance.process !== process) return
    for (const line of instance.linesIn(chunk)) {
      const status = parseForkStatus(line)
      if (status !== null) this.obey(instance, process, status)
    }
  }

  /** The process of a forkserver is dead. @param reason `exited with code 1` */
  died(process: RunningProcess, reason: string): void {
    const instance = this.context.forkservers.named(process.service)
    if (instance === undefined || instance.process !== process) return
    const { loaded, lastError, hung } = instance
    const { startTimeout } = instance.spec
    const late = loaded === null && monotonicMillis() - process.startedAt >= startTimeout
    const end = late ? `it had not loaded after ${formatDuration(startTimeout)} (startTimeout): ${reason}` : reason
    const why = lastError === null ? end : `${end}: ${lastError}`
    const came = instance.ending ? 'was stopped while it loaded' : `could not load: ${why}`
    const failure = `forkserver ${instance.spec.name} ${came}`
    const lastOutput = process.lane.lastOutput(20)
    const open = instance.end()
    for (const { request } of open) this.regained.add(request)
    this.context.lost.end(process.id, open, () => {
      for (const fork of open) {
        fork.settle(false)
        // It is not wanted any more.
        if (!this.regained.delete(fork.request)) continue
        if (loaded === null) this.context.onFailed(fork.request, failure, lastOutput)
        else if (hung) this.startOtherwise(instance, fork.request, 'its forkserver did not answer')
        else if (this.triedTwice(fork.request))
          this.startOtherwise(instance, fork.request, `its forkserver was ${reason}, as the one before`)
        else this.request(fork.request)
      }
    })
    if (loaded !== null) return
    for (const request of instance.waiting.splice(0)) this.context.onFailed(request, failure, lastOutput)
  }

  /** A child that nobody knows. */
  strangerEnded(pid: number, status: WaitStatus): void {
    if (this.isForking) this.ended.set(pid, status)
  }

  close(): void {
    if (this.timer !== null) clearTimeout(this.timer)
    for (const instance of this.context.forkservers.all) {
      for (const fork of instance.end()) fork.settle(false)
      instance.proxy?.close()
    }
  }

  private get isForking(): boolean {
    return this.context.forkservers.all.some(({ orders }) => orders.size > 0)
  }

  private launch(instance: ForkserverInstance, request: LaunchRequest): void {
    if (instance.loaded?.cold != null) return this.startCold(instance, request, null)
    // The order before it has taken a lane, and there are two.
    const { service, slot } = request
    const isOfSlot = ({ request: one }: PreparedFork): boolean => one.service === service && one.slot === slot
    if ([...instance.calledBack.values()].some(isOfSlot)) return void instance.waiting.push(request)
    let fork: PreparedFork
    try {
      fork = this.context.preparation.prepare(request, instance.fds)
    } catch (error) {
      return this.context.onFailed(request, error instanceof Error ? error.message : String(error))
    }
    instance.orders.set(fork.token, { fork, askedAt: monotonicMillis() })
    instance.channel?.send(fork.order)
    this.armTimer()
  }

  /** Whether a forkserver has died of this one before: it may be this very fork that it dies of. */
  private triedTwice(request: LaunchRequest): boolean {
    if (this.lostOnce.has(request)) return true
    this.lostOnce.add(request)
    return false
  }

  /** Nobody else knows how to start what a program of somebody's own forks. */
  private startOtherwise(instance: ForkserverInstance, request: LaunchRequest, why: string): void {
    if (isOurs(instance)) this.startCold(instance, request, why)
    else this.context.onFailed(request, why)
  }

  /** What is forked twice would be the child of process 1, and nobody could tell of its end. */
  private startAsGuest(request: LaunchRequest): void {
    this.context.note(
      request,
      'cold-start',
      'started without its forkserver: the supervisor is a guest in this program',
    )
    this.context.cold.request(request)
  }

  /** @param why null: it has been said of all */
  private startCold(instance: ForkserverInstance, request: LaunchRequest, why: string | null): void {
    instance.counts.cold++
    if (why !== null) this.context.note(request, 'cold-start', `started without its forkserver: ${why}`)
    this.context.cold.request(request)
  }

  private obey(instance: ForkserverInstance, process: RunningProcess, status: ForkStatus): void {
    switch (status.is) {
      case 'loaded':
        return this.loaded(instance, process, status)
      case 'started':
        return void this.started(instance, process, status)
      case 'failed':
        return this.failed(instance, status)
      case 'proxy-started':
        return this.startedByProxy(instance, process, status)
      case 'proxy-stopped':
        // Its last words first.
        ;(process.lane as Lane).drainLog()
        return instance.proxy?.stopped(status.name, status.status)
      case 'error':
        // Of one that has loaded it is no reason for anything that comes later.
        if (instance.loaded === null) instance.lastError = status.error
        return this.context.noteForkserver(instance, 'trouble', status.error)
    }
  }

  private loaded(instance: ForkserverInstance, process: RunningProcess, status: ForkStatus & { is: 'loaded' }): void {
    const { modules, ms, cold } = status
    if (instance.loaded !== null) return
    instance.loaded = { at: monotonicMillis(), modules, ms, cold }
    instance.lastError = null
    const reason = `${modules} modules in ${Math.round(ms)} ms`
    this.context.noteForkserver(instance, 'loaded', reason)
    if (cold !== null)
      this.context.noteForkserver(instance, 'cold', `workers are started without it, and share nothing: ${cold}`)
    this.context.onReady(process)
    for (const request of instance.waiting.splice(0)) this.launch(instance, request)
  }

  private started(
    instance: ForkserverInstance,
    forkserver: RunningProcess,
    { is, token, pid }: { readonly is: ForkStatus['is']; readonly token: string; readonly pid: number },
  ): RunningProcess | null {
    const born = lookAtNewborn(pid, forkserver.identity, this.context.isKnown)
    if (this.wasCalledBack(instance, token)) {
      // It is our child, and nobody waits for it.
      if (born.is === 'ours') signalProcess({ pid, startTime: born.stat.startTime }, constants.signals.SIGKILL)
      return null
    }
    const fork = this.answered(instance, token)
    if (fork === null) return null
    // A proxy tells of their ends itself: its words of that come next.
    const ended = born.is === 'gone' ? this.ended.get(pid) : undefined
    const why = born.is === 'not-ours' ? born.why : 'which is not there'
    if (born.is === 'not-ours' || (born.is === 'gone' && ended === undefined && is !== 'proxy-started')) {
      this.cameToNothing(instance, fork, {
        error: `says that ${fork.request.service.state.name}/${fork.request.slot} is process ${pid}, ${why}`,
        unsound: true,
      })
      return null
    }
    instance.counts.forks++
    fork.settle(true)
    const identity = { pid, startTime: born.is === 'ours' ? born.stat.startTime : 0 }
    // Of a forkserver of somebody's own one may not lead its group, whatever was asked for: then it has none to signal.
    const leads = born.is === 'gone' || born.stat.processGroup === pid
    const spec = leads ? fork.spec : withoutGroup(fork.spec)
    const worker = this.context.registration.register({ ...fork, spec, notifyFd: null, closeChannel: null }, identity)
    instance.proxy?.forked(worker)
    if (ended !== undefined) this.context.onExit(worker, ended)
    this.forgetEnded()
    return worker
  }

  /** It never says that it has loaded. */
  private startedByProxy(
    instance: ForkserverInstance,
    process: RunningProcess,
    { name, pid }: ForkStatus & { is: 'proxy-started' },
  ): void {
    this.loaded(instance, process, { is: 'loaded', modules: 0, ms: 0, rss: 0, cold: null, pid: null })
    const forks = [...[...instance.orders.values()].map(({ fork }) => fork), ...instance.calledBack.values()]
    const token = forks.find(({ proxyName }) => proxyName === name)?.token ?? name
    const worker = this.started(instance, process, { is: 'proxy-started', token, pid })
    if (worker !== null) instance.proxy?.started(name, worker)
  }

  private failed(instance: ForkserverInstance, status: ForkStatus & { is: 'failed' }): void {
    if (this.wasCalledBack(instance, status.token)) return
    const fork = this.answered(instance, status.token)
    if (fork !== null) this.cameToNothing(instance, fork, status)
  }

  private cameToNothing(
    instance: ForkserverInstance,
    fork: PreparedFork,
    { error, unsound }: { readonly error: string; readonly unsound: boolean },
  ): void {
    instance.counts.failed++
    fork.settle(false)
    this.context.noteForkserver(instance, 'fork-failed', error)
    if (unsound && isOurs(instance)) this.startCold(instance, fork.request, error)
    else this.context.onFailed(fork.request, `forkserver ${instance.spec.name}: ${error}`)
    this.forgetEnded()
  }

  private wasCalledBack(instance: ForkserverInstance, token: string): boolean {
    const fork = instance.calledBack.get(token)
    instance.calledBack.delete(token)
    if (fork === undefined) return false
    fork.settle(false)
    for (const request of instance.waiting.splice(0)) this.launch(instance, request)
    return true
  }

  private answered(instance: ForkserverInstance, token: string): PreparedFork | null {
    const order = instance.orders.get(token)
    instance.orders.delete(token)
    instance.answeredAt = monotonicMillis()
    if (order === undefined)
      this.context.noteForkserver(instance, 'trouble', `answered an order that there is not: ${token.slice(0, 40)}`)
    return order?.fork ?? null
  }

  private forgetEnded(): void {
    if (this.ended.size > 0 && !this.isForking) this.ended.clear()
  }

  private armTimer(): void {
    if (this.timer !== null) return
    const due = this.context.forkservers.all.flatMap((instance) =>
      [...instance.orders.values()].map((order) => dueOf(instance, order) ?? monotonicMillis() + LOOK_AGAIN),
    )
    if (due.length === 0) return
    const at = Math.max(Math.min(...due), this.notBefore)
    this.timer = setTimeout(() => setImmediate(() => this.look(at)), Math.max(1, at - monotonicMillis()))
  }

  private look(due: number): void {
    this.timer = null
    const now = monotonicMillis()
    // Whoever was stopped with us gets the time to answer, however long that was.
    if (now - due > OWN_PAUSE) {
      this.notBefore = now + GRACE
      return this.armTimer()
    }
    for (const instance of this.context.forkservers.all) {
      const { forkTimeout } = instance.spec
      const isOverdue = (order: Order): boolean => (dueOf(instance, order) ?? now + 1) <= now
      if (instance.process === null || instance.hung || ![...instance.orders.values()].some(isOverdue)) continue
      instance.hung = true
      this.context.kill(instance.process, `no answer to a fork for ${((forkTimeout + GRACE) / 1000).toFixed(1)}s`)
    }
    if (this.context.forkservers.all.some(({ orders, hung }) => orders.size > 0 && !hung)) this.armTimer()
  }
}

/** Null: it is loading, which has a deadline of its own. One that answers others works on what came before this one. */
function dueOf({ loaded, spec, answeredAt }: ForkserverInstance, { askedAt }: Order): number | null {
  return loaded === null ? null : Math.max(askedAt, loaded.at, answeredAt) + spec.forkTimeout + GRACE
}

function isOurs({ spec }: ForkserverInstance): boolean {
  return spec.command === null
}

function withoutGroup(spec: ServiceSpec): ServiceSpec {
  return { ...spec, session: false, stop: { ...spec.stop, group: false } }
}
