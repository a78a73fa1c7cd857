// A server made with the library, driven as a user drives it: by its commands.
import { join } from 'node:path'
import type { StatusReport } from '../src/supervisor/status-report.ts'
import type { BenchRun } from './bench-run.ts'
import { statusOverSocket } from './holdfast.ts'
import type { Finished } from './scratch.ts'

/** Options of `defineServer` as JSON, and what a worker does: see bench/programs/library.mjs. */
export interface ServerProgram {
  readonly act?: 'idle' | 'beacon' | 'promoted' | 'hello'
  readonly fifo?: string
  readonly tag?: number
  readonly [option: string]: unknown
}

export class LibraryServer {
  readonly name: string
  pid = 0
  private readonly run: BenchRun
  private readonly program: ServerProgram
  private readonly runtimeDir: string
  private starting: Promise<Finished> | null = null

  constructor(run: BenchRun, name: string, program: ServerProgram) {
    this.run = run
    this.name = name
    this.runtimeDir = join(run.scratch.runtimeBase, name)
    const logDir = join(run.scratch.makeDirectory(name), 'log')
    this.program = { name, runtimeDir: this.runtimeDir, logDir, ...program }
  }

  /** @throws unless every worker came up */
  async start(): Promise<this> {
    this.run.scratch.defer(() => this.stop())
    this.starting = this.command('start')
    await this.starting
    this.pid = (await this.status()).supervisor.pid
    return this
  }

  async stop(): Promise<void> {
    if (this.starting === null) return
    await this.starting.catch(() => {})
    this.starting = null
    await this.command('stop')
  }

  /** Of the supervisor above it, where there is one. */
  async status(): Promise<StatusReport> {
    return JSON.parse(await statusOverSocket(join(this.runtimeDir, 'holdfast.sock'))) as StatusReport
  }

  private async command(word: string): Promise<Finished> {
    const { root, scratch } = this.run
    const file = join(root, 'bench/programs/library.mjs')
    const env = { BENCH_SERVER: JSON.stringify(this.program) }
    const finished = await scratch.run(process.execPath, [file, word], { env })
    const { code, stdout, stderr } = finished
    if (code !== 0) throw new Error(`${this.name}: ${word} failed with ${code}: ${stdout}${stderr}`)
    return finished
  }
}
