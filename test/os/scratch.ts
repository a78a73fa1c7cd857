// What these tests share: a temporary directory, processes that are ended whatever happens, waiting with a deadline.
import { type ChildProcess, spawn as nodeSpawn } from 'node:child_process'
import { closeSync, mkdtempSync, openSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { buildSync } from 'esbuild'
import { afterEach, beforeEach, vi } from 'vitest'
import { startTimeOf } from '../../src/os/process-identity.ts'
import { ChildReaper, type WaitStatus } from '../../src/os/reap.ts'
import { type SpawnOptions, spawnProcess } from '../../src/os/spawn.ts'

export const root = join(import.meta.dirname, '../..')
/** Another Node for the programs that tests start. */
export const node = process.env.HOLDFAST_TEST_NODE ?? process.execPath
export const isRoot = process.getuid?.() === 0
/** Where a bundled program finds koffi. */
export const nodePath = join(root, 'node_modules')
const PATIENCE = 10_000

// Longer than any wait in it, so that the wait is what says what was missing.
vi.setConfig({ testTimeout: 2 * PATIENCE })

export interface Spawned {
  readonly pid: number
  readonly exited: Promise<WaitStatus>
  /** What it wrote to stdout and stderr so far. */
  output(): string
  /** Runs to its end: its output, or an error if it did not exit with 0. */
  done(): Promise<string>
}

export class Scratch {
  readonly directory = mkdtempSync(join(tmpdir(), 'holdfast-os-'))
  readonly #ends: (() => void)[] = []
  readonly #waiting = new Map<number, (status: WaitStatus) => void>()
  readonly #reaper = new ChildReaper('own-children', (pid, status) => this.#waiting.get(pid)?.(status))
  #files = 0

  path(name: string): string {
    return join(this.directory, name)
  }

  /** Runs at the end of the test, the last one first. */
  atEnd(end: () => void): void {
    this.#ends.push(end)
  }

  /** An fd that is closed at the end, if the test has not done it. */
  closing(fd: number): number {
    this.atEnd(() => {
      try {
        closeSync(fd)
      } catch {}
    })
    return fd
  }

  /**
   * Starts a program through spawnProcess: stdin null, stdout and stderr to a file, then `more` from fd 3 on; `fds`
   * replace them all.
   */
  start(file: string, args: readonly string[], { more = [], ...options }: StartOptions = {}): Spawned {
    const outputFile = this.path(`output-${this.#files++}`)
    const out = openSync(outputFile, 'w')
    const devNull = openSync('/dev/null', 'r')
    try {
      const pid = spawnProcess({
        file,
        argv: [file, ...args],
        env: ['PATH=/usr/bin:/bin'],
        cwd: null,
        session: true,
        softNoFile: null,
        fds: [devNull, out, out, ...more],
        ...options,
      })
      return this.#track(pid, outputFile, options.session !== false)
    } finally {
      closeSync(out)
      closeSync(devNull)
    }
  }

  sh(script: string, options: StartOptions = {}): Spawned {
    return this.start('/bin/sh', ['-c', script], options)
  }

  #track(pid: number, outputFile: string, leadsGroup: boolean): Spawned {
    const exited = new Promise<WaitStatus>((resolve) => this.#waiting.set(pid, resolve))
    this.#reaper.watch(pid)
    let status: WaitStatus | null = null
    void exited.then((value) => {
      status = value
    })
    this.atEnd(() => {
      // Not reaped yet: the number of its group is still its own.
      if (status === null) process.kill(leadsGroup ? -pid : pid, 'SIGKILL')
    })
    const output = () => readFileSync(outputFile, 'utf8')
    const done = async () => {
      const ended = await within(exited, `end of ${pid}`)
      if (ended.code !== 0) throw new Error(`${JSON.stringify(ended)}: ${output()}`)
      return output()
    }
    return { pid, exited, output, done }
  }

  /** Makes a program that Node can run of TypeScript that may import from `src/…`. It needs NODE_PATH. */
  bundle(source: string): string {
    const name = this.path(`program-${this.#files++}`)
    writeFileSync(`${name}.ts`, source.replaceAll("'src/", `'${root}/src/`))
    buildSync({
      entryPoints: [`${name}.ts`],
      outfile: `${name}.cjs`,
      bundle: true,
      platform: 'node',
      target: 'node20.19',
      format: 'cjs',
      external: ['koffi'],
    })
    return `${name}.cjs`
  }

  /** Runs it in a process of its own, for what would change the test's process. It prints one JSON value. */
  async program(source: string, { flags = [], prefix = [] }: ProgramOptions = {}): Promise<unknown> {
    const file = this.bundle(source)
    const [command = node, ...args] = [...prefix, node, ...flags, file]
    const child = nodeSpawn(command, args, {
      env: { ...process.env, NODE_PATH: nodePath },
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    this.atEnd(() => child.kill('SIGKILL'))
    const [code, text, errors] = await within(collect(child), `program ${file}`)
    if (code !== 0) throw new Error(`exit ${code}\n${text}\n${errors}`)
    return JSON.parse(text)
  }

  /** A process that is not our child: its parent is gone. It sleeps until the end of the test. */
  async stranger(environment: Record<string, string> = {}): Promise<{ pid: number; startTime: number }> {
    const child = nodeSpawn('/bin/sh', ['-c', 'sleep 1000 >/dev/null 2>&1 & echo $!'], {
      env: { ...process.env, ...environment },
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    const [, text] = await within(collect(child), 'the stranger')
    const pid = Number(text)
    const startTime = startTimeOf(pid)
    if (startTime === null) throw new Error(`no process ${text}`)
    this.atEnd(() => {
      if (startTimeOf(pid) === startTime) process.kill(pid, 'SIGKILL')
    })
    return { pid, startTime }
  }

  async close(): Promise<void> {
    for (const end of this.#ends.reverse()) end()
    // The killed ones are reaped before the reaper goes.
    await Promise.resolve()
    this.#reaper.poll()
    this.#reaper.close()
    rmSync(this.directory, { recursive: true, force: true })
  }
}

export interface StartOptions extends Partial<SpawnOptions> {
  readonly more?: readonly number[]
}

export interface ProgramOptions {
  /** For node. */
  readonly flags?: readonly string[]
  /** A command that executes the rest. */
  readonly prefix?: readonly string[]
}

/** A Scratch for each test of the file. */
export function useScratch(): { readonly now: Scratch } {
  let current: Scratch | null = null
  beforeEach(() => {
    current = new Scratch()
  })
  afterEach(async () => {
    await current?.close()
  })
  return {
    get now() {
      if (current === null) throw new Error('only within a test')
      return current
    },
  }
}

export async function within<T>(promise: Promise<T>, what: string): Promise<T> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`${what}: not within ${PATIENCE} ms`)), PATIENCE)
  })
  return Promise.race([promise, late]).finally(() => clearTimeout(timer))
}

/** Looks every 5 ms. */
export async function until(what: string, condition: () => boolean): Promise<void> {
  const deadline = Date.now() + PATIENCE
  while (!condition()) {
    if (Date.now() > deadline) throw new Error(`${what}: not within ${PATIENCE} ms`)
    await new Promise((resolve) => setTimeout(resolve, 5))
  }
}

export function openFds(): string[] {
  return readdirSync('/proc/self/fd')
}

async function collect(child: ChildProcess): Promise<[number | null, string, string]> {
  const texts = ['', '']
  for (const [index, stream] of [child.stdout, child.stderr].entries()) {
    stream?.setEncoding('utf8').on('data', (text: string) => {
      texts[index] += text
    })
  }
  return new Promise((resolve, reject) => {
    child.on('error', reject)
    child.on('close', (code) => resolve([code, texts[0] ?? '', texts[1] ?? '']))
  })
}
