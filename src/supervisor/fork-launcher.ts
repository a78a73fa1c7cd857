// Has workers forked by their forkservers. Where one can not be forked from, or a fork came to nothing, the worker is started by
// itself: slower, and sharing nothing, but there.
import { monotonicMillis } from '../os/monotonic-clock.ts'
import { startTimeOf } from '../os/process-identity.ts'
import type { WaitStatus } from '../os/reap.ts'
import { type ForkStatus, parseForkStatus } from '../wire/fork-messages.ts'
import { ForkChannel } from './fork-channel.ts'
import type { ForkserverInstance } from './forkserver-instance.ts'
import type { Forkservers } from './forkservers.ts'
import type { Lane } from './lane.ts'
import type { LostForks } from './lost-forks.ts'
import type { ForkPreparation, PreparedFork } from './prepare-fork.ts'
import type { LaunchRequest } from './prepare-spawn.ts'
import type { ProcessRegistration } from './process-registration.ts'
import type { RunningProcess, ServiceRuntime } from './service-runtime.ts'
import type { WorkerLauncher } from './worker-launcher.ts'

/** Milliseconds beyond `forkTimeout` after which it is the forkserver itself that hangs. */
const GRACE = 2_000
/** The supervisor itself did not run: what is overdue by so much gets another turn. */
const OWN_PAUSE = 1_000

export interface ForkLauncherContext {
  readonly forkservers: Forkservers
  readonly preparation: ForkPreparation
  readonly registration: ProcessRegistration
  readonly lost: LostForks
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
  private timer: NodeJS.Timeout | null = null

  constructor(context: ForkLauncherContext) {
    this.context = context
  }

  request(request: LaunchRequest): void {
    const { service, generation } = request
    const spec = service.state.specs[generation]
    if (spec === undefined) return this.context.onFailed(request, `generation ${generation} is not known any more`)
    try {
      const instance = this.context.forkservers.choose(service.state.name, generation, spec)
      if (instance.loaded !== null) return this.launch(instance, request)
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
    for (const instance of this.context.forkservers.all) {
      if (!instance.waiting.some(isIt)) continue
      instance.waiting = instance.waiting.filter((request) => !isIt(request))
      return true
    }
    return false
  }

  /** The process of a forkserver is there. */
  began(process: RunningProcess): void {
    const instance = this.context.forkservers.named(process.service)
    const lane = process.lane as Lane
    instance?.begin(process, new ForkChannel(lane.path('command'), lane.options))
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
    const open = instance.end()
    this.context.lost.end(process.id, open, () => {
      for (const fork of open) {
        fork.settle(false)
        // Nobody else knows how to start what a program of somebody's own forks: then it waits for that to come back.
        if (hung && isOurs(instance)) this.startCold(instance, fork.request, 'its forkserver did not answer')
        else this.request(fork.request)
      }
    })
    if (loaded !== null) return
    const why = lastError === null ? reason : `${reason}: ${lastError}`
    for (const request of instance.waiting.splice(0))
      this.context.onFailed(
        request,
        `forkserver ${instance.spec.name} could not load: ${why}`,
        process.lane.lastOutput(20),
      )
  }

  /** A child that nobody knows. */
  strangerEnded(pid: number, status: WaitStatus): void {
    if (this.isForking) this.ended.set(pid, status)
  }

  close(): void {
    if (this.timer !== null) clearTimeout(this.timer)
    for (const instance of this.context.forkservers.all) for (const fork of instance.end()) fork.settle(false)
  }

  private get isForking(): boolean {
    return this.context.forkservers.all.some(({ orders }) => orders.size > 0)
  }

  private launch(instance: ForkserverInstance, request: LaunchRequest): void {
    if (instance.loaded?.cold != null) return this.startCold(instance, request, null)
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
        return this.started(instance, status.token, status.pid)
      case 'failed':
        return this.failed(instance, status)
      case 'error':
        instance.lastError = status.error
        return this.context.noteForkserver(instance, 'trouble', status.error)
    }
  }

  private loaded(instance: ForkserverInstance, process: RunningProcess, status: ForkStatus & { is: 'loaded' }): void {
    const { modules, ms, cold } = status
    if (instance.loaded !== null) return
    instance.loaded = { modules, ms, cold }
    const reason = `${modules} modules in ${Math.round(ms)} ms`
    this.context.noteForkserver(instance, 'loaded', reason)
    if (cold !== null)
      this.context.noteForkserver(instance, 'cold', `workers are started without it, and share nothing: ${cold}`)
    this.context.onReady(process)
    for (const request of instance.waiting.splice(0)) this.launch(instance, request)
  }

  private started(instance: ForkserverInstance, token: string, pid: number): void {
    const fork = this.answered(instance, token)
    if (fork === null) return
    instance.counts.forks++
    const status = this.ended.get(pid)
    fork.settle(true)
    const identity = { pid, startTime: startTimeOf(pid) ?? 0 }
    const worker = this.context.registration.register({ ...fork, notifyFd: null, closeChannel: null }, identity)
    if (status !== undefined) this.context.onExit(worker, status)
    this.forgetEnded()
  }

  private failed(instance: ForkserverInstance, { token, error, unsound }: ForkStatus & { is: 'failed' }): void {
    const fork = this.answered(instance, token)
    if (fork === null) return
    instance.counts.failed++
    fork.settle(false)
    this.context.noteForkserver(instance, 'fork-failed', error)
    if (unsound && isOurs(instance)) this.startCold(instance, fork.request, error)
    else this.context.onFailed(fork.request, `forkserver ${instance.spec.name}: ${error}`)
    this.forgetEnded()
  }

  private answered(instance: ForkserverInstance, token: string): PreparedFork | null {
    const order = instance.orders.get(token)
    instance.orders.delete(token)
    if (order === undefined)
      this.context.noteForkserver(instance, 'trouble', `answered an order that there is not: ${token.slice(0, 40)}`)
    return order?.fork ?? null
  }

  private forgetEnded(): void {
    if (this.ended.size > 0 && !this.isForking) this.ended.clear()
  }

  private armTimer(): void {
    if (this.timer !== null) return
    const due = this.context.forkservers.all.flatMap(({ orders, spec }) =>
      [...orders.values()].map(({ askedAt }) => askedAt + spec.forkTimeout + GRACE),
    )
    if (due.length === 0) return
    const at = Math.min(...due)
    this.timer = setTimeout(() => setImmediate(() => this.look(at)), Math.max(1, at - monotonicMillis()))
  }

  private look(due: number): void {
    this.timer = null
    const now = monotonicMillis()
    // Whoever was stopped with us gets the time to answer.
    const late = now - due > OWN_PAUSE ? GRACE : 0
    for (const instance of this.context.forkservers.all) {
      const { forkTimeout } = instance.spec
      const overdue = [...instance.orders.values()].filter(({ askedAt }) => now - askedAt - late >= forkTimeout + GRACE)
      if (overdue.length === 0 || instance.process === null || instance.hung) continue
      instance.hung = true
      this.context.kill(instance.process, `no answer to a fork for ${((forkTimeout + GRACE) / 1000).toFixed(1)}s`)
    }
    if (this.context.forkservers.all.some(({ orders, hung }) => orders.size > 0 && !hung)) this.armTimer()
  }
}

function isOurs({ spec }: ForkserverInstance): boolean {
  return spec.command === null
}
