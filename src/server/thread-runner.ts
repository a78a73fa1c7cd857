// Workers of type `thread`: the same program as in a process, in a thread of the server.
import { resolve } from 'node:path'
import { MessageChannel, receiveMessageOnPort, Worker } from 'node:worker_threads'
import type {
  InProcessEars,
  InProcessOrder,
  InProcessRunner,
  InProcessWorker,
  OutputInlet,
} from '../supervisor/in-process-worker.ts'
import { type CommandMessage, formatCommandMessage } from '../wire/command-messages.ts'
import { THREAD_GIFT, type ThreadGift, type ThreadSignal } from '../wire/thread-gift.ts'
import type { DumpableThread } from './thread-dump.ts'

/** What a thread runs, as on the command line of a process. */
export interface ThreadProgram {
  readonly file: string
  readonly args: readonly string[]
}

export class ThreadRunner implements InProcessRunner {
  readonly most = null
  private readonly program: ThreadProgram
  private readonly running = new Set<WorkerThread>()

  constructor(program: ThreadProgram) {
    this.program = program
  }

  start(order: InProcessOrder, ears: InProcessEars): InProcessWorker {
    const thread = new WorkerThread(this.program, order, ears, () => this.running.delete(thread))
    this.running.add(thread)
    return thread
  }

  get threads(): DumpableThread[] {
    return [...this.running].map(({ threadId, worker }) => ({ threadId, worker }))
  }
}

class WorkerThread implements InProcessWorker {
  readonly worker: string
  private readonly thread: Worker
  private readonly onEnd: () => void
  private readonly port: ThreadGift['port']
  private readonly ears: InProcessEars
  private readonly err: OutputInlet
  private killed = false

  constructor({ file, args }: ThreadProgram, order: InProcessOrder, ears: InProcessEars, onEnd: () => void) {
    const { sockets, taken, heartbeat } = order
    const { port1, port2 } = new MessageChannel()
    const gift: ThreadGift = { port: port2, heartbeat, sockets, taken }
    this.worker = order.worker
    this.onEnd = onEnd
    this.port = port1
    this.ears = ears
    this.err = order.err
    this.thread = new Worker(resolve(file), {
      argv: [...args],
      env: { ...order.environment },
      name: order.worker,
      stdout: true,
      stderr: true,
      workerData: { [THREAD_GIFT]: gift },
      transferList: [port2],
    })
    port1.on('message', (message: unknown) => this.hear(message))
    pour(this.thread.stdout, order.out)
    pour(this.thread.stderr, order.err)
    // What it did not catch, and what kept it from starting; 'exit' follows.
    this.thread.on('error', (error) => this.err.push(Buffer.from(`${textOf(error)}\n`)))
    this.thread.on('exit', (code) => this.ended(code))
  }

  get threadId(): number {
    return this.thread.threadId
  }

  tell(message: CommandMessage): void {
    this.port.postMessage(formatCommandMessage(message))
  }

  signal(name: string): void {
    if (name !== 'KILL') return this.port.postMessage({ signal: name } satisfies ThreadSignal)
    this.killed = true
    // Also in the middle of a loop that never ends; not in the middle of a call into the system.
    void this.thread.terminate()
  }

  private ended(code: number): void {
    this.onEnd()
    // What it had said before its end has arrived, but nobody was told of it yet.
    for (;;) {
      const last = receiveMessageOnPort(this.port)
      if (last === undefined) break
      this.hear(last.message)
    }
    this.port.close()
    for (const stream of [this.thread.stdout, this.thread.stderr]) while (stream.read() !== null);
    this.ears.ended(this.killed ? { code: null, signal: 'SIGKILL' } : { code, signal: null })
  }

  private hear(message: unknown): void {
    if (typeof message === 'string') this.ears.said(message)
  }
}

/** While the log does not take it the thread's own stream fills, and the thread is told to wait. */
function pour(from: NodeJS.ReadableStream, to: OutputInlet): void {
  from.on('data', (chunk: Buffer) => {
    if (to.push(chunk)) return
    from.pause()
    to.onRoom(() => from.resume())
  })
}

function textOf(error: unknown): string {
  return error instanceof Error ? (error.stack ?? error.message) : `thrown: ${String(error)}`
}
