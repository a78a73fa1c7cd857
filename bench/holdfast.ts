// A detached supervisor, driven as a user drives it: through the command line.
import { mkdirSync, writeFileSync } from 'node:fs'
import { connect } from 'node:net'
import { join } from 'node:path'
import type { StatusReport } from '../src/supervisor/status-report.ts'
import type { BenchRun } from './bench-run.ts'
import type { Finished } from './scratch.ts'

export interface UpOptions {
  readonly environment?: Readonly<Record<string, string>>
  /** A config as text instead of an object; it must leave `runtimeDir` and `logDir` out. */
  readonly yaml?: string
}

export class Holdfast {
  readonly name: string
  readonly socket: string
  readonly runtimeDir: string
  /** How long `up --detach` took, in milliseconds. */
  upMillis = 0
  pid = 0
  private readonly run: BenchRun
  private readonly config: string
  private readonly options: UpOptions
  private starting: Promise<Finished> | null = null

  /** Writes the config; `up` starts it. */
  constructor(run: BenchRun, name: string, config: object, options: UpOptions = {}) {
    this.run = run
    this.name = name
    this.options = options
    this.runtimeDir = join(run.scratch.runtimeBase, name)
    this.socket = join(this.runtimeDir, 'holdfast.sock')
    const directory = join(run.scratch.directory, name)
    mkdirSync(directory, { mode: 0o711 })
    const places = { name, runtimeDir: this.runtimeDir, logDir: join(directory, 'log') }
    this.config = join(directory, options.yaml === undefined ? 'holdfast.json' : 'holdfast.yaml')
    const lines = Object.entries(places).map(([key, value]) => `${key}: ${value}\n`)
    writeFileSync(
      this.config,
      options.yaml === undefined ? JSON.stringify({ ...places, ...config }) : lines.join('') + options.yaml,
    )
  }

  /** @throws unless every service came up */
  async up(): Promise<this> {
    this.run.scratch.defer(() => this.down().then(() => {}))
    this.starting = this.command(['up', '--detach'])
    const { code, stderr, millis } = await this.starting
    if (code !== 0) throw new Error(`${this.name}: up failed with ${code}: ${stderr}`)
    this.upMillis = millis
    this.pid = (await this.status()).supervisor.pid
    return this
  }

  /** Returns at once when it is down already. @returns milliseconds */
  async down(): Promise<number> {
    if (this.starting === null) return 0
    await this.starting
    this.starting = null
    const { code, stderr, millis } = await this.command(['down'])
    if (code !== 0) throw new Error(`${this.name}: down failed with ${code}: ${stderr}`)
    return millis
  }

  command(words: readonly string[]): Promise<Finished> {
    const args = [this.run.cli, '-c', this.config, ...words]
    return this.run.scratch.run(process.execPath, args, { env: { ...this.options.environment } })
  }

  /** The words of `holdfast …` for somebody else to run. */
  commandLine(...words: readonly string[]): string[] {
    return [process.execPath, this.run.cli, '-c', this.config, ...words]
  }

  async status(): Promise<StatusReport> {
    return JSON.parse(await statusOverSocket(this.socket)) as StatusReport
  }
}

/** The body of GET /v1/status, without the cost of starting a command. @throws if nobody listens */
export function statusOverSocket(path: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = []
    const socket = connect(path, () =>
      socket.write('GET /v1/status HTTP/1.1\r\nHost: holdfast\r\nConnection: close\r\n\r\n'),
    )
    socket.on('error', reject)
    socket.on('data', (chunk) => chunks.push(chunk))
    socket.on('end', () => {
      const text = Buffer.concat(chunks).toString()
      if (text.startsWith('HTTP/1.1 200')) resolve(text.slice(text.indexOf('\r\n\r\n') + 4))
      else reject(new Error(`status answered ${text.slice(0, 200)}`))
    })
  })
}

/** `count` services that do nothing, ready at once. */
export function idleServices(command: readonly string[], count: number): Record<string, object> {
  return Object.fromEntries(
    Array.from({ length: count }, (_, index) => [`idle-${index}`, { command, ready: { delay: 0 } }]),
  )
}
