// One of the two places of a slot where a process can stand: its FIFOs, and our reading ends of them. A lane belongs to
// one process at a time; FIFOs and fds are kept for the next one.
import { closeSync, writeSync } from 'node:fs'
import type { ServiceSpec } from '../config/effective.ts'
import type { StreamCapture } from '../logs/stream-capture.ts'
import { makeFifo, openFifo, openFifoForChild, readAvailable } from '../os/fifo.ts'
import type { FifoReader } from '../os/fifo-reader.ts'
import type { FifoReaders } from '../os/fifo-readers.ts'
import type { LaneIndex, RuntimePaths } from './runtime-paths.ts'
import type { ServiceOutput } from './service-runtime.ts'

export interface LaneContext {
  readonly paths: RuntimePaths
  readonly readers: FifoReaders
  readonly output: ServiceOutput
  readonly devNull: number
}

const scratch = Buffer.allocUnsafe(16_384)
/** More than a pipe holds. */
const READS_AT_END = 128

/** The fds a new process gets from its lane; ours to close after the spawn, but for those that are not the lane's. */
export interface LaneFds {
  readonly out: number
  readonly err: number
  readonly notify: number
  readonly command: number
  readonly close: () => void
}

export class Lane {
  readonly index: LaneIndex
  readonly worker: string
  private readonly slot: number
  private readonly context: LaneContext
  private out: StreamCapture | null = null
  private err: StreamCapture | null = null
  private notify: FifoReader | null = null
  private commandUsed = false
  /** If somebody removes one, opening it says so, and the launcher makes all of them anew. */
  private readonly made = new Set<string>()
  private onNotify: ((chunk: Buffer) => void) | null = null

  constructor(index: LaneIndex, service: string, slot: number, context: LaneContext) {
    this.index = index
    this.slot = slot
    this.worker = `${service}/${slot}`
    this.context = context
  }

  /** The directory of a service with a user of its own belongs to that user. */
  private get trust(): { trusted: boolean } {
    return { trusted: this.context.output.owner === null }
  }

  get output(): ServiceOutput {
    return this.context.output
  }

  /** Opens what the child will hold. Nothing new is listened to before `letGo`. @throws OsError */
  open(spec: ServiceSpec, onNotify: (chunk: Buffer) => void): LaneFds {
    const mine: number[] = []
    const forChild = (path: string): number => {
      const fd = openFifoForChild(path, this.trust)
      mine.push(fd)
      return fd
    }
    try {
      this.onNotify = onNotify
      const out = this.stream(spec, 'out', forChild)
      const err = this.stream(spec, 'err', forChild)
      const notify = this.listen(spec, forChild)
      const command = this.command(spec, forChild)
      return { out, err, notify, command, close: () => closeAll(mine) }
    } catch (error) {
      closeAll(mine)
      throw error
    }
  }

  /** What is said from now on is for a process that nobody knows yet: it waits until `letGo`. */
  hold(): void {
    for (const end of [this.out, this.err, this.notify]) end?.hold()
  }

  letGo(): void {
    for (const end of [this.out, this.err, this.notify]) end?.letGo()
  }

  /** The process, and which of its fds is the notification FIFO: what it says is to be found there, too. */
  belongsTo(pid: number, notifyFd: number): void {
    this.out?.isAt({ pid, fd: 1 })
    this.err?.isAt({ pid, fd: 2 })
    this.notify?.isAt({ pid, fd: notifyFd })
  }

  /** Everything that its process has said so far is handed on, synchronously. */
  drain(): void {
    this.out?.drain()
    this.err?.drain()
    this.readNotify()
  }

  /** Its process is dead: all output, the unfinished line too. */
  endOfProcess(): void {
    for (let reads = 0; reads < READS_AT_END && this.readNotify() > 0; reads++);
    this.onNotify = null
    this.out?.endOfProcess()
    this.err?.endOfProcess()
  }

  /** Each line of either stream. @returns the unsubscription */
  onLine(listener: (line: string) => void): () => void {
    const removals = [this.out, this.err].map((stream) => stream?.onLine(({ line }) => listener(line)))
    return () => {
      for (const remove of removals) remove?.()
    }
  }

  lastOutput(lines: number): string[] {
    return [...(this.out?.tail(lines) ?? []), ...(this.err?.tail(lines) ?? [])].slice(-lines)
  }

  /** The message lies in the FIFO until the worker reads it; its own end keeps it there. False: nobody will. */
  send(spec: ServiceSpec, text: string): boolean {
    this.commandUsed = true
    let fd: number | null = null
    try {
      fd = openFifo(this.path(spec, 'command'), this.trust)
      writeSync(fd, text)
      return true
    } catch {
      // Full (the worker has not read its commands for a long time), or removed. Signals reach it all the same.
      return false
    } finally {
      if (fd !== null) closeSync(fd)
    }
  }

  close(): void {
    this.out?.close()
    this.err?.close()
    this.notify?.close()
    this.out = null
    this.err = null
    this.notify = null
  }

  private stream(spec: ServiceSpec, kind: 'out' | 'err', forChild: (path: string) => number): number {
    const output = kind === 'out' ? spec.stdout : spec.stderr
    if (output === 'ignore') return this.context.devNull
    if (output === 'inherit') return kind === 'out' ? 1 : 2
    const path = this.fifo(spec, kind)
    this[kind] ??= this.capture(kind, path)
    // The last words of this process, not of the one before it.
    this[kind].keepTail(false)
    this[kind].keepTail(true)
    return forChild(path)
  }

  private capture(kind: 'out' | 'err', path: string): StreamCapture {
    const reader = this.reader(path)
    return this.context.output.log.openStream({ worker: this.worker, stream: kind, reader })
  }

  private reader(path: string): FifoReader {
    const reader = this.context.readers.open(path, this.trust)
    reader.hold()
    return reader
  }

  private listen(spec: ServiceSpec, forChild: (path: string) => number): number {
    const path = this.fifo(spec, 'notify')
    if (this.notify === null) {
      this.notify = this.reader(path)
      this.notify.listen(this)
    } else {
      // What the last process's descendants said since is not the word of this one.
      for (let reads = 0; reads < READS_AT_END && this.notify.read(scratch) > 0; reads++);
    }
    return forChild(path)
  }

  private command(spec: ServiceSpec, forChild: (path: string) => number): number {
    const fd = forChild(this.fifo(spec, 'command'))
    // What the last process left unread is not for this one.
    if (this.commandUsed) {
      const reader = openFifo(this.path(spec, 'command'), this.trust)
      while (readAvailable(reader, scratch) > 0);
      closeSync(reader)
      this.commandUsed = false
    }
    return fd
  }

  /** For the reader of notifications alone. One reading a wake-up: a worker that floods its channel gets its turn like everybody else. */
  onReadable(): void {
    this.readNotify()
  }

  private readNotify(): number {
    const length = this.notify?.read(scratch) ?? 0
    if (length > 0) this.onNotify?.(scratch.subarray(0, length))
    return length
  }

  private fifo(spec: ServiceSpec, end: 'out' | 'err' | 'notify' | 'command'): string {
    const path = this.path(spec, end)
    if (this.made.has(end)) return path
    this.made.add(end)
    const { owner } = this.context.output
    makeFifo(path, { mode: 0o600, uid: owner?.uid ?? null, gid: owner?.gid ?? null })
    return path
  }

  private path(spec: ServiceSpec, end: 'out' | 'err' | 'notify' | 'command'): string {
    return this.context.paths.fifo(spec.name, this.slot, this.index, end)
  }
}

function closeAll(fds: readonly number[]): void {
  for (const fd of fds) closeSync(fd)
}
