// Directories and processes of one run. Everything started here carries a mark in its environment, which its descendants
// inherit; so that in the end, after Ctrl-C too, whatever is left can be found, named and ended.
import { type ChildProcess, type SpawnOptions, spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { accessSync, chmodSync, constants, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'

/** Not HOLDFAST_…: the supervisor keeps those to itself. */
const MARK = 'BENCH_RUN'
const GRACE = 3_000

export interface Finished {
  readonly code: number | null
  readonly stdout: string
  readonly stderr: string
  /** From the spawn to the exit, in milliseconds. */
  readonly millis: number
}

export class Scratch {
  readonly directory: string
  /** Where runtime directories go: on the file system where Holdfast itself would put them. */
  readonly runtimeBase: string
  readonly environment: Readonly<Record<string, string>>
  private readonly mark = `${MARK}=${process.pid}-${randomBytes(6).toString('hex')}`
  private readonly closers: (() => Promise<void> | void)[] = []
  private closing: Promise<readonly number[]> | null = null

  constructor() {
    this.directory = mkdtempSync(join(tmpdir(), 'holdfast-bench-'))
    this.runtimeBase = mkdtempSync(join(runtimeParent(), 'hfbench-'))
    // Services of another user have to get through.
    for (const directory of [this.directory, this.runtimeBase]) chmodSync(directory, 0o711)
    this.environment = cleanEnvironment(this.mark)
  }

  /** Somebody pressed Ctrl-C: what fails from now on fails because of that. */
  get isClosing(): boolean {
    return this.closing !== null
  }

  /** A new directory below the run's own. */
  makeDirectory(name: string): string {
    const path = join(this.directory, name)
    mkdirSync(path, { recursive: true, mode: 0o711 })
    return path
  }

  /** Called at the end of the measurement, last come first served. Throws if the run is ending: whoever wants to start something asks first. */
  defer(closer: () => Promise<void> | void): void {
    if (this.closing !== null) throw new Error('the run is ending')
    this.closers.push(closer)
  }

  spawn(command: string, args: readonly string[], options: SpawnOptions = {}): ChildProcess {
    const child = spawn(command, args, { ...options, env: { ...this.environment, ...options.env } })
    child.on('error', (error) => console.error(`${command}: ${error.message}`))
    return child
  }

  /** Something that serves until the end of the measurement, and is then told to go (TERM). */
  spawnServer(command: string, args: readonly string[], options: SpawnOptions): ChildProcess {
    let child: ChildProcess | null = null
    this.defer(async () => {
      if (child === null || child.exitCode !== null || child.signalCode !== null) return
      const exit = once(child, 'exit')
      child.kill()
      await exit
    })
    child = this.spawn(command, args, options)
    return child
  }

  async run(command: string, args: readonly string[], options: SpawnOptions = {}): Promise<Finished> {
    const began = performance.now()
    const child = this.spawn(command, args, { ...options, stdio: ['ignore', 'pipe', 'pipe'] })
    const output = { stdout: '', stderr: '' }
    for (const name of ['stdout', 'stderr'] as const) {
      child[name]?.setEncoding('utf8').on('data', (text: string) => {
        output[name] += text
      })
    }
    let millis = 0
    child.once('exit', () => {
      millis = performance.now() - began
    })
    const [code] = (await once(child, 'close')) as [number | null]
    return { code, ...output, millis }
  }

  /** Pids of what this run has started, directly or not, and what is still there. */
  leftovers(): number[] {
    return readdirSync('/proc')
      .filter((name) => /^\d+$/.test(name) && isMarked(name, this.mark))
      .map(Number)
  }

  /** Ends and removes everything. @returns what had to be killed because nobody else had ended it */
  close(): Promise<readonly number[]> {
    this.closing ??= this.closeOnce()
    return this.closing
  }

  /** Ends what a measurement has started, so that the next one has the machine to itself. */
  async endMeasurement(): Promise<void> {
    for (let closer = this.closers.pop(); closer !== undefined; closer = this.closers.pop()) {
      try {
        await closer()
      } catch (error) {
        console.error(`at the end: ${error instanceof Error ? error.message : String(error)}`)
      }
    }
  }

  private async closeOnce(): Promise<readonly number[]> {
    await this.endMeasurement()
    // A daemon that was told to end may still be at it.
    const patience = performance.now() + GRACE
    while (this.leftovers().length > 0 && performance.now() < patience) await delay(20)
    const killed = new Set<number>()
    for (let pids = this.leftovers(); pids.length > 0; pids = this.leftovers()) {
      for (const pid of pids) {
        killed.add(pid)
        try {
          process.kill(pid, 'SIGKILL')
        } catch {
          // Gone meanwhile.
        }
      }
      await delay(20)
    }
    for (const directory of [this.directory, this.runtimeBase]) rmSync(directory, { recursive: true, force: true })
    return [...killed]
  }
}

/** Node reads the file of NODE_EXTRA_CA_CERTS at each start, which is no cost of ours. */
function cleanEnvironment(mark: string): Record<string, string> {
  const [name = '', value = ''] = mark.split('=')
  const kept: Record<string, string> = { [name]: value }
  for (const [key, text] of Object.entries(process.env)) {
    if (text !== undefined && !/^(NODE_|npm_|HOLDFAST)/.test(key)) kept[key] = text
  }
  return kept
}

function runtimeParent(): string {
  const candidates = process.getuid?.() === 0 ? ['/run'] : [process.env.XDG_RUNTIME_DIR ?? '']
  for (const candidate of candidates) {
    try {
      accessSync(candidate, constants.W_OK)
      return candidate
    } catch {
      // The next one.
    }
  }
  return tmpdir()
}

function isMarked(pid: string, mark: string): boolean {
  try {
    return readFileSync(`/proc/${pid}/environ`, 'latin1').split('\0').includes(mark)
  } catch {
    return false
  }
}
