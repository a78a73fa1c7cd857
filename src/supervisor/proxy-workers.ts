// Workers of a forkserver of somebody's own, which may be a proxy of ControlFreak: those are its children, so that it tells of their
// ends, and what they write comes through it. They may have no way to say that they are ready.
import { writeSync } from 'node:fs'
import { startTimeOf } from '../os/process-identity.ts'
import { decodeWaitStatus, type WaitStatus } from '../os/reap.ts'
import { LineFrames } from '../wire/line-frames.ts'
import { type ProxyLogLine, parseProxyLogLine } from '../wire/proxy-messages.ts'
import { holdsOpen } from './fifo-holders.ts'
import { ForkChannel } from './fork-channel.ts'
import type { Lane } from './lane.ts'
import type { RunningProcess } from './service-runtime.ts'

/** Milliseconds, ControlFreak's `startwait_secs`: who lives so long is up. */
const START_WAIT = 1_000
/** Nobody knows how it ended. */
const UNKNOWN_END = { code: 255, signal: null }
const LONGEST_LINE = 1_048_576
/** Lines of workers that nobody has heard of yet. */
const MOST_EARLY = 1_000

export interface ProxyWorkersContext {
  readonly onReady: (process: RunningProcess) => void
  readonly onExit: (process: RunningProcess, status: WaitStatus) => void
  readonly onTrouble: (reason: string) => void
}

interface ProxyWorker {
  readonly process: RunningProcess
  /** Its FIFOs: what is written there goes the way of any worker's output. */
  readonly outlets: Map<'out' | 'err', ForkChannel>
}

export class ProxyWorkers {
  private readonly context: ProxyWorkersContext
  private readonly byName = new Map<string, ProxyWorker>()
  private readonly frames = new LineFrames(LONGEST_LINE)
  private early: (ProxyLogLine & { readonly name: string })[] = []
  private readonly timers = new Set<NodeJS.Timeout>()

  constructor(context: ProxyWorkersContext) {
    this.context = context
  }

  /** It may have been given no way to say that it is ready: then it is up when it has lived for a while. */
  forked(process: RunningProcess): void {
    if (process.spec.ready.by !== 'notify') return
    const timer = setTimeout(() => {
      this.timers.delete(timer)
      const lane = process.lane as Lane
      if (!holdsOpen(process.identity.pid, lane.path('notify'))) this.context.onReady(process)
    }, START_WAIT)
    this.timers.add(timer)
  }

  /** By a proxy, under this name. */
  started(name: string, process: RunningProcess): void {
    this.byName.set(name, { process, outlets: new Map() })
    const early = this.early.filter((line) => line.name === name)
    this.early = this.early.filter((line) => line.name !== name)
    for (const { stream, line } of early) this.writeOf(name, stream, line)
  }

  stopped(name: string, status: number): void {
    const worker = this.byName.get(name)
    if (worker === undefined)
      return this.context.onTrouble(`told of the end of a worker that there is not: ${name.slice(0, 80)}`)
    this.byName.delete(name)
    this.forget(worker)
    this.context.onExit(worker.process, decodeWaitStatus(status))
  }

  /** @param own the lane of the program itself */
  wrote(chunk: Buffer, own: Lane): void {
    for (const text of this.frames.push(chunk)) {
      const said = parseProxyLogLine(text)
      if (said === null) this.context.onTrouble(`wrote what is no line of a log: ${text.slice(0, 200)}`)
      else if (said.name === null) writeTo(own, said.stream, said.line)
      else this.writeOf(said.name, said.stream, said.line)
    }
  }

  /** Of the process of the program. Its workers live on, as children of ours. */
  ended(): void {
    const workers = [...this.byName.values()]
    this.byName.clear()
    this.early = []
    for (const worker of workers) {
      this.forget(worker)
      // The program has waited for it, and died before it could say so.
      if (startTimeOf(worker.process.identity.pid) === null) this.context.onExit(worker.process, UNKNOWN_END)
    }
  }

  close(): void {
    this.ended()
    for (const timer of this.timers) clearTimeout(timer)
    this.timers.clear()
  }

  /** Output and the word of the start come two ways: the first lines may be here before it is known whose they are. */
  private keepEarly(line: ProxyLogLine & { name: string }): void {
    if (this.early.length < MOST_EARLY) this.early.push(line)
    else this.context.onTrouble(`output of a worker that there is not: ${line.name.slice(0, 80)}`)
  }

  private writeOf(name: string, stream: 'out' | 'err', line: string): void {
    const worker = this.byName.get(name)
    if (worker === undefined) return this.keepEarly({ name, stream, line })
    const { outlets, process } = worker
    const output = stream === 'out' ? process.spec.stdout : process.spec.stderr
    // Not every proxy heeds that it is not wanted.
    if (output === 'ignore') return
    try {
      if (output === 'inherit') return void writeSync(stream === 'out' ? 1 : 2, `${line}\n`)
      const lane = process.lane as Lane
      const outlet = outlets.get(stream) ?? new ForkChannel(lane.path(stream), lane.options, { empty: false })
      outlets.set(stream, outlet)
      outlet.send(`${line}\n`)
    } catch (error) {
      this.context.onTrouble(`a line of ${name.slice(0, 80)} is lost: ${String(error)}`)
    }
  }

  private forget({ outlets, process }: ProxyWorker): void {
    process.lane.drain()
    for (const outlet of outlets.values()) outlet.close()
  }
}

function writeTo(lane: Lane, stream: 'out' | 'err', line: string): void {
  const outlet = new ForkChannel(lane.path(stream), lane.options, { empty: false })
  outlet.send(`${line}\n`)
  outlet.close()
}
