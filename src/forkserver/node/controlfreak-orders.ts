// A forkserver as a proxy of ControlFreak's: services are children of this process, which reports how they end, and passes on line by line
// what they say. Its own words go the same way.
import type { Socket } from 'node:net'
import { closeFd } from '../../os/close-fd.ts'
import { rawStatusOf } from '../../os/fork.ts'
import { openPipe } from '../../os/pipe.ts'
import { isTrue, OWN_NAME, readControlFreakOrder, startOrderOf } from './controlfreak-messages.ts'
import { LogLines } from './log-lines.ts'
import { INHERIT, type StartOrder } from './start-order.ts'
import { type Answer, type LinkFds, SupervisorLink, writerOf } from './supervisor-link.ts'

interface Service {
  readonly name: string
  readonly leadsGroup: boolean
  readonly logs: readonly LogLines[]
  /** The service's ends of the log pipes, until it has them. */
  outputs: readonly number[]
  pid: number | null
  is: 'asked' | 'started'
  /** It is to be stopped as soon as it is started. */
  stop: boolean
}

export interface ControlFreakFds extends LinkFds {
  readonly log: number | null
}

/** Milliseconds: for the last words of a service that has ended, for all services when this process ends. */
const LAST_WORDS = 300
const LAST_SERVICES = 3000
const SIGNALS = ['SIGTERM', 'SIGINT', 'SIGHUP'] as const

export class ControlFreakOrders {
  readonly #link: SupervisorLink
  readonly #log: Socket | null
  readonly #sockets: Readonly<Record<string, number>>
  readonly #services = new Map<string, Service>()
  readonly #early: string[] = []
  readonly #onDeath = (): void => this.#reap()
  readonly #onSignal = (): void => this.end(0)
  #start: ((order: StartOrder) => void) | null = null
  #hasProgram = false
  #ending = false
  #orders = 0

  constructor({ log, ...fds }: ControlFreakFds, sockets: Readonly<Record<string, number>>) {
    this.#sockets = sockets
    this.#log = log === null ? null : writerOf(log)
    if (log !== null) closeFd(log)
    this.#link = new SupervisorLink(
      fds,
      (line) => this.#obey(line),
      () => this.end(0),
    )
    process.on('SIGCHLD', this.#onDeath)
    for (const signal of SIGNALS) process.on(signal, this.#onSignal)
  }

  /** `hasProgram`: what was loaded is what each service runs. */
  beginWith(start: (order: StartOrder) => void, hasProgram: boolean): void {
    this.#start = start
    this.#hasProgram = hasProgram
    for (const line of this.#early.splice(0)) this.#obey(line)
  }

  answer(answer: Answer): void {
    if ('started' in answer) this.#started(answer.started.token, answer.started.pid)
    else if ('failed' in answer) this.#failed(answer.failed.token, answer.failed.error)
    else if ('error' in answer) this.#say(answer.error)
    else if (typeof answer.loaded.cold === 'string') this.#say(`nothing can be forked: ${answer.loaded.cold}`)
  }

  /** It is forked, and to be reaped here. */
  readonly onChild = ({ token }: StartOrder, pid: number): void => {
    const service = this.#services.get(token)
    if (service === undefined) return
    service.pid = pid
    closeOutputs(service)
  }

  giveUp(error: string): void {
    this.#say(error)
    this.end(1)
  }

  /** With its services: all are stopped first. */
  end(code: number): void {
    if (this.#ending) return
    this.#ending = true
    for (const service of this.#services.values()) this.#stop(service)
    setTimeout(() => process.exit(code), LAST_SERVICES)
    this.#endWhenAlone(code)
  }

  /** In a forked child. */
  abandon(): void {
    process.removeListener('SIGCHLD', this.#onDeath)
    for (const signal of SIGNALS) process.removeListener(signal, this.#onSignal)
    this.#link.abandon()
    this.#log?.destroy()
    for (const { logs } of this.#services.values()) for (const log of logs) log.abandon()
  }

  #obey(line: string): void {
    if (this.#start === null) {
      this.#early.push(line)
      return
    }
    try {
      const order = readControlFreakOrder(line)
      if (order?.is === 'start') this.#begin(order.name, order.message, this.#start)
      else if (order?.is === 'stop') this.#stopByName(order.name)
    } catch (error) {
      this.#say((error as Error).message)
    }
  }

  #begin(name: string, message: Readonly<Record<string, unknown>>, start: (order: StartOrder) => void): void {
    try {
      const order = startOrderOf(name, message, this.#sockets, this.#hasProgram)
      const stdout = this.#outputOf(name, 'out', message.ignore_stdout)
      const stderr = this.#outputOf(name, 'err', message.ignore_stderr)
      const pipes = [stdout, stderr].flatMap(({ pipe }) => pipe ?? [])
      const token = `${name} ${++this.#orders}`
      this.#services.set(token, {
        name,
        leadsGroup: order.session !== false,
        logs: pipes.map(({ log }) => log),
        outputs: pipes.map(({ fd }) => fd),
        pid: null,
        is: 'asked',
        stop: false,
      })
      start({ ...order, token, stdout: stdout.path, stderr: stderr.path })
    } catch (error) {
      this.#say(`couldn't start ${name}: ${(error as Error).message}`)
    }
  }

  #outputOf(name: string, kind: 'out' | 'err', ignored: unknown): Output {
    if (isTrue(ignored)) return { path: null, pipe: null }
    if (this.#log === null) return { path: INHERIT, pipe: null }
    const { read, write } = openPipe()
    const log = new LogLines(read, (line) => this.#log?.write(`${kind}:${name}:${line}\n`))
    return { path: `/proc/self/fd/${write}`, pipe: { log, fd: write } }
  }

  #started(token: string, pid: number): void {
    const service = this.#services.get(token)
    if (service === undefined) return
    service.is = 'started'
    this.#link.say({ status: 'started', name: service.name, pid, exit_status: null })
    if (service.stop) this.#stop(service)
    this.#reap()
  }

  #failed(token: string, error: string): void {
    const service = this.#services.get(token)
    this.#services.delete(token)
    if (service !== undefined) closeOutputs(service)
    if (service?.pid != null) rawStatusOf(service.pid)
    this.#say(`couldn't start ${service?.name}: ${error}`)
  }

  #stopByName(name: string): void {
    const service = [...this.#services.values()].find((other) => other.name === name)
    if (service === undefined) this.#say(`Oops, I don't know about '${name}'`)
    else this.#stop(service)
  }

  #stop(service: Service): void {
    service.stop = true
    if (service.is !== 'started' || service.pid === null) return
    // Not reaped: the number is its own.
    process.kill(service.leadsGroup ? -service.pid : service.pid, 'SIGTERM')
  }

  #reap(): void {
    for (const [token, service] of this.#services) {
      if (service.is !== 'started' || service.pid === null) continue
      const { pid, name, logs } = service
      const status = rawStatusOf(pid)
      if (status === null) continue
      service.pid = null
      const lastWords = new Promise((resolve) => setTimeout(resolve, LAST_WORDS).unref())
      void Promise.race([lastWords, Promise.all(logs.map(({ ended }) => ended))]).then(() => {
        this.#services.delete(token)
        this.#link.say({ status: 'stopped', name, pid, exit_status: status })
        if (this.#ending) this.#endWhenAlone(0)
      })
    }
  }

  #endWhenAlone(code: number): void {
    if (this.#services.size > 0) return
    const written = (): void => this.#link.end(() => process.exit(code))
    if (this.#log === null) written()
    else this.#log.write('', written)
  }

  #say(text: string): void {
    for (const line of text.split('\n')) this.#log?.write(`err:${OWN_NAME}:${line}\n`)
  }
}

/** Else the next service would hold them open, too. */
function closeOutputs(service: Service): void {
  for (const fd of service.outputs) closeFd(fd)
  service.outputs = []
}

interface Output {
  readonly path: string | null
  readonly pipe: { readonly log: LogLines; readonly fd: number } | null
}
