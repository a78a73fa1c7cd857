// One of the two places of a slot where a process can stand: its FIFOs, and our reading ends of them. A lane belongs to
// one process at a time; FIFOs and fds are kept for the next one.
import { closeSync, writeSync } from 'node:fs'
import type { OutputSpec, ServiceSpec } from '../config/effective.ts'
import type { StreamCapture } from '../logs/stream-capture.ts'
import {
  makeFifo,
  type OpenFifoOptions,
  openFifo,
  openFifoForChild,
  openFifoForReading,
  readAvailable,
} from '../os/fifo.ts'
import type { FifoPlaces, FifoReader } from '../os/fifo-reader.ts'
import type { FifoReaders } from '../os/fifo-readers.ts'
import { instanceOf, workerName } from './forkserver-name.ts'
import type { FifoEnd, LaneIndex, RuntimePaths } from './runtime-paths.ts'
import type { ServiceOutput } from './service-runtime.ts'

export interface LaneContext {
  readonly paths: RuntimePaths
  readonly readers: FifoReaders
  readonly output: ServiceOutput
  readonly devNull: number
  /** A forkserver is to hear of our death, and end. */
  readonly endsForkservers: boolean
}

const scratch = Buffer.allocUnsafe(16_384)
/** More than a pipe holds. */
const READS_AT_END = 128

/** Where a process that is forked elsewhere finds them. Null: /dev/null. */
export interface LanePlaces {
  readonly stdout: string | null
  readonly stderr: string | null
  readonly notify: string
  readonly commands: string
}

/** The fds a new process gets from its lane; ours to close after the spawn, but for those that are not the lane's. */
export interface LaneFds {
  readonly out: number
  readonly err: number
  readonly notify: number
  readonly command: number
  readonly close: () => void
}

/** As `trusted` of openFifo. Kept by every reader: one object for all. */
const TRUSTED = { trusted: true }
const UNTRUSTED = { trusted: false }

export class Lane implements FifoPlaces<FifoEnd> {
  readonly index: LaneIndex
  readonly worker: string
  private readonly service: string
  private readonly slot: number
  private readonly context: LaneContext
  private out: StreamCapture | null = null
  private err: StreamCapture | null = null
  private notify: FifoReader | null = null
  private log: FifoReader | null = null
  /** Bytes read, 0: there is nothing. */
  private readLog: (() => number) | null = null
  private writer: number | null = null
  private notifyFdOfWriter: number | null = null
  private commandUsed = false
  /** If somebody removes one, opening it says so, and the launcher makes all of them anew. */
  private readonly made = new Set<string>()
  private onNotify: ((chunk: Buffer) => void) | null = null
  /** The only writing end of the commands: its process hears of our death. */
  private commandWriter: number | null = null

  constructor(index: LaneIndex, service: string, slot: number, context: LaneContext) {
    this.index = index
    this.service = service
    this.slot = slot
    this.worker = workerName(service, slot)
    this.context = context
  }

  /** The directory of a service with a user of its own belongs to that user. */
  get options(): OpenFifoOptions {
    return this.context.output.owner === null ? TRUSTED : UNTRUSTED
  }

  get output(): ServiceOutput {
    return this.context.output
  }

  /** Opens what the child will hold. Nothing new is listened to before `letGo`. @throws OsError */
  open(spec: ServiceSpec, onNotify: (chunk: Buffer) => void): LaneFds {
    const mine: number[] = []
    const forChild = (path: string, openEnd = openFifoForChild): number => {
      const fd = openEnd(path, this.options)
      mine.push(fd)
      return fd
    }
    try {
      this.onNotify = onNotify
      const out = this.stream(spec, 'out', forChild)
      const err = this.stream(spec, 'err', forChild)
      const notify = this.listen(forChild)
      const command = this.command(forChild)
      return { out, err, notify, command, close: () => closeAll(mine) }
    } catch (error) {
      closeAll(mine)
      throw error
    }
  }

  /** For a process that opens its ends itself. @throws OsError */
  openByPath(spec: ServiceSpec, onNotify: (chunk: Buffer) => void): LanePlaces {
    const nobody = (): number => -1
    this.onNotify = onNotify
    this.stream(spec, 'out', nobody)
    this.stream(spec, 'err', nobody)
    this.listen(nobody)
    this.command(nobody)
    const place = (kind: 'out' | 'err', output: OutputSpec): string | null => {
      if (output === 'ignore') return null
      // Ours, not that of the process that forks it.
      return output === 'inherit' ? `/proc/${process.pid}/fd/${kind === 'out' ? 1 : 2}` : this.path(kind)
    }
    return {
      stdout: place('out', spec.stdout),
      stderr: place('err', spec.stderr),
      notify: this.path('notify'),
      commands: this.path('command'),
    }
  }

  /** For the lane of a proxy: its end of a FIFO that is read here, too. @throws OsError */
  openLog(onLog: (chunk: Buffer) => void): { readonly fd: number; readonly close: () => void } {
    const fd = openFifoForChild(this.fifo('log'), this.options)
    this.log ??= this.reader('log')
    const read = (): number => {
      const length = this.log?.read(scratch) ?? 0
      if (length > 0) onLog(scratch.subarray(0, length))
      return length
    }
    this.readLog = read
    this.log.listen({ onReadable: () => void read() })
    this.log.letGo()
    return { fd, close: () => closeSync(fd) }
  }

  /** What its proxy has written so far of its workers is handed on. */
  drainLog(): void {
    for (let reads = 0; reads < READS_AT_END && (this.readLog?.() ?? 0) > 0; reads++);
  }

  /** What is said from now on is for a process that nobody knows yet: it waits until `letGo`. */
  hold(): void {
    for (const end of [this.out, this.err, this.notify]) end?.hold()
  }

  letGo(): void {
    for (const end of [this.out, this.err, this.notify]) end?.letGo()
  }

  /** The process, and which of its fds is the notification FIFO, where that is known: what it says is to be found there, too. */
  belongsTo(pid: number, notifyFd: number | null): void {
    this.writer = pid
    this.notifyFdOfWriter = notifyFd
  }

  linkAtWriter(end: FifoEnd): string | null {
    const fd = end === 'out' ? 1 : end === 'err' ? 2 : this.notifyFdOfWriter
    return this.writer === null || fd === null ? null : `/proc/${this.writer}/fd/${fd}`
  }

  path(end: FifoEnd): string {
    return this.context.paths.fifo(this.service, this.slot, this.index, end)
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
    this.drainLog()
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
  send(text: string): boolean {
    this.commandUsed = true
    let fd: number | null = null
    try {
      fd = openFifo(this.path('command'), this.options)
      writeSync(fd, text)
      return true
    } catch {
      // Full (the worker has not read its commands for a long time), or removed. Signals reach it all the same.
      return false
    } finally {
      if (fd !== null) closeSync(fd)
    }
  }

  /** For somebody who tells the worker something when we may be dead. @throws OsError */
  openCommands(): { readonly fd: number; readonly close: () => void } {
    this.commandUsed = true
    const fd = openFifo(this.path('command'), this.options)
    return { fd, close: () => closeSync(fd) }
  }

  close(): void {
    this.out?.close()
    this.err?.close()
    this.notify?.close()
    this.log?.close()
    this.log = null
    this.readLog = null
    this.out = null
    this.err = null
    this.notify = null
    if (this.commandWriter !== null) closeSync(this.commandWriter)
    this.commandWriter = null
  }

  private stream(spec: ServiceSpec, kind: 'out' | 'err', forChild: (path: string) => number): number {
    const output = kind === 'out' ? spec.stdout : spec.stderr
    if (output === 'ignore') return this.context.devNull
    if (output === 'inherit') return kind === 'out' ? 1 : 2
    const path = this.fifo(kind)
    this[kind] ??= this.capture(kind)
    // The last words of this process, not of the one before it.
    this[kind].keepTail(false)
    this[kind].keepTail(true)
    return forChild(path)
  }

  private capture(kind: 'out' | 'err'): StreamCapture {
    const reader = this.reader(kind)
    return this.context.output.log.openStream({ worker: this.worker, stream: kind, reader })
  }

  private reader(end: FifoEnd): FifoReader {
    const reader = this.context.readers.open<FifoEnd>(this, end)
    reader.hold()
    return reader
  }

  private listen(forChild: (path: string) => number): number {
    const path = this.fifo('notify')
    if (this.notify === null) {
      this.notify = this.reader('notify')
      this.notify.listen(this)
    } else {
      // What the last process's descendants said since is not the word of this one.
      for (let reads = 0; reads < READS_AT_END && this.notify.read(scratch) > 0; reads++);
    }
    return forChild(path)
  }

  private command(forChild: (path: string, openEnd?: typeof openFifoForChild) => number): number {
    const path = this.fifo('command')
    if (this.context.endsForkservers && instanceOf(this.service) !== null) {
      this.commandWriter ??= openFifo(path, this.options)
      return forChild(path, openFifoForReading)
    }
    const fd = forChild(path)
    // What the last process left unread is not for this one.
    if (this.commandUsed) {
      const reader = openFifo(this.path('command'), this.options)
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

  private fifo(end: FifoEnd): string {
    const path = this.path(end)
    if (this.made.has(end)) return path
    this.made.add(end)
    const { owner } = this.context.output
    makeFifo(path, { mode: 0o600, uid: owner?.uid ?? null, gid: owner?.gid ?? null })
    return path
  }
}

function closeAll(fds: readonly number[]): void {
  for (const fd of fds) closeSync(fd)
}
