// The server in this process, between its hooks and the engine.
import { closeSync } from 'node:fs'
import type { SupervisorSpec } from '../config/effective.ts'
import { HoldfastError } from '../errors/holdfast-error.ts'
import type { LogFile } from '../logs/log-file.ts'
import { openPipe } from '../os/pipe.ts'
import { randomBytes } from '../os/random-bytes.ts'
import type { ApplyReport, Engine, JournalEntry, OperationOutcome, OperationRequest } from '../supervisor/engine-api.ts'
import type { WorkerHost } from '../supervisor/engine-host.ts'
import type { InProcessRunner } from '../supervisor/in-process-worker.ts'
import type { StatusReport } from '../supervisor/status-report.ts'
import { VARIABLES } from '../wire/worker-environment.ts'
import type { DeskPlace } from './ask-for-sockets.ts'
import { FORK_PROGRAM } from './fork-program.ts'
import { HookCaller } from './hook-caller.ts'
import { callHook } from './hook-failure.ts'
import { inProcessRunner } from './in-process-runner.ts'
import { deskPath } from './predecessors.ts'
import { isModule } from './program-file.ts'
import type { RunningServer } from './running-server.ts'
import type { ServerOptions } from './server-options.ts'
import { ServerRole } from './server-role.ts'
import { type EvaluatedOptions, evaluateOptions } from './server-spec.ts'
import { signalFor } from './signal-maps.ts'
import type { DumpableThread } from './thread-dump.ts'
import { ThreadRunner } from './thread-runner.ts'
import { TIER_VARIABLES, tierOfThisProcess } from './tier.ts'
import { type Title, titleOf } from './titles.ts'
import { forkProgram } from './worker-command.ts'

/** How the server is stopped depends on what it runs in: a process of its own, or somebody's program. */
export interface ServerBody {
  readonly engine: Engine
  /** `longer`: milliseconds more than the stop ladder says. */
  stop(options: { immediate: boolean; longer: number }): Promise<unknown>
  /** Resolves to 0 when all was stopped as it should. */
  readonly ended: Promise<number>
  /** Null: it has none. */
  readonly ownLog: LogFile | null
  reopenLogs(): void
}

export class LiveServer<Config> implements RunningServer<Config> {
  readonly hooks: HookCaller<Config>
  /** Where its workers ask for sockets. */
  readonly desk: DeskPlace
  private readonly options: ServerOptions<Config>
  private readonly program: string
  private readonly environment: Readonly<Record<string, string | undefined>>
  private readonly evaluated = new WeakMap<SupervisorSpec, EvaluatedOptions<Config>>()
  private inForce: EvaluatedOptions<Config>
  private readonly writeLog: (text: string) => void
  private body: ServerBody | null = null
  /** Its other end is nobody's but ours: workers see it end when we do. */
  private pipe: { readonly read: number; readonly write: number } | null = null
  /** Main or standby. */
  readonly role: ServerRole
  /** Below a supervisor: asks it for another server in place of this one. */
  liveRestart: (() => Promise<OperationOutcome>) | null = null
  /** What the action `detach` does; null: it is a stop. */
  detach: (() => Promise<OperationOutcome>) | null = null
  /** Called once, when a stop is asked. */
  onStop: (() => void) | null = null
  /** Below a supervisor, once it knows that the server is up: ends it, and us with it. */
  endAbove: (() => Promise<void>) | null = null
  private stopAsked = false
  /** What each worker was started with. */
  private readonly startedWith = new Map<number, Config>()
  /** Null: its workers are processes. */
  private readonly runner: InProcessRunner | null
  /** The whole of it, not only its engine. */
  private open = false
  /** All workers are given up for the early death of one. */
  private endsEarly = false
  /** Of the worker whose exit ended the server. */
  private exitCode = 0

  constructor(
    options: ServerOptions<Config>,
    program: string,
    environment: Readonly<Record<string, string | undefined>>,
    first: EvaluatedOptions<Config>,
    writeLog: (text: string) => void,
  ) {
    this.options = options
    this.program = program
    this.environment = environment
    this.inForce = first
    this.desk = { path: deskPath(first.spec.runtimeDir), secret: randomBytes(16).toString('hex') }
    this.writeLog = writeLog
    this.role = new ServerRole(hasSupervisor() ? environment : {})
    this.hooks = new HookCaller(options, this, writeLog)
    this.runner = inProcessRunner(options, program, { name: options.name, config: () => this.config, desk: this.desk })
  }

  exitWith(code: number): void {
    this.exitCode ||= code
  }

  get name(): string {
    return this.options.name
  }

  get isStopping(): boolean {
    return this.stopAsked
  }

  get config(): Config {
    return this.inForce.config
  }

  get spec(): SupervisorSpec {
    return this.inForce.spec
  }

  /** Its workers are Node processes that we have started so that their debugger can be woken without harm. */
  get debuggable(): boolean {
    return this.ownProcesses
  }

  /** Each worker is a Node process of its own. */
  private get ownProcesses(): boolean {
    const { workerType = 'process' } = this.options
    return workerType === 'process' || workerType === 'fork'
  }

  get threads(): readonly DumpableThread[] {
    return this.runner instanceof ThreadRunner ? this.runner.threads : []
  }

  private get lifeline(): { readonly read: number } {
    this.pipe ??= openPipe()
    return this.pipe
  }

  /** After its end. */
  closeLifeline(): void {
    for (const fd of Object.values(this.pipe ?? {})) closeSync(fd)
    this.pipe = null
  }

  get engine(): Engine {
    return this.opened.engine
  }

  /** A line of the server's log. */
  log(text: string): void {
    this.writeLog(text)
  }

  /** For the engine. */
  get workerHost(): WorkerHost {
    const { worker, workerType = 'process', signals } = this.options
    // A thread can not outlive its server, and has another's pid as its parent's.
    const orphans = workerType === 'thread' ? 'stay' : (this.options.orphans ?? 'finish')
    // USR1 is how a process is asked for its debugger, which a dump from outside needs; HUP is its reload.
    const asked = signalFor('dump', signals)
    const dumpSignal = asked === 'USR1' || asked === 'HUP' ? null : asked
    const base = {
      ...this.tierEnvironment('worker'),
      // One that worked on beside the next main would be a second one.
      [TIER_VARIABLES.orphans]: this.role.lockFds.length > 0 ? 'die' : orphans,
      [TIER_VARIABLES.desk]: this.desk.path,
      [TIER_VARIABLES.secret]: this.desk.secret,
      ...(dumpSignal === null ? {} : { [TIER_VARIABLES.dump]: dumpSignal }),
    }
    return {
      wantsListenPid: workerType === 'spawn',
      inProcess: this.runner,
      config: () => this.config,
      logLevel: () => this.inForce.logLevel,
      logRotation: () => this.inForce.logRotation,
      spawned: (process) => {
        this.role.spawned(process)
        this.hooks.spawned(process)
      },
      exited: (process, reason) => this.hooks.exited(process, reason),
      beat: (process) => this.hooks.beat(process),
      inherited: () => (this.ownProcesses ? [this.lifeline.read, ...this.role.lockFds] : []),
      environment: ({ slot }) => {
        this.startedWith.set(slot, this.config)
        // The forkserver calls it, which is about to fork.
        if (!isModule(worker) && workerType !== 'fork') this.hooks.ofWorker('beforeFork', { workerId: slot, pid: null })
        // Any other program may be a server of its own, and would take itself for a worker of ours.
        const level = this.configEnvironment()
        if (workerType === 'embedded' || workerType === 'spawn') return level
        // What is no process of its own can not have a title.
        const named = this.ownProcesses ? this.titleEnvironment(titleOf('worker', this.options, slot)) : {}
        return { ...base, ...level, ...named, ...this.role.giftsFor(slot) }
      },
      forkserverEnvironment: () => ({
        ...this.tierEnvironment('forkserver'),
        ...this.configEnvironment(),
        ...this.titleEnvironment(titleOf('forkserver', this.options, 0)),
      }),
    }
  }

  private tierEnvironment(tier: 'worker' | 'forkserver'): Readonly<Record<string, string>> {
    // A worker that can not be forked loads the program itself.
    const forked = this.options.workerType === 'fork'
    return {
      [TIER_VARIABLES.server]: this.name,
      [TIER_VARIABLES.tier]: tier,
      [TIER_VARIABLES.pid]: String(process.pid),
      ...(forked ? { [FORK_PROGRAM]: JSON.stringify(forkProgram(this.options, this.program)) } : {}),
    }
  }

  private configEnvironment(): Readonly<Record<string, string>> {
    const text = this.options.workerType === 'embedded' ? undefined : JSON.stringify(this.config)
    const config = text === undefined ? {} : { [TIER_VARIABLES.config]: text }
    return { ...config, [VARIABLES.logLevel]: this.inForce.logLevel }
  }

  private titleEnvironment(title: Title | null): Readonly<Record<string, string>> {
    return title === null ? {} : { [TIER_VARIABLES.title]: JSON.stringify(title) }
  }

  /** @param open false: it can be asked, but not ended yet */
  attach(body: ServerBody, open = true): void {
    this.body = body
    this.open = open
    if (this.endsEarly) this.endEarly()
  }

  /** Evaluates the options again; in force only after `apply`. */
  async readConfig(): Promise<SupervisorSpec> {
    const next = await evaluateOptions(this.options, this.program, this.environment, { when: 'reload' })
    const { startTimeout, server } = this.options
    await callHook('reloadConfig', { when: 'reload', startTimeout }, () => server?.reloadConfig?.(next.config))
    this.evaluated.set(next.spec, next)
    return next.spec
  }

  /** The workers see the new configuration as soon as the engine has taken the new spec. */
  async apply(engine: Engine, ...[spec, how, onProgress]: Parameters<Engine['apply']>): Promise<ApplyReport> {
    if (how?.dryRun) return engine.apply(spec, how, onProgress)
    const before = this.inForce
    this.inForce = this.evaluated.get(spec) ?? before
    let report: ApplyReport
    try {
      report = await engine.apply(spec, how, onProgress)
    } catch (error) {
      this.inForce = before
      throw error
    }
    for (const log of [this.body?.ownLog, ...engine.serviceLogs(null)]) if (log) log.rotation = this.inForce.logRotation
    if (this.healthy() === 0) return report
    const outcome = await engine.operate({ verb: 'reload', targets: [this.name] }, onProgress)
    return outcome.ok ? report : { ...report, outcome }
  }

  status(): StatusReport {
    return this.engine.status()
  }

  healthy(): number {
    return this.status().services[0]?.ready ?? 0
  }

  async scale(count: number | string): Promise<OperationOutcome> {
    // As text it is how many fewer; a number below 0 is a mistake in somebody's arithmetic.
    if (typeof count === 'number' && count < 0)
      throw new HoldfastError('HF_BAD_REQUEST', { problem: `there can not be ${count} workers; two fewer are '-2'` })
    return this.engine.operate({ verb: 'scale', targets: [this.name], count: String(count) })
  }

  async reload(): Promise<ApplyReport> {
    return this.apply(this.engine, await this.readConfig())
  }

  restart({ rolling = true, graceful = true } = {}): Promise<OperationOutcome> {
    this.hooks.call('restart', graceful)
    const { engine } = this
    const targets = [this.name]
    if (!graceful) return engine.operate({ verb: 'signal', targets, signal: 'KILL', group: true })
    return engine.operate({ verb: 'restart', targets, atOnce: !rolling })
  }

  reopenLogs(): void {
    this.opened.reopenLogs()
  }

  async stop({ graceful = true } = {}): Promise<number> {
    this.tellStop(graceful)
    await this.opened.stop({ immediate: !graceful, longer: graceful ? this.role.extraTime() : 0 })
    return this.ended
  }

  settled(): Promise<OperationOutcome> {
    return this.engine.settled()
  }

  onEvent(listener: (entry: JournalEntry) => void): () => void {
    return this.engine.onEvent((entry) => this.hooks.guarded('onEvent', () => listener(entry)))
  }

  get ended(): Promise<number> {
    return this.opened.ended.then((code) => (code === 0 ? this.exitCode : code))
  }

  /** For the engine: each entry of its journal. */
  take(entry: JournalEntry): void {
    this.hooks.waitSoon()
    if (entry.to === 'fatal') setImmediate(() => this.endWhenNobodyIsLeft(entry))
    const comesIntoService = entry.event === 'swap' || (entry.to === 'running' && entry.from !== 'running')
    if (comesIntoService) setImmediate(() => this.reloadIfLate(entry))
    if (entry.event === 'shut-down') this.takeShutDown(entry)
  }

  /** For the control socket: what is asked there of the engine. */
  tellOperation({ verb, targets }: OperationRequest): void {
    if (verb !== 'restart') return
    if (this.engine.resolve(targets).some(({ slots }) => slots === null)) this.hooks.call('restart', true)
  }

  /** Once, whoever asked. */
  tellStop(graceful: boolean): void {
    if (this.stopAsked) return
    this.stopAsked = true
    this.onStop?.()
    this.hooks.call('stop', graceful)
    this.hooks.call('onFinish', graceful)
  }

  /** A reload came between its start and the moment when it was ready: it has not heard of it. */
  private reloadIfLate({ worker = '' }: JournalEntry): void {
    const slot = Number(worker.split('/')[1])
    if (!this.startedWith.has(slot) || this.startedWith.get(slot) === this.config) return
    if (this.spec.services[this.name]?.reload.by === 'rolling') return
    this.startedWith.set(slot, this.config)
    // One that fails is in the journal.
    this.engine.operate({ verb: 'reload', targets: [worker] }).catch(() => {})
  }

  /** `earlyDeath`: with all its workers given up there is nothing left to do. What went wrong is never exit code 0. */
  private takeShutDown({ worker }: JournalEntry): void {
    this.exitCode ||= this.exitCodeOf(worker) || 1
    this.endsEarly = true
    setImmediate(() => this.endEarly())
  }

  private endEarly(): void {
    if (this.stopAsked || !this.open) return
    if (this.endAbove === null) void this.stop()
    else void this.endAbove().catch(() => this.stop())
  }

  private exitCodeOf(worker: string | undefined): number {
    const workers = this.body?.engine.status().services[0]?.workers ?? []
    return workers.find(({ id }) => id === worker)?.lastExit?.code ?? 0
  }

  /** A server all of whose workers ended with codes that say "do not start me again" has nothing left to do. */
  private endWhenNobodyIsLeft({ worker }: JournalEntry): void {
    const workers = this.body?.engine.status().services[0]?.workers ?? []
    const { unrecoverable = [], stopAllOnUnrecoverable = false } = this.spec.services[this.name]?.restart ?? {}
    if (!unrecoverable.includes(this.exitCodeOf(worker))) return
    const all = workers.length > 0 && workers.every(({ state }) => state === 'fatal')
    if (!all && !stopAllOnUnrecoverable) return
    // The highest slot's, as ServerEngine; with stopAllOnUnrecoverable that of the one that said so.
    this.exitCode ||= this.exitCodeOf(stopAllOnUnrecoverable ? worker : workers.at(-1)?.id)
    // The engine goes down by itself.
    if (stopAllOnUnrecoverable) this.tellStop(true)
    else if (!this.stopAsked) void this.stop()
  }

  private get opened(): ServerBody {
    if (this.body === null) throw new Error(`server "${this.name}" is not open yet`)
    return this.body
  }
}

/** What is said to a program that is some supervisor's worker is not said to the server in it. */
function hasSupervisor(): boolean {
  const tier = tierOfThisProcess()
  return tier.is === 'server' && tier.above !== null
}
