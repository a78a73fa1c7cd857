// What the commands of a program do: each finds its server, asks it, and says how that came out.
import { closeSync, rmSync, writeSync } from 'node:fs'
import { basename } from 'node:path'
import { callSupervisor, errorFrom } from '../control/client.ts'
import { paintFor } from '../control/colours.ts'
import { printableCount } from '../control/human-units.ts'
import { statusText } from '../control/status-text.ts'
import { HoldfastError } from '../errors/holdfast-error.ts'
import { openDevNull } from '../os/fifo.ts'
import type { ProcessIdentity } from '../os/process-identity.ts'
import { socketPair } from '../os/socket-pair.ts'
import { spawnProcess } from '../os/spawn.ts'
import type { OperationOutcome } from '../supervisor/engine-api.ts'
import { endLeftovers } from '../supervisor/leftover.ts'
import type { StatusReport } from '../supervisor/status-report.ts'
import { awaitDeath } from './await-exit.ts'
import { awaitReport, HANDOVER_FD } from './handover.ts'
import { failureText } from './outcome-text.ts'
import { type ProgramCommand, programHelp } from './program-command.ts'
import { environmentList } from './running-supervisor.ts'
import type { ServerOptions } from './server-options.ts'
import { type ServerPlace, type ServerPresence, serverPlace, serverPresence } from './server-place.ts'
import { serveInForeground } from './server-process.ts'
import { configNameOf, evaluateOptions } from './server-spec.ts'
import { SMALL_NURSERY } from './small-nursery.ts'
import { TIER_VARIABLES } from './tier.ts'

/** Exit codes of init scripts (LSB 3.2, "Init Script Actions"). */
export const LSB = { ok: 0, failed: 1, usage: 2, unimplemented: 3, noPermission: 4, notRunning: 7 } as const
const STATUS = { running: 0, dead: 1, notRunning: 3, unknown: 4 } as const

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
      case 'hard-restart':
        return this.hardRestart()
      case 'rolling-restart':
        return this.operate('restarted', `/v1/targets/${this.options.name}/restart`)
      case 'reload':
        return this.operate('reloaded', '/v1/apply')
      case 'status':
        return this.status()
      case 'live-restart':
      case 'upgrade':
        return this.notAvailable(command)
      case 'init-file':
        void args
        return this.refuse(`${command} is not available yet`, LSB.unimplemented)
    }
  }

  private async foreground(): Promise<number> {
    const presence = await this.presence()
    if (presence.is !== 'absent' && presence.is !== 'dead') return this.refuse(`is running already${pidText(presence)}`)
    return serveInForeground(this.options, { program: this.program, environment: this.environment })
  }

  private async start(): Promise<number> {
    const presence = await this.presence()
    if (presence.is === 'running') {
      this.refuseForeign(presence.report)
      return this.say(`is running already${pidText(presence)}`)
    }
    if (presence.is === 'silent') return this.refuse(`${presence.why} (pid ${presence.pid})`)
    // What is wrong with the options is said by this process, in its terminal.
    await evaluateOptions(this.options, this.program, this.environment)
    const { pid, channel } = this.startServer()
    const report = await awaitReport(channel)
    if (report === null) return this.notUp(`its process (pid ${pid}) ended before it was up`)
    if ('error' in report) return this.notUp(errorFrom(report.error).message)
    const { body } = await callSupervisor(this.place.socket, { method: 'GET', path: '/v1/settled' })
    const outcome = body as OperationOutcome
    if (outcome.ok) return this.say(`started, pid ${pid}, ${await this.workersText()}`)
    for (const service of outcome.services) {
      if (!service.ok) writeSync(2, failureText(service, 'start', this.paint, null))
    }
    await this.down()
    return this.notUp('it is stopped again')
  }

  private startServer(): { pid: number; channel: number } {
    const [channel, theirs] = socketPair()
    const devNull = openDevNull()
    try {
      const fds = [devNull, 2, 2]
      fds[HANDOVER_FD] = theirs
      const { execPath, execArgv, argv: given } = process
      const argv = [execPath, SMALL_NURSERY, ...execArgv, this.program, ...given.slice(2)]
      const tier = { [TIER_VARIABLES.server]: this.options.name, [TIER_VARIABLES.tier]: 'server' }
      const env = environmentList({ ...this.environment, ...tier })
      const pid = spawnProcess({ file: execPath, argv, env, cwd: process.cwd(), fds, session: true, softNoFile: null })
      return { pid, channel }
    } finally {
      for (const fd of [theirs, devNull]) closeSync(fd)
    }
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
    rmSync(this.place.socket, { force: true })
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

  /** What only a running server can do. */
  private async operate(done: string, path: string): Promise<number> {
    const presence = await this.presence()
    if (presence.is !== 'running') return this.refuse('is not running', LSB.notRunning)
    const { body } = await callSupervisor(this.place.socket, { method: 'POST', path, body: {} })
    const outcome = outcomeOf(body)
    for (const service of outcome?.services ?? []) {
      if (!service.ok) writeSync(2, failureText(service, done.replace(/ed$/, ''), this.paint, null))
    }
    return outcome === null || outcome.ok ? this.say(`${done}, ${await this.workersText()}`) : LSB.failed
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
        this.print(statusText(presence.report, { paint, width, now: Date.now() }))
        return STATUS.running
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

  /** Another program's server has the same name, and so the same runtime directory. */
  private refuseForeign({ supervisor: { config } }: StatusReport): void {
    if (config === configNameOf(this.program, this.options.name)) return
    throw new HoldfastError('HF_RUNTIME_DIR_TAKEN', { dir: this.place.runtimeDir, config: String(config) })
  }

  private presence(): Promise<ServerPresence> {
    return serverPresence(this.options, this.place)
  }

  private async workersText(): Promise<string> {
    const presence = await this.presence()
    const service = presence.is === 'running' ? presence.report.services[0] : undefined
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
