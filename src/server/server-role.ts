// Whether a server is main or standby, as its supervisor says; its workers hear it from here.
import type { WorkerProcess } from '../supervisor/engine-host.ts'
import { parseCommandMessage } from '../wire/command-messages.ts'
import { VARIABLES } from '../wire/worker-environment.ts'
import { CommandChannel } from '../worker/command-channel.ts'

type Environment = Readonly<Record<string, string | undefined>>

const ON_THE_WAY = 1_000

export class ServerRole {
  private token: string | null
  private isMain: boolean
  private slot: number
  private readonly startedAsStandby = new Set<number>()
  /** The line that said so. */
  private promotion: string | null = null
  private channel: CommandChannel | null = null
  private readonly whenMain: (() => void)[] = []
  /** By when the supervisor wants us to end, in milliseconds of the wall clock; null: it has not asked. */
  private deadline: number | null = null
  /** Milliseconds from the first to the second step of a usual stop; NaN: as long as it takes. */
  private readonly usualStop: number
  /** Of the slots: whoever has them, too, is part of the main, which is not gone before its last worker is. */
  readonly lockFds: readonly number[]

  /** Without a supervisor, or without slots, it is main. */
  constructor(environment: Environment) {
    this.isMain = environment[VARIABLES.role] !== 'standby'
    this.token = environment[VARIABLES.fencingToken] ?? null
    this.slot = Number(environment[VARIABLES.mainSlot] ?? 0)
    this.usualStop = Number(environment[VARIABLES.stopTimeout])
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
      if (message === null || 'reload' in message) return
      if ('stop' in message) {
        this.deadline = Date.parse(message.stop.deadline)
        return
      }
      if ('promote' in message) this.promoted(message.promote, line)
      else this.isMain = false
      tell(`${line}\n`)
    })
  }

  /** At once where it is main. */
  onMain(act: () => void): void {
    if (this.isMain) act()
    else this.whenMain.push(act)
  }

  /**
   * Asked when a stop begins: how much longer than usual (less than 0: shorter) it may take, in milliseconds. A server that is
   * replaced may finish beside its successor. The supervisor has said so before it sent its signal.
   */
  extraTime(): number {
    this.channel?.poll()
    if (this.deadline === null) return 0
    const extra = this.deadline - Date.now() - this.usualStop
    // What its words took to reach us is no difference.
    return Math.abs(extra) < ON_THE_WAY || Number.isNaN(extra) ? 0 : extra
  }

  private promoted({ token, slot }: { readonly token: string | null; readonly slot: number }, line: string): void {
    this.isMain = true
    this.token = token
    this.slot = slot
    this.promotion = `${line}\n`
    for (const act of this.whenMain.splice(0)) act()
  }
}
