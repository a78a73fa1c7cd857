// The output of a worker inside our process, on its way into the log of its service. As with FIFOs a lane belongs to one worker
// at a time, and is kept for the next one: what a full disk does not take now is not lost with the worker.
import type { OutputSpec, ServiceSpec } from '../config/effective.ts'
import type { LogStream } from '../logs/log-line.ts'
import { PushedBytes } from '../logs/pushed-bytes.ts'
import type { StreamCapture } from '../logs/stream-capture.ts'
import type { OutputInlet } from './in-process-worker.ts'
import type { LaneIndex } from './runtime-paths.ts'
import type { ServiceOutput } from './service-runtime.ts'
import type { WorkerLane } from './worker-lane.ts'

export class InProcessLane implements WorkerLane {
  readonly index: LaneIndex
  readonly out: OutputInlet
  readonly err: OutputInlet
  /** Of the streams that are captured. */
  private readonly captures: StreamCapture[] = []

  constructor(index: LaneIndex, worker: string, spec: ServiceSpec, { log }: ServiceOutput) {
    this.index = index
    const inlet = (stream: LogStream, to: OutputSpec): OutputInlet => {
      if (to === 'ignore') return nowhere
      if (to === 'inherit') return stream === 'out' ? inherited(process.stdout) : inherited(process.stderr)
      const bytes = new PushedBytes()
      this.captures.push(log.openStream({ worker, stream, reader: bytes }))
      return bytes
    }
    this.out = inlet('out', spec.stdout)
    this.err = inlet('err', spec.stderr)
  }

  /** Another worker's from now on. */
  begin(): void {
    for (const capture of this.captures) {
      capture.keepTail(false)
      capture.keepTail(true)
    }
  }

  drain(): void {
    for (const capture of this.captures) capture.drain()
  }

  endOfProcess(): void {
    for (const capture of this.captures) capture.endOfProcess()
  }

  onLine(listener: (line: string) => void): () => void {
    const removals = this.captures.map((capture) => capture.onLine(({ line }) => listener(line)))
    return () => {
      for (const remove of removals) remove()
    }
  }

  lastOutput(lines: number): string[] {
    return this.captures.flatMap((capture) => capture.tail(lines)).slice(-lines)
  }

  /** Messages go another way. */
  send(): boolean {
    return false
  }

  openCommands(): never {
    throw new Error('a worker inside the process has no command FIFO (bug: the options were checked)')
  }
}

const nowhere: OutputInlet = { push: () => true, onRoom: (act) => act() }

function inherited(stream: NodeJS.WritableStream): OutputInlet {
  return { push: (chunk) => stream.write(chunk), onRoom: (act) => void stream.once('drain', act) }
}
