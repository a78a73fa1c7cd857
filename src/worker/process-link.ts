import { parseCommandMessage } from '../wire/command-messages.ts'
import { backlogVariable, socketsGiven, socketVariable, VARIABLES } from '../wire/worker-environment.ts'
import { builtins } from './builtins.ts'
import { CommandChannel } from './command-channel.ts'
import { type HeartbeatFile, openHeartbeatFile } from './heartbeat-file.ts'
import { inheritedFd } from './inherited-fd.ts'
import { createLogger } from './logger.ts'
import { NotifyChannel } from './notify-channel.ts'
import { count, type Environment, type WorkerSetting } from './read-environment.ts'
import type { WorkerLogger } from './worker.ts'
import type { GivenSockets, LinkEars, WorkerLink } from './worker-link.ts'
import { isWrapped, wrappedNote } from './wrapped-process.ts'

const defaultBacklog = 1024
const STOP_SIGNALS = ['SIGTERM', 'SIGINT'] as const

/**
 * A process that Holdfast started: FIFOs by their numbers in the environment, signals, a heartbeat table. Where the environment
 * does not say HOLDFAST=1 nothing is opened, written or listened for.
 */
export class ProcessLink implements WorkerLink {
  readonly isOpen: boolean
  readonly problems: string[] = []
  readonly heartbeat: HeartbeatFile | null
  readonly sockets: GivenSockets
  readonly logger: WorkerLogger
  readonly #supervised: boolean
  readonly #notify: NotifyChannel
  readonly #commandFd: number | null
  #commands: CommandChannel | null = null
  #ears: LinkEars | null = null
  readonly #asked = (signal: string): void => this.#ears?.asked(signal)
  readonly #hangup = (): void => this.#ears?.hangup()

  /** @param forked by a forkserver, which nothing stands before: no shell between can be the process that the supervisor knows */
  constructor(env: Environment, setting: WorkerSetting, { logger = createLogger(), forked = false } = {}) {
    const { supervised } = setting
    this.logger = logger
    // Threads share the process's descriptors and its slot, which belong to the main thread; signals never reach them.
    const isOpen = supervised && builtins.workerThreads().isMainThread
    const notifyFd = isOpen ? this.#given(VARIABLES.notifyFd, setting.notifyFd) : null
    this.#commandFd = isOpen ? this.#given(VARIABLES.commandFd, setting.commandFd) : null
    this.#notify = new NotifyChannel(notifyFd)
    const wrapped = isOpen && notifyFd !== null && !forked && isWrapped(setting.id)
    if (wrapped) this.problems.push(wrappedNote)
    this.heartbeat = isOpen && !wrapped && setting.heartbeat !== null ? openHeartbeatFile(setting.heartbeat) : null
    this.isOpen = isOpen
    this.#supervised = supervised
    this.sockets = socketsOf(supervised ? env : {})
  }

  send(line: string, importance: 'keep' | 'may-drop'): void {
    this.#notify.send(line, importance)
  }

  listen(ears: LinkEars): void {
    this.#ears = ears
    if (!this.isOpen) return
    if (this.#commandFd !== null) this.#commands = new CommandChannel(this.#commandFd, (line) => obey(ears, line))
    for (const signal of STOP_SIGNALS) process.on(signal, this.#asked)
  }

  listenToHangup(): void {
    if (this.#supervised) process.on('SIGHUP', this.#hangup)
  }

  poll(): void {
    this.#commands?.poll()
  }

  hold(on: boolean): void {
    this.#commands?.hold(on)
  }

  /** The process goes on as something else. */
  close(): void {
    for (const signal of STOP_SIGNALS) process.off(signal, this.#asked)
    process.off('SIGHUP', this.#hangup)
    this.#commands?.close()
    this.#notify.close()
    this.heartbeat?.close()
  }

  end(code?: number): never {
    process.exit(code)
  }

  /** A descriptor that did not reach this process is told once the program uses the SDK; importing it stays silent. */
  #given(variable: string, fd: number | null): number | null {
    if (fd === null) return null
    try {
      return inheritedFd(variable, fd, 'fifo')
    } catch (error) {
      this.problems.push(error instanceof Error ? error.message : String(error))
      return null
    }
  }
}

function socketsOf(env: Environment): GivenSockets {
  return {
    get names() {
      return socketsGiven(env)
    },
    take(name) {
      const variable = socketVariable(name)
      const fd = count(env[variable])
      if (fd === null) return null
      return { fd: inheritedFd(variable, fd, 'socket'), backlog: count(env[backlogVariable(name)]) ?? defaultBacklog }
    },
  }
}

function obey(ears: LinkEars, line: string): void {
  const message = parseCommandMessage(line)
  if (message !== null) ears.obey(message)
}
