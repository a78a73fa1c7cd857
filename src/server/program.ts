// What the commands of a program do: each finds its server, asks it, and says how that came out.
import { existsSync, rmSync } from 'node:fs'
import { basename, join } from 'node:path'
import { parseDuration } from '../config/values/duration.ts'
import { callSupervisor, errorFrom } from '../control/client.ts'
import { HoldfastError } from '../errors/holdfast-error.ts'
import { makeEmptyFile } from '../os/empty-file.ts'
import { lockHolder } from '../os/file-lock.ts'
import { type ProcessIdentity, startTimeOf } from '../os/process-identity.ts'
import type { OperationOutcome } from '../supervisor/engine-api.ts'
import { endLeftovers } from '../supervisor/leftover.ts'
import type { StatusReport } from '../supervisor/status-report.ts'
import { awaitDeath } from './await-exit.ts'
import { askSettled, isSilence, nullIfEnded, whyItEnded } from './early-end.ts'
import { FoundServer } from './found-server.ts'
import { deskPath } from './predecessors.ts'
import { type ProgramCommand, programHelp } from './program-command.ts'
import { programWords } from './program-hints.ts'
import { programInitFile } from './program-init-file.ts'
import { startServer, startSupervisor } from './program-start.ts'
import { LSB, ProgramVoice } from './program-voice.ts'
import type { ServerOptions } from './server-options.ts'
import { type ServerPlace, type ServerPresence, serverPlace, serverServiceName } from './server-place.ts'
import { serveInForeground } from './server-process.ts'
import { evaluateOptions } from './server-spec.ts'
import { upgradeMains } from './upgrade-mains.ts'

const UPGRADE_TIMEOUT = '30s'
/** Milliseconds: the default of `startTimeout`. */
const DEFAULT_PATIENCE = 30_000
const LONGEST_TIMER = 2 ** 31 - 1
const VERB_OF = { started: 'start', restarted: 'restart', reloaded: 'reload', replaced: 'live restart' } as const
const STATUS = { running: 0, dead: 1, notRunning: 3, unknown: 4 } as const

type Environment = Readonly<Record<string, string | undefined>>

export class Program<Config> {
  private readonly options: ServerOptions<Config>
  private readonly program: string
  private readonly environment: Environment
  private readonly place: ServerPlace
  private readonly found: FoundServer
  private readonly voice: ProgramVoice

  constructor(options: ServerOptions<Config>, program: string, environment: Environment) {
    this.options = options
    this.program = program
    this.environment = environment
    this.place = serverPlace(options, program, environment)
    this.found = new FoundServer(options, program, this.place)
    this.voice = new ProgramVoice(options)
  }

  /** The exit code; never ends the process. */
  async command(command: ProgramCommand, args: readonly string[]): Promise<number> {
    switch (command) {
      case 'help':
        this.voice.print(programHelp(this.options.name, basename(this.program)))
        return LSB.ok
      case 'foreground':
        return this.unlessItThrows(() => this.foreground())
      case 'start':
        return this.unlessItThrows(() => this.start())
      case 'fork':
        return this.unlessItThrows(() => this.fork())
      case 'stop':
        return this.stop()
      case 'restart':
        return this.unlessItThrows(() => this.restart())
      case 'hard-restart':
        return this.unlessItThrows(() => this.hardRestart())
      case 'rolling-restart':
        return this.askServer('restarted', `/v1/targets/${this.options.name}/restart`)
      case 'reload':
        return this.askServer('reloaded', '/v1/apply')
      case 'status':
        return this.status(args.includes('--json'))
      case 'live-restart':
        return this.liveRestart()
      case 'upgrade':
        return this.upgrade()
      case 'init-file':
        this.voice.print(await programInitFile(this.options, this.program, this.environment, args))
        return LSB.ok
    }
  }

  private async foreground(): Promise<number> {
    const presence = await this.found.presence()
    if (presence.is !== 'absent' && presence.is !== 'dead')
      return this.voice.refuse(`is running already${pidText(presence)}`)
    return serveInForeground(this.options, { program: this.program, environment: this.environment })
  }

  /** What the program's own code throws before the server is up: `config`, `initialize`, `beforeRun`. */
  private async unlessItThrows(act: () => Promise<number>): Promise<number> {
    try {
      return await act()
    } catch (error) {
      if (!(error instanceof HoldfastError))
        return this.notUp(error instanceof Error ? `${error.stack}` : String(error))
      if (error.code !== 'HF_HOOK_FAILED') throw error
      return this.notUp(`${error.message}\n${error.detail.stack}`.trimEnd())
    }
  }

  private async start(): Promise<number> {
    const presence = await this.found.presenceAtRest()
    if (!this.takeStopFileAway() || !this.found.isSupervised(presence)) return this.bringUp(presence)
    return this.operate('started', this.place.socket, `${this.servers}/start`)
  }

  /** For cron, which is not to start what somebody has stopped. */
  private async fork(): Promise<number> {
    const presence = await this.found.presenceAtRest()
    const file = this.stopFile
    if (file === null || !existsSync(file)) return this.bringUp(presence)
    return this.voice.refuse(`${file} is there: nothing is started before start, or before the file is removed`)
  }

  private async bringUp(presence: ServerPresence): Promise<number> {
    if (presence.is === 'running') return this.voice.say(`is running already${pidText(presence)}`)
    if (presence.is === 'silent') return this.voice.refuse(presence.why, LSB.failed, presence.hint)
    const start = this.options.supervised ? startSupervisor : startServer
    // What is wrong with the options is said by this process, in its terminal.
    const { spec } = await evaluateOptions(this.options, this.program, this.environment)
    const since = new Date().toISOString()
    const { pid, report } = await start(this.options, this.program, this.environment, spec)
    if (report === null) return this.notUp(`its process (pid ${pid}) ended before it was up`)
    if ('error' in report) {
      const error = errorFrom(report.error)
      if (error.code === 'HF_ALREADY_RUNNING') return this.startedMeanwhile()
      if (error.code === 'HF_HOOK_FAILED') throw error
      const { message, hint } = programWords(error, this.program)
      return this.notUp(message, hint)
    }
    const started = { pid, startTime: startTimeOf(pid) ?? 0 }
    const outcome = await this.settled()
    if (outcome !== null && 'is' in outcome) return this.bringUp(outcome)
    if (outcome === null) {
      // The others stop gracefully, each as long as it may.
      await awaitDeath(started, null)
      return this.notUp(await whyItEnded(spec.stateDir, since))
    }
    if (outcome.ok) {
      await this.warnWithoutMain()
      return this.voice.say(`started, pid ${pid}, ${await this.found.workersText()}`)
    }
    this.voice.failures(outcome.services, 'start')
    await this.down().catch(nullIfEnded)
    await awaitDeath(started)
    return this.notUp('it is stopped again')
  }

  /** It may compute for as long as a worker may take to start: one that is embedded may do so in its event loop. */
  private async settled(): Promise<OperationOutcome | null | ServerPresence> {
    const millis = parseDuration(String(this.options.startTimeout)) ?? DEFAULT_PATIENCE
    try {
      return await askSettled(this.place.socket, Math.min(millis, LONGEST_TIMER))
    } catch (error) {
      if (!isSilence(error)) throw error
    }
    const presence = await this.found.presence()
    return presence.is === 'running' ? this.settled() : presence
  }

  /** Another start was faster: what counts is how that one comes out. */
  private async startedMeanwhile(): Promise<number> {
    const presence = await this.found.presenceAtRest()
    if (presence.is === 'running') await this.settled()
    return this.bringUp(await this.found.presenceAtRest())
  }

  /** Its slots are its own: a process that holds one is left from before, or none of its business. */
  private async warnWithoutMain(): Promise<void> {
    const presence = this.options.slots === undefined ? null : await this.found.presence()
    if (presence?.is !== 'running') return
    const [service] = presence.report.services
    if (service?.workers.some(({ role }) => role === 'main') ?? true) return
    const strangers = presence.report.locks.flatMap((lock) => lock.strangers)
    const who = strangers.map(({ pid, command }) => `pid ${pid} (${command})`).join(', ') || 'another process'
    this.voice.refuse(`nobody works: every main slot is held by ${who}, which is none of ours`)
  }

  private async stop(): Promise<number> {
    const found = await this.found.presence()
    // A second stop hurries the first, as long as that listens.
    const presence = found.is === 'silent' && found.passing ? await this.found.presenceAtRest() : found
    const file = this.stopFile
    try {
      if (file !== null) makeEmptyFile(file)
    } catch (error) {
      await this.bringDown(presence)
      return this.voice.refuse(`the stop file could not be made, so that fork would start it again: ${textOf(error)}`)
    }
    return this.bringDown(presence)
  }

  private async bringDown(presence: ServerPresence): Promise<number> {
    if (presence.is === 'absent') return this.voice.say('is not running')
    if (presence.is === 'silent') return this.voice.refuse(presence.why, LSB.failed, presence.hint)
    if (presence.is === 'dead') return this.endRest()
    const outcome = await this.downUnlessEnded()
    if (outcome === null) return this.bringDown(await this.found.presenceAtRest())
    this.voice.failures(outcome.services, 'stop')
    return outcome.ok ? this.voice.say('stopped') : this.voice.refuse('not everything could be stopped')
  }

  private async endRest(): Promise<number> {
    const { left } = await endLeftovers(this.place.runtimeDir)
    // A start was faster than the last of them: what is there now is its.
    if (lockHolder(join(this.place.runtimeDir, 'lock')) !== null)
      return this.bringDown(await this.found.presenceAtRest())
    for (const socket of [this.place.socket, deskPath(this.place.runtimeDir)]) rmSync(socket, { force: true })
    if (this.options.pidFile !== undefined) rmSync(this.options.pidFile, { force: true })
    if (left.length === 0) return this.voice.say('its server was dead; what was left of it is stopped')
    return this.voice.refuse(`its server is dead, and these can not be stopped: ${left.join(', ')}`)
  }

  /** Null: somebody else's stop was faster. */
  private downUnlessEnded(): Promise<OperationOutcome | null> {
    return this.down().catch((error) => nullIfEnded(error).body)
  }

  /** Returns when the process is gone. */
  private async down(): Promise<OperationOutcome> {
    const { body } = await callSupervisor(this.place.socket, { method: 'POST', path: '/v1/down', body: {} })
    const { process: ended, ...outcome } = body as OperationOutcome & { readonly process: ProcessIdentity | null }
    if (ended !== null) await awaitDeath(ended)
    return outcome
  }

  private async hardRestart(): Promise<number> {
    const presence = await this.found.presenceAtRest()
    if (presence.is === 'running') await evaluateOptions(this.options, this.program, this.environment)
    const stopped = presence.is === 'absent' ? LSB.ok : await this.bringDown(presence)
    return stopped === LSB.ok ? this.start() : stopped
  }

  /** Without a gap where that can be; what does not run is started. */
  private async restart(): Promise<number> {
    const presence = await this.found.presenceAtRest()
    return this.found.isSupervised(presence) && this.options.supervised ? this.liveRestart() : this.hardRestart()
  }

  private async liveRestart(): Promise<number> {
    const refused = this.refuseUnsupervised(await this.found.presence(), 'a live restart')
    if (refused !== null) return refused
    this.takeStopFileAway()
    return this.operate('replaced', this.place.socket, `${this.servers}/restart`)
  }

  /** What only something that runs, and answers, can do. */
  private refuseAbsent(presence: Exclude<ServerPresence, { readonly is: 'running' }>): number {
    if (presence.is === 'silent') return this.voice.refuse(presence.why, LSB.failed, presence.hint)
    return this.voice.refuse('is not running', LSB.notRunning)
  }

  /** Null: there is a supervisor above the server, who can do it. */
  private refuseUnsupervised(presence: ServerPresence, what: string): number | null {
    if (presence.is !== 'running') return this.refuseAbsent(presence)
    if (!this.options.supervised)
      return this.voice.refuse(`${what} needs a supervisor above the server: set supervised: true`, LSB.unimplemented)
    if (this.found.isSupervised(presence)) return null
    const why = 'the server that runs has none: it is in the foreground, or was started without supervised: true'
    return this.voice.refuse(`${what} needs a supervisor above the server; ${why}`, LSB.unimplemented)
  }

  /** Where nobody waits to follow it is a new server beside the old one. */
  private async upgrade(): Promise<number> {
    const { slots, supervised, upgrade } = this.options
    if (slots === undefined && supervised) return this.liveRestart()
    const presence = await this.found.presence()
    if (presence.is !== 'running') return this.refuseAbsent(presence)
    if (slots === undefined)
      return this.voice.refuse('an upgrade needs standbys: set slots, and upgrade.file', LSB.unimplemented)
    if (upgrade === undefined)
      return this.voice.refuse('a main is asked by a file to make room: set upgrade.file', LSB.unimplemented)
    const refused = this.refuseUnsupervised(presence, 'an upgrade')
    if (refused !== null) return refused
    await evaluateOptions(this.options, this.program, this.environment)
    this.takeStopFileAway()
    const { file, timeout = UPGRADE_TIMEOUT } = upgrade
    const service = serverServiceName(this.options.name)
    const millis = parseDuration(String(timeout)) ?? 0
    const outcome = await upgradeMains({ ...this.place, service, file, timeout: millis })
    if (outcome.is === 'done') return this.voice.say(`upgraded, ${await this.found.workersText()}`)
    this.voice.failures(outcome.services, 'upgrade')
    return this.voice.refuse(`not upgraded: ${outcome.why}`)
  }

  /** What the server itself has to do, supervised or not. */
  private async askServer(done: keyof typeof VERB_OF, path: string): Promise<number> {
    const presence = await this.found.presence()
    if (presence.is !== 'running') return this.refuseAbsent(presence)
    const place = this.found.serverPlace(presence)
    if (place === null) return this.voice.refuse('its supervisor has no server running just now')
    return this.operate(done, place.socket, path)
  }

  private async operate(done: keyof typeof VERB_OF, socket: string, path: string): Promise<number> {
    const { body } = await callSupervisor(socket, { method: 'POST', path, body: {} })
    const outcome = outcomeOf(body)
    this.voice.failures(outcome?.services ?? [], VERB_OF[done])
    return outcome === null || outcome.ok ? this.voice.say(`${done}, ${await this.found.workersText()}`) : LSB.failed
  }

  /** Of several it is worth knowing who is main. */
  private showsServers(presence: ServerPresence): boolean {
    return this.options.slots !== undefined && this.found.isSupervised(presence)
  }

  /** The supervisor's targets: the server, or those that contend. */
  private get servers(): string {
    return `/v1/targets/${serverServiceName(this.options.name)}`
  }

  /** Null: none is configured. */
  private get stopFile(): string | null {
    return this.options.slots?.stopFile ?? null
  }

  /** Whether it was there. */
  private takeStopFileAway(): boolean {
    const file = this.stopFile
    if (file === null || !existsSync(file)) return false
    rmSync(file)
    return true
  }

  private async status(asJson: boolean): Promise<number> {
    let presence: ServerPresence
    try {
      presence = await this.found.presence()
    } catch (error) {
      if (!(error instanceof HoldfastError)) throw error
      const { message, hint } = programWords(error, this.program)
      return this.voice.refuse(message, STATUS.unknown, hint)
    }
    switch (presence.is) {
      case 'running': {
        const own = await this.found.report(presence)
        if (asJson) this.voice.print(JSON.stringify(own ?? presence.report))
        else this.voice.reports({ own, above: own === null || this.showsServers(presence) ? presence.report : null })
        return own === null ? STATUS.unknown : STATUS.running
      }
      case 'silent':
        return this.voice.refuse(presence.why, STATUS.unknown, presence.hint)
      case 'dead':
        return this.voice.refuse(`is dead: ${presence.why}`, STATUS.dead)
      case 'absent':
        this.voice.say('is not running')
        return STATUS.notRunning
    }
  }

  private notUp(why: string, hint = ''): number {
    return this.voice.refuse(`did not start: ${why}`, this.options.daemonizeErrorExitCode ?? LSB.failed, hint)
  }
}

function textOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}

function outcomeOf(body: unknown): OperationOutcome | null {
  const { services, outcome } = body as { services?: unknown; outcome?: OperationOutcome }
  return Array.isArray(services) ? (body as OperationOutcome) : (outcome ?? null)
}

function pidText(presence: { readonly is: string; readonly report?: StatusReport; readonly pid?: number }): string {
  const pid = presence.report?.supervisor.pid ?? presence.pid
  return pid === undefined ? '' : `, pid ${pid}`
}
