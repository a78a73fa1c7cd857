// A directory with a config and small programs, the command line to drive it, and the proof that nothing is left behind.
import { type ChildProcess, spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
import {
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  realpathSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { expect, onTestFinished } from 'vitest'
import type { JournalEntry } from '../../../src/supervisor/engine-api.ts'
import type { ServiceReport, StatusReport, WorkerReport } from '../../../src/supervisor/status-report.ts'
import { waitFor } from './wait-for.ts'

export const CLI = resolve(import.meta.dirname, '../../../dist/cli.cjs')
export const PROGRAMS = resolve(import.meta.dirname, '../programs')

export interface RunResult {
  readonly code: number | null
  readonly out: string
  readonly err: string
  /** Both, in no particular order. */
  readonly all: string
  readonly millis: number
}

export interface RunOptions {
  readonly cwd?: string
  readonly env?: Record<string, string | undefined>
  readonly input?: string
  /** Fails the test when the command takes longer. Default 30 s. */
  readonly timeout?: number
}

export class Scene {
  readonly dir: string
  /** In the environment of everything that the scene starts, grandchildren included. */
  private readonly mark: string
  private readonly children = new Set<ChildProcess>()
  private readonly logLinesSeen = new Map<string, number>()
  private readonly closers: (() => void)[] = []

  constructor() {
    this.dir = realpathSync(mkdtempSync(join(tmpdir(), 'holdfast-e2e-')))
    this.mark = `E2E_SCENE=${this.dir}`
  }

  get config(): string {
    return join(this.dir, 'holdfast.json')
  }

  get runtimeDir(): string {
    return join(this.dir, 'run')
  }

  path(name: string): string {
    return join(this.dir, name)
  }

  write(name: string, text: string, mode = 0o644): string {
    writeFileSync(this.path(name), text, { mode })
    return this.path(name)
  }

  read(name: string): string {
    return existsSync(this.path(name)) ? readFileSync(this.path(name), 'utf8') : ''
  }

  exists(name: string): boolean {
    return existsSync(this.path(name))
  }

  /** A JSON config with its own runtime directory; `defaults` waits for nothing but the spawn unless told otherwise. */
  configure(config: Record<string, unknown>): void {
    this.write(
      'holdfast.json',
      JSON.stringify({ name: 'scene', runtimeDir: 'run', defaults: { ready: { delay: 0 } }, ...config }),
    )
  }

  /** Runs the command line to its end. */
  run(args: readonly string[], options: RunOptions = {}): Promise<RunResult> {
    return this.runFile(process.execPath, [CLI, ...args], options)
  }

  /** Any program, to its end. */
  runFile(file: string, args: readonly string[], options: RunOptions = {}): Promise<RunResult> {
    const started = performance.now()
    const child = this.launch(file, args, options)
    return new Promise((resolve, reject) => {
      let out = ''
      let err = ''
      child.stdout?.on('data', (chunk) => (out += chunk))
      child.stderr?.on('data', (chunk) => (err += chunk))
      // Who does not read its input may be gone before it is written.
      child.stdin?.on('error', () => {})
      child.stdin?.end(options.input)
      const timer = setTimeout(() => {
        child.kill('SIGKILL')
        reject(new Error(`${file} ${args.join(' ')} did not end; so far:\n${out}${err}`))
      }, options.timeout ?? 30_000)
      child.on('close', (code) => {
        clearTimeout(timer)
        resolve({ code, out, err, all: out + err, millis: performance.now() - started })
      })
    })
  }

  /** The same with this scene's config. */
  holdfast(...args: string[]): Promise<RunResult> {
    return this.run(['-c', this.config, ...args])
  }

  /** Starts the command line and leaves it running; the scene ends it if the test does not. */
  start(args: readonly string[], options: RunOptions = {}): ChildProcess {
    return this.launch(process.execPath, [CLI, ...args], options)
  }

  /** The same with any program. */
  launch(file: string, args: readonly string[], options: RunOptions = {}): ChildProcess {
    const child = spawn(file, args, {
      cwd: options.cwd ?? this.dir,
      env: { ...cleanEnvironment(), E2E_SCENE: this.dir, ...options.env },
      stdio: ['pipe', 'pipe', 'pipe'],
    })
    this.children.add(child)
    child.on('close', () => this.children.delete(child))
    return child
  }

  /** `up --detach`, which must succeed. */
  async up(...args: string[]): Promise<RunResult> {
    const result = await this.holdfast('up', '--detach', ...args)
    expect(result.code, result.all).toBe(0)
    return result
  }

  async down(): Promise<RunResult> {
    return this.holdfast('down')
  }

  async status(...targets: string[]): Promise<StatusReport> {
    const { out, all } = await this.holdfast('status', '--json', ...targets)
    expect(out, all).toMatch(/^\{/)
    return JSON.parse(out)
  }

  async service(name: string): Promise<ServiceReport> {
    const found = (await this.status()).services.find((service) => service.name === name)
    if (found === undefined) throw new Error(`no service ${name} in status`)
    return found
  }

  /** Waits until these services are in these states. */
  async sees(states: Record<string, string>): Promise<void> {
    let seen: Record<string, string> = {}
    const look = async (): Promise<boolean> => {
      if (!this.isUp()) return false
      const services = (await this.status()).services.filter(({ name }) => name in states)
      seen = Object.fromEntries(services.map(({ name, state }) => [name, state]))
      return Object.entries(states).every(([name, state]) => seen[name] === state)
    }
    await waitFor(look, { orElse: 'continue' })
    expect(seen).toEqual(states)
  }

  /** `web/0` */
  async worker(id: string): Promise<WorkerReport> {
    const found = (await this.service(id.split('/')[0] ?? '')).workers.find((worker) => worker.id === id)
    if (found === undefined) throw new Error(`no worker ${id} in status`)
    return found
  }

  /** The real port of a socket. */
  async port(socket: string): Promise<number> {
    const listen = (await this.status()).sockets.find(({ name }) => name === socket)?.listen ?? ''
    return Number(/:(\d+)$/.exec(listen)?.[1])
  }

  async events(): Promise<JournalEntry[]> {
    const { out } = await this.holdfast('events', '--json')
    return out
      .split('\n')
      .filter((line) => line.startsWith('{'))
      .map((line) => JSON.parse(line))
  }

  /** Waits until the supervisor's own log has one more line that matches. */
  async logSays(pattern: RegExp): Promise<void> {
    const lines = () =>
      this.read('log/holdfast.log')
        .split('\n')
        .filter((line) => pattern.test(line)).length
    await waitFor(() => lines() > (this.logLinesSeen.get(pattern.source) ?? 0), { what: `${pattern} in holdfast.log` })
    this.logLinesSeen.set(pattern.source, lines())
  }

  supervisorPid(): number {
    return JSON.parse(readFileSync(this.pointer, 'utf8')).pid
  }

  /** Whether a supervisor has left its pointer. */
  isUp(): boolean {
    return existsSync(this.pointer)
  }

  get pointer(): string {
    return pointerOf(this.config)
  }

  /** Processes of this scene that are alive, with their command lines. One that overwrites its environment is known by its directory. */
  processes(): { pid: number; command: string }[] {
    return readdirSync('/proc')
      .filter((name) => /^\d+$/.test(name))
      .flatMap((name) => {
        const environment = readProc(name, 'environ')
        if (!environment.split('\0').includes(this.mark) && !this.isDirectoryOf(name)) return []
        return [{ pid: Number(name), command: readProc(name, 'cmdline').replaceAll('\0', ' ').trim() }]
      })
  }

  private isDirectoryOf(pid: string): boolean {
    try {
      const directory = readlinkSync(`/proc/${pid}/cwd`)
      return directory === this.dir || directory.startsWith(`${this.dir}/`)
    } catch {
      return false
    }
  }

  /** Its supervisors' directories in /dev/shm. */
  private sharedMemory(): string[] {
    return readdirSync('/dev/shm')
      .filter((name) => name.startsWith('holdfast-'))
      .filter((name) => readFile(`/dev/shm/${name}/owner.json`).includes(`"runtimeDir":"${this.dir}/`))
  }

  /** Done when everything of the scene has ended, before its directory is removed. The last comes first. */
  beforeRemoval(act: () => void): void {
    this.closers.unshift(act)
  }

  /** Ends the scene: whatever is left is killed, and then named in the failure. */
  async close(): Promise<void> {
    for (const child of this.children) child.kill('SIGTERM')
    // A supervisor that was killed has left its directories to `down`, or to the next `up`.
    const isDown = () => this.processes().length === 0 && this.sharedMemory().length === 0
    if (existsSync(this.pointer) && !isDown()) await this.down().catch(() => {})
    await waitFor(() => this.processes().length === 0, { within: 5_000, orElse: 'continue' })
    const left = this.processes()
    for (const { pid } of left) process.kill(pid, 'SIGKILL')
    const files = existsSync(this.runtimeDir)
      ? readdirSync(this.runtimeDir).filter((name) => name !== 'lock' && name !== 'config.json')
      : []
    const sharedMemory = this.sharedMemory()
    for (const act of this.closers) act()
    for (const pointer of [this.pointer, pointerOf(join(this.dir, 'log'))]) rmSync(pointer, { force: true })
    rmSync(this.dir, { recursive: true, force: true })
    expect({ left, files, sharedMemory }).toEqual({ left: [], files: [], sharedMemory: [] })
  }
}

function pointerOf(path: string): string {
  const uid = process.getuid?.()
  const base = uid === 0 ? '/run/holdfast' : (process.env.XDG_RUNTIME_DIR ?? `/tmp/holdfast-${uid}`)
  return join(base, 'by-config', createHash('sha256').update(path).digest('hex'))
}

/** A scene that is closed, and checked, when the test is over. */
export function newScene(): Scene {
  const scene = new Scene()
  onTestFinished(() => scene.close(), 30_000)
  return scene
}

/** What a test machine's environment adds must not change what is tested. */
function cleanEnvironment(): Record<string, string | undefined> {
  const kept = Object.entries(process.env).filter(
    ([name]) =>
      !/^(NODE_|npm_|VITEST|HOLDFAST|LISTEN_|NOTIFY_|SERVER_STARTER|XDG_RUNTIME_DIR|NO_COLOR|FORCE_COLOR)/.test(name),
  )
  return { ...Object.fromEntries(kept), XDG_RUNTIME_DIR: process.env.XDG_RUNTIME_DIR }
}

function readProc(pid: string, file: string): string {
  return readFile(`/proc/${pid}/${file}`)
}

function readFile(path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return ''
  }
}
