// Whether a server is main or standby, as its supervisor says; its workers hear it from here.
import type { WorkerProcess } from '../supervisor/engine-host.ts'
import { parseCommandMessage } from '../wire/command-messages.ts'
import { VARIABLES } from '../wire/worker-environment.ts'
import { CommandChannel } from '../worker/command-channel.ts'

type Environment = Readonly<Record<string, string | undefined>>

export class ServerRole {
  private token: string | null
  private isMain: boolean
  private slot: number
  private readonly startedAsStandby = new Set<number>()
  /** The line that said so. */
  private promotion: string | null = null
  private channel: CommandChannel | null = null
  /** Of the slots: whoever has them, too, is part of the main, which is not gone before its last worker is. */
  readonly lockFds: readonly number[]

  /** Without a supervisor, or without slots, it is main. */
  constructor(environment: Environment) {
    this.isMain = environment[VARIABLES.role] !== 'standby'
    this.token = environment[VARIABLES.fencingToken] ?? null
    this.slot = Number(environment[VARIABLES.mainSlot] ?? 0)
    this.lockFds = (environment[VARIABLES.lockFds] ?? '').split(',').filter(Boolean).map(Number)
  }

  /** What a worker is started with. */
  giftsFor(worker: number): Readonly<Record<string, string>> {
    if (!this.isMain) this.startedAsStandby.add(worker)
    const role = { [VARIABLES.role]: this.isMain ? 'main' : 'standby' }
    if (!this.isMain || this.token === null) return role
    return { ...role, [VARIABLES.fencingToken]: this.token, [VARIABLES.mainSlot]: String(this.slot) }
  }

  /** A promotion that came while it was being started has found nobody to be told. */
  spawned({ slot, lane }: WorkerProcess): void {
    if (this.startedAsStandby.delete(slot) && this.promotion !== null) lane.send(this.promotion)
  }

  /** @param tell hands a line on to the workers: they are told what we are told */
  listen(environment: Environment, tell: (line: string) => void): void {
    const fd = Number(environment[VARIABLES.commandFd])
    if (!Number.isInteger(fd) || fd < 3) return
    this.channel = new CommandChannel(fd, (line) => {
      const message = parseCommandMessage(line)
      if (message === null || !('promote' in message || 'lost' in message)) return
      if ('promote' in message) {
        this.isMain = true
        this.token = message.promote.token
        this.slot = message.promote.slot
        this.promotion = `${line}\n`
      } else this.isMain = false
      tell(`${line}\n`)
    })
    void this.channel
  }
}
