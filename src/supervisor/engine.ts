// The engine as its users see it: status, operations, apply, down.
import { closeSync } from 'node:fs'
import { join } from 'node:path'
import type { SupervisorSpec } from '../config/effective.ts'
import { HoldfastError } from '../errors/holdfast-error.ts'
import type { StopWay } from '../lifecycle/process-state.ts'
import { drainsLonger } from '../lifecycle/stop-ladder.ts'
import type { ServiceLog } from '../logs/service-log.ts'
import { monotonicMillis } from '../os/monotonic-clock.ts'
import { withDependencies } from '../rollout/dependencies.ts'
import { specOf } from '../rollout/service-state.ts'
import { applySpec } from './apply.ts'
import type {
  ApplyReport,
  Engine,
  JournalEntry,
  LogLine,
  OperationOutcome,
  OperationRequest,
  Progress,
  StatusQuery,
  WhyReport,
} from './engine-api.ts'
import type { EngineParts } from './engine-parts.ts'
import { reportStatus } from './engine-status.ts'
import { logNameOf, targetName } from './forkserver-name.ts'
import { ForkserverOperations } from './forkserver-operations.ts'
import { type SplitTargets, splitTargets } from './forkserver-targets.ts'
import { removeIntent } from './intent.ts'
import { IntentKeeper } from './intent-keeper.ts'
import type { Interpreter } from './interpreter.ts'
import { Operations } from './operations.ts'
import { RuntimeKeeper } from './runtime-keeper.ts'
import type { StatusReport } from './status-report.ts'
import type { SupervisorLock } from './supervisor-lock.ts'
import { UsageSamples } from './usage-samples.ts'
import { VERSION } from './version.ts'
import { explainWorkers } from './why.ts'
import { removeWorkerDirectories } from './worker-directories.ts'

/** Milliseconds of starting services at a stretch. */
const PIECE = 5

export class LocalEngine implements Engine {
  spec: SupervisorSpec
  readonly journalFile: string
  private readonly parts: EngineParts
  private readonly interpreter: Interpreter
  private readonly operations: Operations
  private readonly forkservers: ForkserverOperations
  private readonly lock: SupervisorLock
  private readonly runtime: RuntimeKeeper
  private readonly startedAt = new Date().toISOString()
  private going: Promise<OperationOutcome> | null = null
  /** The apply that is not yet done with everything but waiting. */
  private applying: symbol | null = null
  private closed = false
  /** Autostart services that `up` has yet to start, in their order. */
  private toStart = new Set<string>()
  private readonly usage = new UsageSamples()
  private readonly intent: IntentKeeper

  constructor(spec: SupervisorSpec, parts: EngineParts, interpreter: Interpreter, lock: SupervisorLock) {
    this.spec = spec
    this.parts = parts
    this.interpreter = interpreter
    this.lock = lock
    this.journalFile = parts.journal.file
    this.operations = new Operations(interpreter, parts.journal, parts.host.workers?.inProcess?.most ?? null)
    this.forkservers = new ForkserverOperations({
      interpreter,
      operations: this.operations,
      declared: () => this.spec.forkservers,
    })
    const onTrouble = (reason: string): void => parts.journal.write({ kind: 'supervisor', event: 'trouble', reason })
    this.intent = new IntentKeeper(parts.paths.intent, () => this.going === null, onTrouble)
    this.runtime = this.keepRuntime()
  }

  /** Makes the services known, so that whoever asks from now on sees them. */
  prepare(): void {
    for (const service of Object.values(this.spec.services)) this.interpreter.add(service)
    this.interpreter.refreshDependencies()
  }

  /** Before anybody can ask for a start. @throws HoldfastError where one can not be */
  async openLocks(): Promise<void> {
    for (const service of Object.values(this.spec.services))
      if (service.slots !== null) await this.interpreter.elections.open(service)
  }

  /** In pieces of a few milliseconds: who looks meanwhile gets an answer. */
  async start(): Promise<void> {
    const { services } = this.spec
    this.parts.journal.write({
      kind: 'supervisor',
      event: 'up',
      pid: process.pid,
      reason: `supervisor ${VERSION} started`,
    })
    const autostart = Object.values(services).filter((service) => service.autostart)
    const order = withDependencies(
      autostart.map(({ name }) => name),
      services,
    )
    this.interpreter.onChange((name) => this.intent.note(name, this.interpreter.services.get(name)?.state ?? null))
    this.runtime.watch()
    this.toStart = new Set(order)
    while (this.toStart.size > 0) {
      const pieceEnds = monotonicMillis() + PIECE
      this.interpreter.inBulk(() => {
        for (const name of this.toStart) {
          this.startNow([name])
          if (monotonicMillis() > pieceEnds) break
        }
      })
      await new Promise(setImmediate)
    }
  }

  /** Whoever asks something of a service that `up` has not come to yet meets one that is being started. */
  private startNow(names: Iterable<string>): void {
    for (const name of names) {
      if (this.toStart.delete(name)) this.interpreter.dispatch(name, { is: 'start', slots: null })
    }
  }

  async settled(): Promise<OperationOutcome> {
    this.startNow(this.toStart)
    const names = Object.values(this.spec.services)
      .filter(({ autostart }) => autostart)
      .map(({ name }) => name)
    const services = await Promise.all(names.map((name) => this.operations.waitStarted(name, null)))
    const goingDown = this.going === null ? {} : { goingDown: true as const }
    return { ok: services.every(({ ok }) => ok), services, ...goingDown }
  }

  status(query: StatusQuery = {}): StatusReport {
    const { interpreter, spec, parts, usage, startedAt } = this
    const { services, forkservers } = this.splitTargets(query.targets ?? [])
    const chosen = interpreter.services.size === 0 ? [] : this.operations.resolve(services)
    const shown = { services: chosen, forkservers }
    return reportStatus({ interpreter, spec, parts, usage, startedAt, goingDown: this.going !== null }, shown, query)
  }

  lookAtLocks(): Promise<void> {
    return this.interpreter.elections.look()
  }

  async operate(request: OperationRequest, onProgress?: (progress: Progress) => void): Promise<OperationOutcome> {
    if (this.interpreter.running) await eventTaken()
    if (this.going !== null && request.verb !== 'stop') throw new HoldfastError('HF_GOING_DOWN')
    // All of them: an operation may concern dependents as well.
    this.startNow(this.toStart)
    const { services, forkservers } = splitTargets(request.targets, this.forkservers.names)
    if (forkservers.length === 0) {
      const shared = this.interpreter.forkservers.share(this.operations.resolve(services).map(({ service }) => service))
      return this.operations.operate(request, onProgress).finally(shared.done)
    }
    const own = await this.forkservers.operate(request, forkservers)
    const rest =
      services.length === 0 ? [] : (await this.operate({ ...request, targets: services }, onProgress)).services
    const outcomes = [...own, ...rest]
    return { ok: outcomes.every(({ ok }) => ok), services: outcomes }
  }

  /** Without targets everything; otherwise what is named. */
  private splitTargets(targets: readonly string[]): SplitTargets {
    const { names } = this.forkservers
    return targets.length === 0 ? { services: ['all'], forkservers: names } : splitTargets(targets, names)
  }

  async apply(
    spec: SupervisorSpec,
    options: { dryRun?: boolean; replace?: boolean } = {},
    onProgress?: (progress: Progress) => void,
  ): Promise<ApplyReport> {
    if (this.interpreter.running) await eventTaken()
    if (this.going !== null) throw new HoldfastError('HF_GOING_DOWN')
    // Two at once would each start what is new, and each stop what the other brought back.
    if (this.applying !== null && options.dryRun !== true) throw new HoldfastError('HF_APPLY_IN_PROGRESS')
    this.startNow(this.toStart)
    const mine = Symbol('apply')
    if (options.dryRun !== true) this.applying = mine
    const done = (): void => {
      if (this.applying === mine) this.applying = null
    }
    const context = {
      parts: this.parts,
      interpreter: this.interpreter,
      operations: this.operations,
      current: this.spec,
      onDispatched: done,
    }
    const accept = (accepted: SupervisorSpec): void => {
      this.spec = accepted
    }
    try {
      const shared = this.interpreter.forkservers.share(Object.keys(spec.services))
      const report = await applySpec(context, spec, options, accept, onProgress).finally(shared.done)
      if (options.dryRun !== true) this.forkservers.endUndeclared()
      return report
    } finally {
      done()
    }
  }

  why(target: string): Promise<WhyReport> {
    return explainWorkers(target, this.resolve([target]), this.interpreter, this.parts.journal)
  }

  down(options: { immediate?: boolean } & StopWay = {}): Promise<OperationOutcome> {
    if (this.going === null) {
      const { immediate: _, ...how } = options
      this.going = this.goDown(how)
    } else if (!this.closed) {
      // Asked again: everything at once now, and one rung further.
      for (const { state } of this.interpreter.registry.all) {
        const { name } = state
        const text = 'the supervisor goes down'
        this.interpreter.dispatch(name, state.wanted === 'down' ? { is: 'hurry' } : { is: 'stop', slots: null, text })
      }
    }
    if (options.immediate && !this.closed) {
      const text = 'the supervisor goes down at once'
      for (const { state } of this.interpreter.registry.all) {
        const { name } = state
        this.interpreter.dispatch(name, { is: 'stop', slots: null, text })
        this.interpreter.dispatch(name, { is: 'kill', text })
      }
    }
    return this.going
  }

  letGo(why: string): Promise<OperationOutcome> {
    this.going ??= this.leaveAlone(why)
    return this.going
  }

  /** A worker's exit code asks for the end of everything. */
  stopAll(why: string, code: number | null): void {
    this.parts.journal.write({ kind: 'supervisor', event: 'stop-all', reason: why })
    void this.down().then(() => this.parts.host.onDown?.(why, code ?? 1))
  }

  tell(service: string, line: string): void {
    for (const { processes } of this.interpreter.services.get(service)?.slots.values() ?? []) {
      for (const { lane } of processes.values()) lane.send(line)
    }
  }

  reopenLogs(): void {
    for (const log of this.serviceLogs(null)) log.reopen()
  }

  checkRuntime(): void {
    this.runtime.check()
  }

  onEvent(listener: (entry: JournalEntry) => void): () => void {
    return this.parts.journal.subscribe(listener)
  }

  onLine(services: readonly string[] | null, listener: (line: LogLine) => void): () => void {
    const removals = this.serviceLogs(services).map((log) => log.onLine(listener))
    return () => {
      for (const remove of removals) remove()
    }
  }

  logFile(service: string): string | null {
    const forkserver = this.forkservers.names.find((name) => targetName(name) === service)
    if (forkserver !== undefined) return join(this.spec.logDir, `${logNameOf(forkserver)}.log`)
    const spec = this.spec.services[service]
    if (spec === undefined) return null
    return spec.stdout === 'log' || spec.stderr === 'log' ? join(this.spec.logDir, `${service}.log`) : null
  }

  serviceLogs(services: readonly string[] | null): readonly ServiceLog[] {
    const named =
      services === null ? null : this.forkservers.names.filter((name) => services.includes(targetName(name)))
    return [
      ...[...this.interpreter.services]
        .filter(([name]) => services?.includes(name) ?? true)
        .map(([, { output }]) => output.log),
      ...this.parts.forkserverLogs.logs(named),
    ]
  }

  journalWritten(): Promise<unknown> {
    return this.parts.journal.flush()
  }

  resolve(targets: readonly string[]): { service: string; slots: number[] | null }[] {
    const { services, forkservers } = splitTargets(targets, this.forkservers.names)
    const named = forkservers.map((name) => ({ service: targetName(name), slots: null }))
    return [...this.operations.resolve(services), ...named]
  }

  dump(target = 'all'): unknown {
    const services = this.resolve([target]).map(({ service }) => this.interpreter.services.get(service)?.state)
    return { supervisor: { pid: process.pid, version: VERSION, memory: process.memoryUsage() }, services }
  }

  private async leaveAlone(text: string): Promise<OperationOutcome> {
    const { interpreter, parts } = this
    parts.journal.write({ kind: 'supervisor', event: 'let-go', pid: process.pid, reason: text })
    interpreter.goingDown = true
    for (const { state } of interpreter.registry.all) {
      const { name } = state
      const longer = drainsLonger(specOf(state, state.generation))
      interpreter.dispatch(name, { is: 'stop', slots: null, text, longer, onlySignals: true })
    }
    return { ok: true, services: [], ...((await this.close()) ? {} : { unwritten: true as const }) }
  }

  private async goDown(how: StopWay): Promise<OperationOutcome> {
    const { interpreter, parts } = this
    parts.journal.write({ kind: 'supervisor', event: 'down', pid: process.pid, reason: 'the supervisor goes down' })
    const names = [...interpreter.services.keys()]
    interpreter.goingDown = true
    if (interpreter.running) await eventTaken()
    const services = await this.operations.stopInOrder(names, 'the supervisor goes down', how)
    await this.forkservers.endAll('the supervisor goes down')
    const left = await interpreter.sweepEverything()
    const unwritten = (await this.close()) ? {} : { unwritten: true as const }
    if (left.length === 0) return { ok: true, services, ...unwritten }
    const message = `still there: ${left.map(({ pid }) => `pid ${pid}`).join(', ')}`
    return { ok: false, services: [...services, { service: 'descendants', ok: false, message }], ...unwritten }
  }

  /** A hanging disk gets two seconds: what is not written by then is lost with the process. */
  private async close(): Promise<boolean> {
    const { interpreter, parts } = this
    this.closed = true
    this.runtime.close()
    interpreter.close()
    this.usage.close()
    const written = await Promise.all(this.serviceLogs(null).map((log) => log.close({ deadline: 2_000 })))
    for (const { slots } of interpreter.registry.all) {
      for (const { lanes } of slots.values()) for (const lane of lanes) lane?.close()
    }
    parts.readers.close()
    parts.epoll.close()
    this.attempt(() => parts.listeners.closeAll())
    if (this.runtime.isOurs) {
      this.attempt(() => removeWorkerDirectories(parts.paths))
      this.attempt(() => removeIntent(parts.paths.intent))
    }
    written.push(await parts.journal.close({ deadline: 2_000 }))
    closeSync(parts.devNull)
    this.lock.release()
    return written.every(Boolean)
  }

  private keepRuntime(): RuntimeKeeper {
    const { parts, lock, interpreter } = this
    const { paths, journal, host } = parts
    return new RuntimeKeeper({
      spec: () => this.spec,
      paths,
      lock,
      journal,
      processes: () =>
        interpreter.registry.all.flatMap(({ slots }) =>
          [...slots.values()].flatMap(({ processes }) => [...processes.values()].filter(({ pid }) => pid !== null)),
        ),
      startOf: ({ startedAt }) => interpreter.clock.iso(startedAt),
      writeIntent: () => this.intent.writeAgain(),
      hostIsWhole: () => host.isRuntimeWhole?.() ?? true,
      restoreHost: async () => host.restoreRuntime?.(),
    })
  }

  /** What can not be cleaned up is no reason to stay: nothing runs any more. */
  private attempt(cleanUp: () => void): void {
    try {
      cleanUp()
    } catch (error) {
      this.parts.journal.write({ kind: 'supervisor', event: 'trouble', reason: String(error) })
    }
  }
}

/**
 * For what a hook or a listener asks from within an event: until that is taken, nothing that is dispatched has come about, and an
 * operation would take the state of before for its outcome. Events are taken in one go, so that the next microtask is late enough.
 */
const eventTaken = (): Promise<void> => Promise.resolve()
