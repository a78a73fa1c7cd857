// The one place where pure and impure meet: one queue of events, one place where effects run, no await between reading
// state and writing it.
import { constants } from 'node:os'
import type { ServiceSpec } from '../config/effective.ts'
import { HoldfastError } from '../errors/holdfast-error.ts'
import type { ProcessEffect } from '../lifecycle/process-effect.ts'
import type { ProcessEvent } from '../lifecycle/process-event.ts'
import type { ProcessIdentity } from '../lifecycle/process-state.ts'
import type { SlotEffect } from '../lifecycle/slot-event.ts'
import type { ChildReaper, WaitStatus } from '../os/reap.ts'
import { removeTree } from '../os/remove-tree.ts'
import { groupExists, signalGroup } from '../os/send-signal.ts'
import type { ServiceEffect, ServiceEvent } from '../rollout/service-event.ts'
import { deadlineOfService } from '../rollout/service-state.ts'
import { stepService } from '../rollout/service-step.ts'
import { ChangeNews } from './change-news.ts'
import { DeadlineTimer } from './deadline-timer.ts'
import { DependencyGates } from './dependency-gates.ts'
import { Elections } from './elections.ts'
import { ownsChildren } from './engine-host.ts'
import type { EngineParts } from './engine-parts.ts'
import { instanceOf } from './forkserver-name.ts'
import type { Forkservers } from './forkservers.ts'
import { GroupSweeper } from './group-sweeper.ts'
import { bringsUp, type Happening } from './happening.ts'
import { HeartbeatMonitor } from './heartbeat-monitor.ts'
import { type Launchers, newLaunchers } from './new-launcher.ts'
import type { LaunchRequest } from './prepare-spawn.ts'
import { ProcessEffects } from './process-effects.ts'
import { ServiceRegistry } from './service-registry.ts'
import { closeUnusedSlots, type RunningProcess, type ServiceRuntime, slotRuntime } from './service-runtime.ts'
import { StrayEndings } from './stray-endings.ts'
import { StraySweeper } from './stray-sweeper.ts'
import { SupervisedClock } from './supervised-clock.ts'
import { gapEntry, requestEntry, rolloutEntry, workerEntry } from './worker-entry.ts'
import { eventOf, messagesIn } from './worker-messages.ts'
import { removeRecord } from './worker-record.ts'

const { SIGTERM } = constants.signals
/** A stack trace of Node takes a dozen; its first line says what is wrong. */
const LAST_LINES = 20

/** Before the name of a service, which has no colon: the deadline of its election. */
const LOCK = 'lock:'

export class Interpreter {
  readonly registry: ServiceRegistry
  readonly clock: SupervisedClock
  readonly heartbeats: HeartbeatMonitor
  readonly elections: Elections
  private readonly parts: EngineParts
  private readonly effects: ProcessEffects
  private readonly reaper: ChildReaper
  private readonly launcher: Launchers
  private readonly timer: DeadlineTimer
  private readonly groups = new GroupSweeper()
  private readonly strays: StraySweeper
  private readonly endings: StrayEndings
  private readonly byPid = new Map<number, RunningProcess>()
  private readonly queue: [string, Happening][] = []
  running = false
  private readonly news: ChangeNews
  private readonly reloadListeners = new Set<(service: string, slot: number, error: string | null) => void>()
  private readonly gates: DependencyGates
  /** From now on nothing is started, whoever still asks for it. */
  goingDown = false

  constructor(parts: EngineParts) {
    this.parts = parts
    this.registry = new ServiceRegistry(parts)
    this.gates = new DependencyGates(this.services, (name, waitsFor) => this.dispatch(name, { is: 'gate', waitsFor }))
    this.clock = new SupervisedClock((gap) => {
      this.heartbeats.shift(gap)
      parts.journal.write(gapEntry(gap))
    })
    this.timer = new DeadlineTimer(this.clock, (due) => this.onDue(due))
    this.heartbeats = new HeartbeatMonitor(
      this.clock,
      (process, late) => this.tell(process, { is: 'overdue', at: this.clock.now(), ...late }),
      (process) => this.tell(process, { is: 'finishing', at: this.clock.now() }),
      (service, process, note) => this.effects.perform(service, process, note),
      (process) => parts.host.workers?.beat?.(process),
    )
    this.reaper = parts.makeReaper(
      (pid, status) => this.onExit(pid, status),
      (pid) => this.beforeReap(pid),
    )
    parts.children.watchWith((pid) => this.reaper.watch(pid))
    this.strays = new StraySweeper({
      subreaper: ownsChildren(parts.host),
      isKnown: (pid) => this.byPid.has(pid) || parts.children.owns(pid),
      whenSettled: (act) => this.launcher.whenSettled(act),
      services: parts.paths.services,
    })
    this.news = new ChangeNews((name, act) => this.guarded(name, act))
    this.news.listen((name) => this.gates.updateDependentsOf(name))
    const onChange = (names: readonly string[]): void => {
      for (const name of names) this.news.note(name)
      this.announceChanges()
    }
    this.endings = new StrayEndings({ ...parts, strays: this.strays, onChange })
    this.elections = new Elections({
      ...parts,
      now: () => this.clock.now(),
      isOurs: (pid) => this.byPid.has(pid) || parts.children.owns(pid),
      serviceOf: (name) => this.services.get(name),
      dispatch: (name, happening) => this.dispatch(name, happening),
      launch: (request) => this.launcher.request(request),
      parked: (request) => this.tellRequest(request, { is: 'parked', at: this.clock.now() }),
      noProcess: (request, failed) => {
        const at = this.clock.now()
        if (failed === null) this.tellRequest(request, { is: 'spawn-cancelled', at })
        else this.onSpawnFailed(request, failed, { gotNoLock: true })
      },
      note: (request, event, reason) => parts.journal.write(requestEntry(request, event, reason)),
      setDeadline: (name, at) => this.timer.set(`${LOCK}${name}`, at),
    })
    this.effects = new ProcessEffects({
      ...parts,
      groups: this.groups,
      heartbeats: this.heartbeats,
      strays: this.strays,
      tell: (process, event) => this.tell(process, { ...event, at: this.clock.now() } as ProcessEvent),
      isDead: (process) => !this.byPid.has(process.identity.pid),
      release: (service, process) => this.release(service, process),
      reloadDone: (process, error) => {
        for (const listener of [...this.reloadListeners]) listener(process.service, process.slot, error)
      },
    })
    this.launcher = newLaunchers({
      ...parts,
      clock: this.clock,
      reaper: this.reaper,
      services: this.services,
      heartbeats: this.heartbeats,
      knownPids: () => [...this.byPid.keys(), ...parts.children.pids],
      isKnown: (pid) => this.byPid.has(pid) || parts.children.owns(pid),
      add: (spec, generation) => this.registry.addForkserver(spec, generation),
      remove: (name) => this.remove(name),
      runtimeOf: (name) => this.registry.get(name),
      dispatch: (name, happening) => this.dispatch(name, happening),
      onSpawned: (process) => this.onSpawned(process),
      onEnded: (process, status) => this.onEnded(process, status, false),
      onExit: (process, status) =>
        this.byPid.get(process.identity.pid) === process && this.onExit(process.identity.pid, status),
      onFailed: (request, error, lastOutput) => this.onSpawnFailed(request, error, { lastOutput }),
      onNotify: (request, chunk) => this.onNotify(request, chunk),
      onIpcReady: (request) => this.tellRequest(request, { is: 'ready', at: this.clock.now() }),
      onReady: (process) => this.tell(process, { is: 'ready', at: this.clock.now() }),
      replace: (name, slots, cause) => this.dispatch(name, { is: 'restart', slots, mode: 'rolling', cause }),
      kill: (process, why) => this.effects.kill(process, why),
      note: (request, event, reason) => parts.journal.write(requestEntry(request, event, reason)),
      noteForkserver: ({ name, generation }, event, reason) =>
        parts.journal.write({ kind: 'worker', service: name, generation, event, reason }),
    })
  }

  get services(): ReadonlyMap<string, ServiceRuntime> {
    return this.registry.services
  }

  get forkservers(): Forkservers {
    return this.launcher.forkservers
  }

  /** Call `refreshDependencies` when all are added. */
  add(spec: ServiceSpec, generation = 1): void {
    if (this.goingDown) throw new HoldfastError('HF_GOING_DOWN')
    this.registry.addService(spec, generation)
    if (spec.forkserver !== null) this.forkservers.noteGeneration(spec.name)
  }

  remove(name: string): void {
    if (!this.registry.remove(name)) return
    this.forkservers.forgetService(name)
    this.timer.set(name, null)
    this.guarded(name, () => removeTree(this.parts.paths.service(name)))
    this.elections.remove(name)
    this.gates.reindex()
    this.news.note(name)
    this.announceChanges()
  }

  /** Takes an event; when this returns, all that follows from it at once has been done. */
  dispatch(service: string, happening: Happening): void {
    if (this.goingDown && bringsUp(happening)) return
    this.queue.push([service, happening])
    if (this.running) return
    this.running = true
    try {
      for (let next = this.queue.shift(); next !== undefined; next = this.queue.shift()) this.step(...next)
    } finally {
      this.running = false
    }
    this.announceChanges()
  }

  /** Events that start many services at once. */
  readonly inBulk = (act: () => void): void => this.launcher.bulk(act)

  /** Called after the service's state changed, once per burst of events. */
  readonly onChange = (listener: (service: string) => void): (() => void) => this.news.listen(listener)

  onReloadDone(listener: (service: string, slot: number, error: string | null) => void): () => void {
    this.reloadListeners.add(listener)
    return () => this.reloadListeners.delete(listener)
  }

  /** Ends whatever is left of everything this engine ever started. */
  sweepEverything(): Promise<readonly ProcessIdentity[]> {
    return new Promise((resolve) => this.strays.sweep(`${this.parts.idPrefix}.`, resolve))
  }

  close(): void {
    this.timer.close()
    this.heartbeats.close()
    this.launcher.close()
    this.groups.close()
    this.strays.close()
    this.elections.close()
    this.parts.children.close()
    this.reaper.close()
  }

  private step(name: string, happening: Happening): void {
    const service = this.registry.get(name)
    if (service === undefined) return
    const event = { ...happening, at: this.clock.now(), random: Math.random() } as ServiceEvent
    const before = service.state
    let effects: readonly ServiceEffect[] = []
    // A bug met by one service must not take the others with it: its state stays as it was.
    this.guarded(name, () => {
      ;[service.state, effects] = stepService(before, event)
    })
    if (service.state !== before) this.news.note(name)
    if (service.state.lastGeneration !== before.lastGeneration) this.forkservers.noteGeneration(name)
    const ordered = this.elections.inOrder(name, effects)
    for (const effect of ordered) this.guarded(name, () => this.perform(service, effect))
    if (service.state !== before) this.guarded(name, () => this.elections.update(name))
    if (service.state.slots.length < before.slots.length) this.guarded(name, () => closeUnusedSlots(service))
    this.timer.set(name, deadlineOfService(service.state))
  }

  private guarded(service: string, act: () => void): void {
    try {
      act()
    } catch (error) {
      const reason = error instanceof Error ? (error.stack ?? error.message) : String(error)
      this.parts.journal.write({ kind: 'supervisor', service, event: 'trouble', reason })
    }
  }

  private announceChanges(): void {
    this.news.announce(() => this.guarded('', () => this.launcher.review()))
  }

  /** After services were added, or `dependsOn` changed. */
  refreshDependencies(): void {
    this.gates.reindex()
    this.gates.updateAll()
  }

  private perform(service: ServiceRuntime, effect: ServiceEffect): void {
    if (effect.do === 'slot') return this.performSlot(service, effect.slot, effect.effect)
    this.parts.journal.write(rolloutEntry(service.state.name, effect))
  }

  private performSlot(service: ServiceRuntime, slot: number, effect: SlotEffect): void {
    const { name } = service.state
    switch (effect.do) {
      case 'spawn': {
        const request = { service, slot, number: effect.number, generation: effect.generation }
        return this.elections.enter(request) ? undefined : this.launcher.request(request)
      }
      case 'process':
        return this.performProcess(service, slot, effect.number, effect.effect)
      case 'end-strays':
        // What a forkserver has forked are workers, and what those have left running is theirs.
        return instanceOf(name) === null ? this.endings.end(service, slot) : undefined
      case 'stop-all':
        return this.parts.stopAll(`${name}/${slot}: ${effect.why}`, effect.code)
      case 'trial-failed':
      case 'shut-down':
        return
      case 'note':
        this.parts.journal.write(workerEntry(service, slot, effect))
    }
  }

  private performProcess(service: ServiceRuntime, slot: number, number: number, effect: ProcessEffect): void {
    if (effect.do === 'cancel-spawn') {
      if (this.elections.callBack(service, slot, number)) return
      if (!this.launcher.cancel(service, slot, number)) return
      this.elections.notSpawned(service, slot, number, 'it was called back')
      this.dispatchProcess(service.state.name, slot, number, { is: 'spawn-cancelled', at: this.clock.now() })
      return
    }
    const process = service.slots.get(slot)?.processes.get(number)
    if (process === undefined) return
    this.elections.observe(process, effect)
    this.effects.perform(service, process, effect)
  }

  private release(service: ServiceRuntime, process: RunningProcess): void {
    process.closeChannel?.()
    this.elections.released(process)
    service.slots.get(process.slot)?.processes.delete(process.number)
    if (process.pid !== null) removeRecord(this.parts.paths.record(process.service, process.slot, process.lane.index))
  }

  // --- what happens outside

  private onSpawned(process: RunningProcess): void {
    const service = this.registry.get(process.service)
    if (service === undefined) return
    slotRuntime(service, process.slot).processes.set(process.number, process)
    if (process.pid !== null) this.byPid.set(process.pid, process)
    if (instanceOf(process.service) !== null) this.launcher.forks.began(process)
    else this.parts.host.workers?.spawned?.(process)
    this.elections.spawned(process)
    this.tell(process, { is: 'spawned', at: process.startedAt, process: process.identity })
  }

  private onSpawnFailed(
    request: LaunchRequest,
    error: string,
    { gotNoLock = false, lastOutput = [] }: { gotNoLock?: boolean; lastOutput?: readonly string[] | undefined } = {},
  ): void {
    slotRuntime(request.service, request.slot).lastOutput = lastOutput
    this.elections.notSpawned(request.service, request.slot, request.number, error)
    this.tellRequest(request, { is: 'spawn-failed', at: this.clock.now(), error, gotNoLock })
  }

  private onNotify(request: LaunchRequest, chunk: Buffer): void {
    const process = request.service.slots.get(request.slot)?.processes.get(request.number)
    if (process === undefined) return this.launcher.reforks.heard(request, chunk)
    if (instanceOf(process.service) !== null) return this.launcher.forks.heard(process, chunk)
    for (const message of messagesIn(process, chunk)) {
      const event = eventOf(message, this.clock.now())
      if (event !== null) this.tell(process, event)
      else if (message.kind === 'watchdog') this.heartbeats.beat(process)
      else if (message.kind === 'status') process.message = message.text
    }
  }

  /** The dead leader still holds its pid: its group can be signalled without hitting a stranger. */
  private beforeReap(pid: number): void {
    const process = this.byPid.get(pid)
    if (process === undefined) this.parts.children.beforeReap(pid)
    else if (process.spec.session && process.spec.stop.group) signalGroup(pid, SIGTERM)
  }

  private onExit(pid: number, status: WaitStatus): void {
    const process = this.byPid.get(pid)
    if (process === undefined) {
      if (this.parts.children.ended(pid, status)) return
      this.launcher.forks.strangerEnded(pid, status)
      return this.groups.look()
    }
    this.byPid.delete(pid)
    this.onEnded(process, status, process.spec.session && process.spec.stop.group && groupExists(pid))
  }

  /** @param leftover members of its process group are still there */
  private onEnded(process: RunningProcess, status: WaitStatus, leftover: boolean): void {
    this.elections.exited(process, 'it died')
    this.heartbeats.forget(process)
    process.lane.endOfProcess()
    const service = this.registry.get(process.service)
    if (service !== undefined) slotRuntime(service, process.slot).lastOutput = process.lane.lastOutput(LAST_LINES)
    const signal = status.signal?.replace(/^SIG/, '') ?? null
    const reason = signal === null ? `exited with code ${status.code}` : `killed by SIG${signal}`
    this.launcher.died(process, reason)
    if (instanceOf(process.service) === null) this.parts.host.workers?.exited?.(process, reason)
    this.tell(process, { is: 'exited', at: this.clock.now(), code: status.code, signal, leftover })
  }

  /** Deadlines act last: output and messages that are already there come first. */
  private onDue(due: readonly string[]): void {
    for (const name of due) {
      if (name.startsWith(LOCK)) this.elections.tick(name.slice(LOCK.length))
      const service = this.registry.get(name)
      if (service === undefined) continue
      for (const { processes } of service.slots.values()) for (const { lane } of processes.values()) lane.drain()
      this.dispatch(name, { is: 'tick' })
    }
  }

  private tell(process: RunningProcess, event: ProcessEvent): void {
    this.dispatchProcess(process.service, process.slot, process.number, event)
  }

  private tellRequest({ service, slot, number }: LaunchRequest, event: ProcessEvent): void {
    this.dispatchProcess(service.state.name, slot, number, event)
  }

  private dispatchProcess(service: string, slot: number, number: number, event: ProcessEvent): void {
    this.dispatch(service, { is: 'slot', slot, event: { is: 'process', at: event.at, number, event } })
  }
}
