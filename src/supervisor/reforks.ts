// A worker that has warmed up becomes the next forkserver: what it has compiled and cached by then its successors share. After
// pitchfork, where a mold is made of a worker.
import { ladderFor, timeUntilKill } from '../lifecycle/stop-ladder.ts'
import { monotonicMillis } from '../os/monotonic-clock.ts'
import { isRolling } from '../rollout/service-state.ts'
import { formatCommandMessage } from '../wire/command-messages.ts'
import { parseForkStatus } from '../wire/fork-messages.ts'
import { LineFrames } from '../wire/line-frames.ts'
import type { ForkserverInstance } from './forkserver-instance.ts'
import type { Forkservers } from './forkservers.ts'
import type { HeartbeatMonitor } from './heartbeat-monitor.ts'
import type { Lane } from './lane.ts'
import type { LostForks } from './lost-forks.ts'
import { lookAtNewborn } from './newborn.ts'
import type { LaunchRequest } from './prepare-spawn.ts'
import { paddedId } from './process-environment.ts'
import type { ProcessRegistration } from './process-registration.ts'
import type { RunningProcess, ServiceRuntime } from './service-runtime.ts'
import type { WorkerLanes } from './worker-lanes.ts'

/** Milliseconds between two looks at how many requests have been done; nobody is looked at where no refork is asked for. */
const LOOK_EVERY = 1_000
/** After one that came to nothing. */
const NOT_AGAIN_FOR = 10_000
/** Until what a worker has forked must have said that it has loaded, once the worker is gone. */
const AFTER_ITS_DEATH = 5_000
const LONGEST_LINE = 1_048_576

export interface ReforksContext {
  readonly services: ReadonlyMap<string, ServiceRuntime>
  readonly forkservers: Forkservers
  readonly heartbeats: Pick<HeartbeatMonitor, 'refresh'>
  readonly lanes: WorkerLanes
  readonly registration: ProcessRegistration
  readonly lost: LostForks
  readonly isKnown: (pid: number) => boolean
  readonly idPrefix: string
  readonly outerId: string | null
  readonly onNotify: (request: LaunchRequest, chunk: Buffer) => void
  readonly onFailed: (request: LaunchRequest, error: string) => void
  readonly noteForkserver: (instance: ForkserverInstance, event: string, reason: string) => void
  /** Each of them is replaced, in the same generation. */
  readonly replace: (service: string, slots: readonly number[], cause: string) => void
}

/** It was asked for, and has not loaded yet. */
interface Asked {
  readonly from: ForkserverInstance
  readonly to: ForkserverInstance
  readonly worker: RunningProcess
  readonly frames: LineFrames
  request: LaunchRequest | null
  lane: Lane | null
  timer: NodeJS.Timeout | null
}

export class Reforks {
  private readonly context: ReforksContext
  private readonly asked = new Map<string, Asked>()
  private readonly notBefore = new Map<string, number>()
  private timer: NodeJS.Timeout | null = null

  constructor(context: ReforksContext) {
    this.context = context
  }

  /** After any change. */
  review(): void {
    const isWanted = this.context.forkservers.all.some((instance) => thresholdOf(instance) !== null)
    if (isWanted) this.timer ??= setInterval(() => this.look(), LOOK_EVERY)
    else this.stopLooking()
  }

  /** @returns false: it is started as any other */
  launch(request: LaunchRequest): boolean {
    const asked = this.asked.get(request.service.state.name)
    if (asked === undefined || asked.request !== null) return false
    asked.request = request
    try {
      this.ask(asked, request)
    } catch (error) {
      this.fail(asked, error instanceof Error ? error.message : String(error))
    }
    return true
  }

  /** @returns false where it is too late, or nothing was asked for */
  cancel(service: ServiceRuntime, number: number): boolean {
    const asked = this.asked.get(service.state.name)
    if (asked?.request?.number !== number) return false
    this.giveUp(asked, 'it was called back', () => {})
    return true
  }

  /** A worker is dead. What it has forked may not have said so yet. */
  died(worker: RunningProcess): void {
    const asked = [...this.asked.values()].find((one) => one.worker === worker)
    if (asked === undefined || this.context.forkservers.named(asked.to.name)?.process != null) return
    if (asked.timer !== null) clearTimeout(asked.timer)
    const why = `${worker.service}/${worker.slot} has ended without it`
    asked.timer = setTimeout(() => this.fail(asked, why), AFTER_ITS_DEATH)
  }

  /** What a process says that is not known yet. */
  heard(request: LaunchRequest, chunk: Buffer): void {
    const asked = this.asked.get(request.service.state.name)
    if (asked === undefined || asked.request !== request) return
    const lines = asked.frames.push(chunk)
    for (const [index, line] of lines.entries()) {
      const status = parseForkStatus(line)
      if (status?.is === 'error') return this.fail(asked, status.error)
      if (status?.is !== 'loaded' || status.pid === null) continue
      this.begun(asked, request, status.pid)
      // Now that it is known whose word it is.
      const rest = lines.slice(index).map((one) => `${one}\n`)
      return this.context.onNotify(request, Buffer.from(rest.join('')))
    }
  }

  /** It has loaded: who was forked from the one before it makes room. */
  loaded(instance: ForkserverInstance): void {
    const asked = this.asked.get(instance.name)
    if (asked === undefined) return
    this.asked.delete(instance.name)
    const { from, to } = asked
    const cause = `workers are forked anew, from what ${asked.worker.service}/${asked.worker.slot} has warmed up`
    for (const { service, slots } of this.context.forkservers.handOver(from, to))
      this.context.replace(service, slots, cause)
    to.held = from.held
    from.held = false
  }

  close(): void {
    this.stopLooking()
    for (const { timer } of this.asked.values()) if (timer !== null) clearTimeout(timer)
    this.asked.clear()
  }

  private stopLooking(): void {
    if (this.timer !== null) clearInterval(this.timer)
    this.timer = null
  }

  private look(): void {
    const { forkservers } = this.context
    for (const instance of forkservers.all) {
      const { name } = instance.spec
      const threshold = thresholdOf(instance)
      if (threshold === null || instance.loaded === null || instance.loaded.cold !== null) continue
      if (forkservers.newest(name) !== instance || monotonicMillis() < (this.notBefore.get(name) ?? 0)) continue
      const worker = this.warmest(instance)
      if (worker !== null && (worker.requests ?? 0) >= threshold) this.begin(instance, worker)
    }
  }

  private warmest(instance: ForkserverInstance): RunningProcess | null {
    const forked: RunningProcess[] = []
    for (const [service, generation] of this.context.forkservers.usersOf(instance)) {
      const runtime = this.context.services.get(service)
      if (runtime === undefined || isRolling(runtime.state.rollout) || generation !== runtime.state.goal) continue
      const all = [...runtime.slots.values()].flatMap(({ processes }) => [...processes.values()])
      const ready = all.filter((process) => process.generation === generation && process.vitals !== null)
      this.context.heartbeats.refresh(runtime, ready)
      forked.push(...ready)
    }
    return forked.reduce<RunningProcess | null>(
      (best, one) => ((one.requests ?? 0) > (best?.requests ?? 0) ? one : best),
      null,
    )
  }

  private begin(from: ForkserverInstance, worker: RunningProcess): void {
    const { forkservers, noteForkserver } = this.context
    this.notBefore.set(from.spec.name, monotonicMillis() + NOT_AGAIN_FOR)
    if (from.sockets.size > worker.spec.sockets.length)
      return noteForkserver(from, 'refork-refused', 'services with other sockets fork from it as well')
    const frames = new LineFrames(LONGEST_LINE)
    forkservers.renew(from.spec, (to) => {
      to.reforks = from.reforks + 1
      this.asked.set(to.name, { from, to, worker, frames, request: null, lane: null, timer: null })
      noteForkserver(
        to,
        'refork',
        `${worker.service}/${worker.slot} becomes the forkserver, after ${worker.requests} requests`,
      )
    })
  }

  private ask(asked: Asked, request: LaunchRequest): void {
    const { lanes, idPrefix, outerId, onNotify } = this.context
    const { to, worker } = asked
    const spec = request.service.state.specs[request.generation]
    if (spec === undefined) throw new Error(`generation ${request.generation} is not known any more`)
    const { lane, opened } = lanes.take(request, spec, (one) =>
      one.openByPath(spec, (chunk) => onNotify(request, chunk)),
    )
    lane.letGo()
    asked.lane = lane
    const own = `${idPrefix}.${to.name}.${request.slot}.${request.number}`
    const refork = {
      name: to.spec.name,
      generation: to.generation,
      id: paddedId(outerId === null ? own : `${outerId}/${own}`),
      commands: opened.commands,
      status: opened.notify,
      stdout: opened.stdout ?? '/dev/null',
      stderr: opened.stderr ?? '/dev/null',
      session: spec.session,
    }
    if (!worker.lane.send(formatCommandMessage({ refork })))
      throw new Error(`${worker.service}/${worker.slot} does not read its commands`)
    const drain = timeUntilKill(ladderFor({ kind: 'stop', text: '' }, worker.spec)) ?? 0
    const within = drain + spec.startTimeout
    asked.timer = setTimeout(() => this.fail(asked, `it was not there within ${Math.round(within / 1000)}s`), within)
  }

  private begun(asked: Asked, request: LaunchRequest, pid: number): void {
    const { registration, lanes, idPrefix, outerId } = this.context
    const { lane, to } = asked
    const spec = request.service.state.specs[request.generation]
    if (lane === null || spec === undefined) return
    const born = lookAtNewborn(pid, asked.worker.identity, this.context.isKnown)
    if (born.is !== 'ours')
      return this.fail(
        asked,
        `it is said to be process ${pid}, ${born.is === 'gone' ? 'which is not there' : born.why}`,
      )
    if (asked.timer !== null) clearTimeout(asked.timer)
    const identity = { pid, startTime: born.stat.startTime }
    lanes.giveBack(lane)
    const own = `${idPrefix}.${to.name}.${request.slot}.${request.number}`
    const id = outerId === null ? own : `${outerId}/${own}`
    registration.register({ request, spec, lane, id, notifyFd: null, closeChannel: null }, identity)
  }

  /** The one before it stays, and its workers are as they were. */
  private fail(asked: Asked, why: string): void {
    this.giveUp(asked, why, (request) => this.context.onFailed(request, why))
  }

  private giveUp(asked: Asked, why: string, andThen: (request: LaunchRequest) => void): void {
    const { forkservers, lost, lanes, noteForkserver } = this.context
    const { to, request, lane, timer } = asked
    if (timer !== null) clearTimeout(timer)
    this.asked.delete(to.name)
    noteForkserver(to, 'refork-failed', why)
    forkservers.end(to, `no forkserver was made of a worker: ${why}`)
    if (request === null) return
    const id = `${this.context.idPrefix}.${to.name}.${request.slot}.${request.number}`
    lost.end(id, [{ id }], () => {
      if (lane !== null) lanes.giveBack(lane)
      andThen(request)
    })
  }
}

/** Requests after which a worker of it is to become the next one; null: none is. */
function thresholdOf({ spec, reforks }: ForkserverInstance): number | null {
  return spec.refork[reforks] ?? null
}
