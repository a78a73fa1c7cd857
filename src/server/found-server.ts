// What a command of a program finds: its server, what that is doing just now, and where it is to be asked.
import { setTimeout as delay } from 'node:timers/promises'
import { printableCount } from '../control/human-units.ts'
import { HoldfastError } from '../errors/holdfast-error.ts'
import { monotonicMillis } from '../os/monotonic-clock.ts'
import type { StatusReport } from '../supervisor/status-report.ts'
import type { ServerOptions } from './server-options.ts'
import { type ServerPlace, type ServerPresence, serverPresence, serverServiceName } from './server-place.ts'
import { isConfigOf } from './server-spec.ts'
import { placeBelow } from './supervised-server.ts'

/** Milliseconds for another command that starts the same server, or has stopped it; then this one says what it finds. */
const ANOTHER_COMMAND = 30_000
const LOOK_EVERY = 30

export class FoundServer {
  private readonly options: Pick<ServerOptions, 'name' | 'runtimeDir' | 'control' | 'pidFile'>
  private readonly program: string
  private readonly place: ServerPlace

  constructor(options: FoundServer['options'], program: string, place: ServerPlace) {
    this.options = options
    this.program = program
    this.place = place
  }

  /** @throws HoldfastError HF_RUNTIME_DIR_TAKEN: another program's server has the same name, and so the same runtime directory */
  async presence(): Promise<ServerPresence> {
    const presence = await serverPresence(this.options, this.place)
    if (presence.is !== 'running') return presence
    const { config } = presence.report.supervisor
    if (isConfigOf(config, this.program, this.options.name)) return presence
    throw new HoldfastError('HF_RUNTIME_DIR_TAKEN', { dir: this.place.runtimeDir, config: String(config) })
  }

  /** Not while another command is about to bring it up or down: a stop takes as long as the workers may. */
  async presenceAtRest(): Promise<ServerPresence> {
    const deadline = monotonicMillis() + ANOTHER_COMMAND
    for (;;) {
      const presence = await this.presence()
      const passes = presence.is === 'silent' ? presence.passing : isGoingDown(presence)
      if (!passes || (presence.is === 'silent' && monotonicMillis() > deadline)) return presence
      await delay(LOOK_EVERY)
    }
  }

  /** By what runs, not by the options of today: in the foreground nobody is above the server. */
  isSupervised(presence: ServerPresence): boolean {
    const name = serverServiceName(this.options.name)
    return presence.is === 'running' && presence.report.services.some((service) => service.name === name)
  }

  /** Of the server itself: below a supervisor that of its present process. Null: it has none just now. */
  serverPlace(presence: ServerPresence): ServerPlace | null {
    if (presence.is !== 'running' || !this.isSupervised(presence)) return this.place
    const servers = presence.report.services[0]?.workers ?? []
    const pid = (servers.find(({ role, ready }) => role === 'main' && ready) ?? servers.find((one) => one.pid !== null))
      ?.pid
    return pid == null ? null : placeBelow(this.place.runtimeDir, pid)
  }

  /** Null: it does not run, or its supervisor is there, and the server is not, just now. */
  async report(presence: ServerPresence): Promise<StatusReport | null> {
    if (presence.is !== 'running') return null
    if (!this.isSupervised(presence)) return presence.report
    const place = this.serverPlace(presence)
    const own = place === null ? null : await serverPresence(this.options, place)
    return own?.is === 'running' ? own.report : null
  }

  /** `4 workers ready` */
  async workersText(): Promise<string> {
    const service = (await this.report(await this.presence()))?.services[0]
    return service === undefined ? 'no workers' : `${printableCount(service.ready, 'worker')} ready`
  }
}

function isGoingDown(presence: ServerPresence): boolean {
  return presence.is === 'running' && presence.report.supervisor.goingDown === true
}
