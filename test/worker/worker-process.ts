// Starts real Node worker programs the way the supervisor does: sockets, notification and command FIFOs, heartbeat slot.
import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { closeSync, constants, mkdtempSync, openSync, readSync, rmSync, writeFileSync, writeSync } from 'node:fs'
import { Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { buildSync } from 'esbuild'
import { vi } from 'vitest'
import { type ListenAddress, type Listener, openListener } from '../../src/os/listen.ts'
import { type CommandMessage, formatCommandMessage } from '../../src/wire/command-messages.ts'
import { type HeartbeatSlot, readSlot, SLOT_BYTES } from '../../src/wire/heartbeat-slot.ts'

/** Another Node to run the workers with, for the test matrix. */
const node = process.env.HOLDFAST_TEST_NODE ?? process.execPath
const patience = 10_000
// A worker that does not do what it should is told apart from a test that is slow: longer than `patience`.
vi.setConfig({ testTimeout: 20_000, hookTimeout: 20_000 })

/** A directory with the SDK built as an ES module and as CommonJS, where worker programs can be put. */
export class Workshop {
  readonly directory = mkdtempSync(join(tmpdir(), 'holdfast-worker-'))
  readonly #workers: WorkerProcess[] = []
  readonly #listeners: Listener[] = []
  #programs = 0

  constructor() {
    const root = join(import.meta.dirname, '../..')
    for (const [format, file] of [
      ['esm', 'worker.mjs'],
      ['cjs', 'worker.cjs'],
    ] as const) {
      buildSync({
        absWorkingDir: root,
        entryPoints: ['src/worker/index.ts'],
        outfile: join(this.directory, file),
        bundle: true,
        platform: 'node',
        target: 'node20.19',
        format,
      })
    }
  }

  /** `source` is an ES module; `worker` is imported already. */
  program(source: string): string {
    const path = join(this.directory, `program-${this.#programs++}.mjs`)
    writeFileSync(path, `import { worker } from './worker.mjs'\n${source}`)
    return path
  }

  start(options: WorkerOptions): WorkerProcess {
    const worker = new WorkerProcess(this.directory, this.#workers.length, options)
    this.#workers.push(worker)
    return worker
  }

  /** A socket on a free port of 127.0.0.1 that this process never accepts from, as the supervisor holds it. */
  socket(family: 'tcp4' | 'udp4' = 'tcp4', backlog = 1024): { fd: number; port: number } {
    const listener = this.#listen({ family, host: '127.0.0.1', port: 0 }, backlog)
    return { fd: listener.fd, port: 'port' in listener.address ? listener.address.port : 0 }
  }

  unixSocket(): { fd: number; path: string } {
    const path = join(this.directory, `socket-${this.#listeners.length}`)
    return { fd: this.#listen({ family: 'unix', path }, 1024).fd, path }
  }

  #listen(listen: ListenAddress, backlog: number): Listener {
    const how = { mode: null, user: null, group: null, nonblocking: false, v6only: true }
    const listener = openListener({ listen, backlog, ...how })
    this.#listeners.push(listener)
    return listener
  }

  async close(): Promise<void> {
    for (const worker of this.#workers) await worker.kill()
    for (const { fd } of this.#listeners.splice(0)) closeSync(fd)
    rmSync(this.directory, { recursive: true, force: true })
  }
}

export interface WorkerOptions {
  /** Path of a Node program, or a whole command. */
  readonly program: string | readonly string[]
  /** Name to fd. */
  readonly sockets?: Readonly<Record<string, number>>
  readonly env?: Readonly<Record<string, string>>
  /** false: a program outside Holdfast. */
  readonly supervised?: boolean
  /** Give the environment, but not the descriptors that it names. */
  readonly closeDescriptors?: boolean
  /** Do not read notifications before `listenToNotifications`. */
  readonly deaf?: boolean
}

export interface Exit {
  readonly code: number | null
  readonly signal: string | null
}

export class WorkerProcess {
  readonly child: ChildProcess
  /** Lines of sd_notify text so far. */
  readonly notifications: string[] = []
  readonly output: string[] = []
  readonly exited: Promise<Exit>
  readonly #notifyFd: number
  #notifyReader: Socket | null = null
  readonly #commandFd: number
  readonly #slotFd: number
  readonly #slotOffset = SLOT_BYTES
  #wake: () => void = () => {}

  constructor(directory: string, index: number, options: WorkerOptions) {
    const { supervised = true, sockets = {}, closeDescriptors = false } = options
    const [notify, command, slots] = ['notify', 'command', 'slots'].map((name) =>
      join(directory, `${index}-${name}`),
    ) as [string, string, string]
    execFileSync('mkfifo', [notify, command])
    writeFileSync(slots, Buffer.alloc(SLOT_BYTES * 2))
    const readWrite = constants.O_RDWR | constants.O_NONBLOCK
    this.#commandFd = openSync(command, readWrite)
    this.#slotFd = openSync(slots, 'r')
    this.#notifyFd = openSync(notify, readWrite)
    if (!options.deaf) this.listenToNotifications()

    const given = [...Object.values(sockets), openSync(notify, constants.O_RDWR), openSync(command, constants.O_RDWR)]
    const names = Object.keys(sockets)
    const env: Record<string, string> = { PATH: process.env.PATH ?? '' }
    if (supervised) {
      Object.assign(env, {
        HOLDFAST: '1',
        HOLDFAST_SERVICE: 'web',
        HOLDFAST_SLOT: '1',
        HOLDFAST_GENERATION: '7',
        HOLDFAST_ID: `test-${index}`,
        HOLDFAST_NOTIFY_FD: String(3 + names.length),
        HOLDFAST_COMMAND_FD: String(4 + names.length),
        HOLDFAST_HEARTBEAT: `${slots}:${this.#slotOffset}`,
      })
      for (const [at, name] of names.entries()) env[`HOLDFAST_SOCKET_${name.toUpperCase()}`] = String(3 + at)
    }
    const [file = '', ...rest] = typeof options.program === 'string' ? [node, options.program] : options.program
    this.child = spawn(file, rest, {
      env: { ...env, ...options.env },
      stdio: ['ignore', 'pipe', 'pipe', ...(supervised && !closeDescriptors ? given : [])],
    })
    for (const fd of given.slice(names.length)) closeSync(fd)
    for (const stream of [this.child.stdout, this.child.stderr]) {
      if (stream) collectLines(stream, this.output, () => this.#wake())
    }
    this.exited = new Promise((resolve) => {
      this.child.on('close', (code, signal) => {
        resolve({ code, signal })
        this.#wake()
      })
    })
  }

  listenToNotifications(): void {
    this.#notifyReader = new Socket({ fd: this.#notifyFd, readable: true, writable: false })
    collectLines(this.#notifyReader, this.notifications, () => this.#wake())
  }

  get pid(): number {
    return this.child.pid ?? 0
  }

  get slot(): HeartbeatSlot {
    return readSlot(this.slotBytes(), 0)
  }

  slotBytes(): Buffer {
    const bytes = Buffer.alloc(SLOT_BYTES)
    readSync(this.#slotFd, bytes, 0, SLOT_BYTES, this.#slotOffset)
    return bytes
  }

  command(message: CommandMessage): void {
    this.commandText(formatCommandMessage(message))
  }

  commandText(text: string | Buffer): void {
    writeSync(this.#commandFd, typeof text === 'string' ? Buffer.from(text) : text)
  }

  /** Stops it within `millis`. */
  askToStop(reason: string, millis: number): void {
    this.command({ stop: { reason, deadline: new Date(Date.now() + millis).toISOString() } })
  }

  signal(name: NodeJS.Signals): void {
    this.child.kill(name)
  }

  /** Waits until `there` is true; looks again whenever the worker said something, and every 10 ms. */
  async until(what: string, there: () => boolean): Promise<void> {
    const deadline = Date.now() + patience
    while (!there()) {
      if (Date.now() > deadline) {
        throw new Error(`${what}: not within ${patience} ms\n${[...this.notifications, ...this.output].join('\n')}`)
      }
      await new Promise<void>((resolve) => {
        this.#wake = resolve
        setTimeout(resolve, 10)
      })
    }
  }

  async notified(line: string, times = 1): Promise<void> {
    await this.until(`notification ${line}`, () => this.notifications.filter((own) => own === line).length >= times)
  }

  async printed(line: string): Promise<void> {
    await this.until(`output ${line}`, () => this.output.includes(line))
  }

  async kill(): Promise<void> {
    this.child.kill('SIGKILL')
    await this.exited
    this.#notifyReader?.destroy()
    for (const fd of [this.#commandFd, this.#slotFd]) {
      try {
        closeSync(fd)
      } catch {
        // killed before
      }
    }
  }
}

function collectLines(stream: NodeJS.ReadableStream, lines: string[], onLine: () => void): void {
  createInterface({ input: stream }).on('line', (line) => {
    lines.push(line)
    onLine()
  })
}
