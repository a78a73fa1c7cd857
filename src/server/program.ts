// What the commands of a program do: each finds its server, asks it, and says how that came out.
import { closeSync, rmSync, writeSync } from 'node:fs'
import { basename, join } from 'node:path'
import { callSupervisor, errorFrom } from '../control/client.ts'
import { paintFor } from '../control/colours.ts'
import { printableCount } from '../control/human-units.ts'
import { statusText } from '../control/status-text.ts'
import { HoldfastError } from '../errors/holdfast-error.ts'
import { openDevNull } from '../os/fifo.ts'
import { type ProcessIdentity, startTimeOf } from '../os/process-identity.ts'
import { ChildReaper } from '../os/reap.ts'
import { socketPair } from '../os/socket-pair.ts'
import { spawnProcess } from '../os/spawn.ts'
import type { OperationOutcome } from '../supervisor/engine-api.ts'
import { endLeftovers } from '../supervisor/leftover.ts'
import { prepareDirectories } from '../supervisor/runtime-directory.ts'
import type { StatusReport } from '../supervisor/status-report.ts'
import { awaitDeath, awaitExit } from './await-exit.ts'
import { awaitReport, HANDOVER_FD, handOver, type StartReport } from './handover.ts'
import { INIT_FILE_KINDS, type InitFileKind, initFile } from './init-file.ts'
import { initFileFacts } from './init-file-facts.ts'
import { failureText } from './outcome-text.ts'
import { deskPath } from './predecessors.ts'
import { type ProgramCommand, programHelp } from './program-command.ts'
import { environmentList } from './running-supervisor.ts'
import type { ServerOptions } from './server-options.ts'
import { type ServerPlace, type ServerPresence, serverPlace, serverPresence } from './server-place.ts'
import { serveInForeground } from './server-process.ts'
import { evaluateOptions, isConfigOf } from './server-spec.ts'
import { FORWARDED, placeBelow, serverServiceName, supervisorSpecOf } from './supervised-server.ts'
import { SERVER_TIER_FLAGS, TIER_VARIABLES } from './tier.ts'
import { holdfastProgram, serverCommand } from './worker-command.ts'

/** Exit codes of init scripts (LSB 3.2, "Init Script Actions"). */
export const LSB = { ok: 0, failed: 1, usage: 2, unimplemented: 3, noPermission: 4, notRunning: 7 } as const
const STATUS = { running: 0, dead: 1, notRunning: 3, unknown: 4 } as const

interface Started {
  readonly pid: number
  readonly report: StartReport | null
}

type Environment = Readonly<Record<string, string | undefined>>

export class Program<Config> {
  private readonly options: ServerOptions<Config>
  private readonly program: string
  private readonly environment: Environment
  private readonly place: ServerPlace
  private readonly paint = paintFor(process.stdout.isTTY === true, false, process.env)

  constructor(options: ServerOptions<Config>, program: string, environment: Environment) {
    this.options = options
    this.program = program
    this.environment = environment
    this.place = serverPlace(options, program, environment)
  }

  /** The exit code; never ends the process. */
  async command(command: ProgramCommand, args: readonly string[]): Promise<number> {
    switch (command) {
      case 'help':
        this.print(programHelp(this.options.name, basename(this.program)))
        return LSB.ok
      case 'foreground':
        return this.foreground()
      case 'start':
      case 'fork':
        return this.start()
      case 'stop':
        return this.stop()
      case 'restart':
        return this.restart()
      case 'hard-restart':
        return this.hardRestart()
      case 'rolling-restart':
        return this.askServer('restarted', `/v1/targets/${this.options.name}/restart`)
      case 'reload':
        return this.askServer('reloaded', '/v1/apply')
      case 'status':
        return this.status()
      case 'live-restart':
        return this.liveRestart()
      case 'upgrade':
        return this.notAvailable(command)
      case 'init-file':
        return this.initFile(args)
    }
  }

  private async foreground(): Promise<number> {
    const presence = await this.presence()
    if (presence.is !== 'absent' && presence.is !== 'dead') return this.refuse(`is running already${pidText(presence)}`)
    return serveInForeground(this.options, { program: this.program, environment: this.environment })
  }

  private async start(): Promise<number> {
    const presence = await this.presence()
    if (presence.is === 'running') return this.say(`is running already${pidText(presence)}`)
    if (presence.is === 'silent') return this.refuse(`${presence.why} (pid ${presence.pid})`)
    // What is wrong with the options is said by this process, in its terminal.
    await evaluateOptions(this.options, this.program, this.environment)
    const { pid, report } = await (this.options.supervised ? this.startSupervisor() : this.startServer())
    if (report === null || 'error' in report) await awaitEndOf(pid)
    if (report === null) return this.notUp(`its process (pid ${pid}) ended before it was up`)
    if ('error' in report) return this.notUp(errorFrom(report.error).message)
    const { body } = await callSupervisor(this.place.socket, { method: 'GET', path: '/v1/settled' })
    const outcome = body as OperationOutcome
    if (outcome.ok) {
      await this.warnWithoutMain()
      return this.say(`started, pid ${pid}, ${await this.workersText()}`)
    }
    for (const service of outcome.services) {
      if (!service.ok) writeSync(2, failureText(service, 'start', this.paint, null))
    }
    await this.down()
    return this.notUp('it is stopped again')
  }

  /** Its slots are its own: a process that holds one is left from before, or none of its business. */
  private async warnWithoutMain(): Promise<void> {
    const presence = this.options.slots === undefined ? null : await this.presence()
    const servers = presence?.is === 'running' ? (presence.report.services[0]?.workers ?? []) : []
    if (servers.length === 0 || servers.some(({ role }) => role === 'main')) return
    const target = serverServiceName(this.options.name)
    this.refuse(
      `nobody works: every main slot is held by another process; holdfast --socket ${this.place.socket} why ${target} names it`,
    )
  }

  private async startServer(): Promise<Started> {
    const tier = { [TIER_VARIABLES.server]: this.options.name, [TIER_VARIABLES.tier]: 'server' }
    const { pid, channel } = startInBackground(serverCommand(this.options as ServerOptions<never>, this.program), {
      ...this.environment,
      ...tier,
    })
    return { pid, report: await awaitReport(channel) }
  }

  /** The daemon, with the server as its service. */
  private async startSupervisor(): Promise<Started> {
    const { options, program, environment } = this
    const { spec: server } = await evaluateOptions(options, program, environment)
    const spec = await supervisorSpecOf(options as ServerOptions<never>, server, program, environment)
    prepareDirectories(spec)
    const { pid, channel } = startInBackground(
      [process.execPath, ...SERVER_TIER_FLAGS, holdfastProgram(), 'supervise', '-c', program],
      environment,
    )
    const library = {
      log: join(spec.logDir, `${spec.name}.supervisor.log`),
      pidFile: options.pidFile ?? null,
      forwards: { signals: FORWARDED, to: serverServiceName(spec.name) },
    }
    return { pid, report: await handOver(channel, { spec, clean: true, library }) }
  }

  private async stop(): Promise<number> {
    const presence = await this.presence()
    if (presence.is === 'absent') return this.say('is not running')
    if (presence.is === 'silent') return this.refuse(`${presence.why} (pid ${presence.pid})`)
    if (presence.is === 'dead') return this.endRest()
    const outcome = await this.down()
    for (const service of outcome.services) {
      if (!service.ok) writeSync(2, failureText(service, 'stop', this.paint, null))
    }
    return outcome.ok ? this.say('stopped') : this.refuse('not everything could be stopped')
  }

  private async endRest(): Promise<number> {
    const { left } = await endLeftovers(this.place.runtimeDir)
    for (const socket of [this.place.socket, deskPath(this.place.runtimeDir)]) rmSync(socket, { force: true })
    if (this.options.pidFile !== undefined) rmSync(this.options.pidFile, { force: true })
    if (left.length === 0) return this.say('its server was dead; what was left of it is stopped')
    return this.refuse(`its server is dead, and these can not be stopped: ${left.join(', ')}`)
  }

  /** Returns when the process is gone. */
  private async down(): Promise<OperationOutcome> {
    const { body } = await callSupervisor(this.place.socket, { method: 'POST', path: '/v1/down', body: {} })
    const { process: ended, ...outcome } = body as OperationOutcome & { readonly process: ProcessIdentity | null }
    if (ended !== null) await awaitDeath(ended)
    return outcome
  }

  private async hardRestart(): Promise<number> {
    const presence = await this.presence()
    if (presence.is === 'running') await evaluateOptions(this.options, this.program, this.environment)
    const stopped = presence.is === 'absent' ? LSB.ok : await this.stop()
    return stopped === LSB.ok ? this.start() : stopped
  }

  /** Without a gap where that can be; what does not run is started. */
  private async restart(): Promise<number> {
    const { is } = await this.presence()
    return is === 'running' && this.options.supervised ? this.liveRestart() : this.hardRestart()
  }

  private async liveRestart(): Promise<number> {
    if (this.options.supervised) {
      return this.operate('replaced', this.place.socket, `/v1/targets/${serverServiceName(this.options.name)}/restart`)
    }
    if ((await this.presence()).is !== 'running') return this.refuse('is not running', LSB.notRunning)
    return this.refuse('a live restart needs a supervisor above the server: set supervised: true', LSB.unimplemented)
  }

  /** What the server itself has to do, supervised or not. */
  private async askServer(done: string, path: string): Promise<number> {
    const { socket } = this.serverPlace(await this.presence())
    return this.operate(done, socket, path)
  }

  /** What only something that runs can do. */
  private async operate(done: string, socket: string, path: string): Promise<number> {
    if ((await this.presence()).is !== 'running') return this.refuse('is not running', LSB.notRunning)
    const { body } = await callSupervisor(socket, { method: 'POST', path, body: {} })
    const outcome = outcomeOf(body)
    for (const service of outcome?.services ?? []) {
      if (!service.ok) writeSync(2, failureText(service, done.replace(/ed$/, ''), this.paint, null))
    }
    return outcome === null || outcome.ok ? this.say(`${done}, ${await this.workersText()}`) : LSB.failed
  }

  /** Of the server itself: below a supervisor that of its present process. */
  private serverPlace(presence: ServerPresence): ServerPlace {
    const servers = presence.is === 'running' ? (presence.report.services[0]?.workers ?? []) : []
    const pid = (servers.find(({ role, ready }) => role === 'main' && ready) ?? servers[0])?.pid
    return this.options.supervised && pid != null ? placeBelow(this.place.runtimeDir, pid) : this.place
  }

  private async initFile([kind = 'sysv', ...programArguments]: readonly string[]): Promise<number> {
    if (!INIT_FILE_KINDS.some((known) => known === kind)) {
      throw new HoldfastError('HF_USAGE', {
        problem: `there is no init file "${kind}"; there are ${INIT_FILE_KINDS.join(', ')}`,
        verb: '',
      })
    }
    const { options, program, environment } = this
    // It is for the machine on which it will stand.
    const { spec } = await evaluateOptions(options, program, environment, { host: false })
    this.print(initFile(kind as InitFileKind, initFileFacts(options, spec, program, programArguments)))
    return LSB.ok
  }

  private async notAvailable(command: string): Promise<number> {
    if ((await this.presence()).is !== 'running') return this.refuse('is not running', LSB.notRunning)
    return this.refuse(`${command} is not available yet`, LSB.unimplemented)
  }

  private async status(): Promise<number> {
    let presence: ServerPresence
    try {
      presence = await this.presence()
    } catch (error) {
      if (!(error instanceof HoldfastError)) throw error
      return this.refuse(error.message, STATUS.unknown)
    }
    switch (presence.is) {
      case 'running': {
        const { paint } = this
        const width = process.stdout.isTTY ? process.stdout.columns : null
        const own = this.options.supervised ? await this.serverReport(presence) : presence.report
        this.print(statusText(own ?? presence.report, { paint, width, now: Date.now() }))
        return own === null ? STATUS.unknown : STATUS.running
      }
      case 'silent':
        return this.refuse(`${presence.why} (pid ${presence.pid})`, STATUS.unknown)
      case 'dead':
        return this.refuse(`is dead: ${presence.why}`, STATUS.dead)
      case 'absent':
        this.say('is not running')
        return STATUS.notRunning
    }
  }

  /** @throws HoldfastError HF_RUNTIME_DIR_TAKEN: another program's server has the same name, and so the same runtime directory */
  private async presence(): Promise<ServerPresence> {
    const presence = await serverPresence(this.options, this.place)
    if (presence.is !== 'running') return presence
    const { config } = presence.report.supervisor
    if (isConfigOf(config, this.program, this.options.name)) return presence
    throw new HoldfastError('HF_RUNTIME_DIR_TAKEN', { dir: this.place.runtimeDir, config: String(config) })
  }

  /** Null: its supervisor is there, and the server is not, just now. */
  private async serverReport(presence: ServerPresence): Promise<StatusReport | null> {
    const own = await serverPresence(this.options, this.serverPlace(presence))
    return own.is === 'running' ? own.report : null
  }

  private async workersText(): Promise<string> {
    const presence = await this.presence()
    const report =
      presence.is === 'running' && this.options.supervised
        ? await this.serverReport(presence)
        : presence.is === 'running'
          ? presence.report
          : null
    const service = report?.services[0]
    return service === undefined ? 'no workers' : `${printableCount(service.ready, 'worker')} ready`
  }

  private notUp(why: string): number {
    return this.refuse(`did not start: ${why}`, this.options.daemonizeErrorExitCode ?? LSB.failed)
  }

  private say(text: string): number {
    if (!this.options.quiet) this.print(`${this.paint('green', this.options.name)}: ${text}\n`)
    return LSB.ok
  }

  private refuse(text: string, code: number = LSB.failed): number {
    writeSync(2, `${this.paint('red', this.options.name)}: ${text}\n`)
    return code
  }

  private print(text: string): void {
    writeSync(1, text.endsWith('\n') ? text : `${text}\n`)
  }
}

function outcomeOf(body: unknown): OperationOutcome | null {
  const { services, outcome } = body as { services?: unknown; outcome?: OperationOutcome }
  return Array.isArray(services) ? (body as OperationOutcome) : (outcome ?? null)
}

function pidText(presence: { readonly is: string; readonly report?: StatusReport; readonly pid?: number }): string {
  const pid = presence.report?.supervisor.pid ?? presence.pid
  return pid === undefined ? '' : `, pid ${pid}`
}

/** Of a server that could not start: it has said so, and is on its way out. */
async function awaitEndOf(pid: number): Promise<void> {
  const startTime = startTimeOf(pid)
  if (startTime !== null) await awaitExit({ pid, startTime })
}

function startInBackground(argv: readonly string[], environment: Environment): { pid: number; channel: number } {
  const [channel, theirs] = socketPair()
  const devNull = openDevNull()
  try {
    const fds = [devNull, 2, 2]
    fds[HANDOVER_FD] = theirs
    const [file = ''] = argv
    const env = environmentList(environment)
    const pid = spawnProcess({ file, argv, env, cwd: process.cwd(), fds, session: true, softNoFile: null })
    // Whoever starts it may live longer: a zombie would be left for as long.
    const reaper = new ChildReaper('own-children', () => reaper.close())
    reaper.watch(pid, { keepsLoop: false })
    return { pid, channel }
  } finally {
    for (const fd of [theirs, devNull]) closeSync(fd)
  }
}
