// A forkserver without a supervisor: a small program plays that (fork-driver.ts), and the test speaks through it.
import { type ChildProcess, spawn } from 'node:child_process'
import { mkdirSync, mkdtempSync, readFileSync, realpathSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join, resolve } from 'node:path'
import { createInterface } from 'node:readline'
import { buildSync } from 'esbuild'
import { onTestFinished } from 'vitest'
import { NODE_FLAGS } from '../../../src/forkserver/node-flags.ts'
import { waitFor } from './wait-for.ts'

const ROOT = resolve(import.meta.dirname, '../../..')
/** This Node, as a forkserver has it, and the runner for Node. */
export const USUAL_COMMAND: readonly string[] = [process.execPath, ...NODE_FLAGS, join(ROOT, 'dist/fork-node.cjs')]

export interface ForkSceneOptions {
  /** Arguments of the runner, `--preload` for instance. */
  readonly args: readonly string[]
  /** Default: USUAL_COMMAND. */
  readonly command?: readonly string[]
  readonly env?: Readonly<Record<string, string>>
  /** Listening TCP sockets, at 3, 4, … of the forkserver. */
  readonly sockets?: number
}

export interface Exit {
  readonly code: number | null
  readonly signal: string | null
}

export interface Failed {
  readonly token: string
  readonly error: string
  readonly unsound?: true
}

interface Answer {
  readonly loaded?: {
    readonly modules: number
    readonly ms: number
    readonly rss: number
    readonly pid: number
    readonly cold?: string
  }
  readonly started?: { readonly token: string; readonly pid: number }
  readonly failed?: Failed
  readonly error?: string
}

export class ForkScene {
  readonly dir = realpathSync(mkdtempSync(join(tmpdir(), 'holdfast-fork-')))
  readonly answers: Answer[] = []
  readonly exits = new Map<number, Exit>()
  ports: readonly number[] = []
  pid = 0
  #driver: ChildProcess | null = null
  #tokens = 0

  /** To be called within a test, which ends all of it. */
  constructor(files: Readonly<Record<string, string>> = {}) {
    for (const [name, text] of Object.entries(files)) this.write(name, text)
    onTestFinished(() => this.#close())
  }

  path(name: string): string {
    return join(this.dir, name)
  }

  write(name: string, text: string): void {
    mkdirSync(dirname(this.path(name)), { recursive: true })
    writeFileSync(this.path(name), text)
  }

  /** Empty where there is no such file. */
  text(name: string): string {
    try {
      return readFileSync(this.path(name), 'utf8')
    } catch {
      return ''
    }
  }

  /** What the forkserver itself, and workers that inherit it, wrote to stderr. */
  get stderr(): string {
    return this.text('forkserver.err')
  }

  /** Starts the forkserver, and waits for nothing. */
  open({ args, command, env = {}, sockets = 0 }: ForkSceneOptions): void {
    const driver = spawn(
      process.execPath,
      [
        this.#bundledDriver(),
        JSON.stringify({
          command: [...(command ?? USUAL_COMMAND), ...args],
          env: { PATH: process.env.PATH ?? '', ...env },
          cwd: this.dir,
          stdout: this.path('forkserver.out'),
          stderr: this.path('forkserver.err'),
          sockets,
        }),
      ],
      { env: { ...process.env, NODE_PATH: join(ROOT, 'node_modules') }, stdio: ['pipe', 'pipe', 'inherit'] },
    )
    this.#driver = driver
    createInterface({ input: driver.stdout }).on('line', (line) => this.#hear(line))
  }

  /** Starts the forkserver, and waits until it has loaded the application. */
  async load(options: ForkSceneOptions): Promise<NonNullable<Answer['loaded']>> {
    this.open(options)
    const loaded = await waitFor(
      () => {
        const refused = this.answers.find(({ error }) => error !== undefined)
        if (refused !== undefined) throw new Error(refused.error)
        const exit = this.exits.get(this.pid)
        if (exit !== undefined) throw new Error(`the forkserver ended: ${JSON.stringify(exit)} ${this.stderr}`)
        return this.answers.find(({ loaded }) => loaded !== undefined)?.loaded
      },
      { what: 'the forkserver is loaded', within: 20_000, every: 5 },
    )
    return present(loaded)
  }

  /** Until its pid is known. */
  async opened(): Promise<void> {
    await waitFor(() => this.pid !== 0, { what: 'the start of the forkserver', every: 2 })
  }

  /** Sends bytes as they are. */
  say(text: string): void {
    this.#tellDriver({ say: text })
  }

  /** Closes the pipe of orders. */
  hangUp(): void {
    this.#tellDriver({ hangUp: true })
  }

  /** Sends an order; its answer. */
  async order(order: Readonly<Record<string, unknown>>): Promise<Answer> {
    const token = String(++this.#tokens)
    this.say(`${JSON.stringify({ start: { id: `web/${token}`, token, ...order } })}\n`)
    return this.answerTo(token)
  }

  async answerTo(token: string): Promise<Answer> {
    const answer = await waitFor(
      () => this.answers.find(({ started, failed }) => (started ?? failed)?.token === token),
      {
        what: `an answer to order ${token}`,
        every: 2,
      },
    )
    return present(answer)
  }

  /** Starts a worker; its pid. @throws Error where it failed */
  async start(order: Readonly<Record<string, unknown>>): Promise<number> {
    const { started, failed } = await this.order(order)
    if (started === undefined) throw new Error(failed?.error)
    return started.pid
  }

  async exitOf(pid: number): Promise<Exit> {
    return present(await waitFor(() => this.exits.get(pid), { what: `the end of process ${pid}`, every: 2 }))
  }

  /** Starts a worker and waits for its end. */
  async run(order: Readonly<Record<string, unknown>>): Promise<Exit> {
    return this.exitOf(await this.start(order))
  }

  #hear(line: string): void {
    const event = JSON.parse(line) as {
      forkserver?: number
      ports?: number[]
      answer?: string
      exit?: Exit & { pid: number }
    }
    if (event.forkserver !== undefined) this.pid = event.forkserver
    if (event.ports !== undefined) this.ports = event.ports
    if (event.answer !== undefined) this.answers.push(JSON.parse(event.answer) as Answer)
    if (event.exit !== undefined) this.exits.set(event.exit.pid, event.exit)
  }

  #tellDriver(message: object): void {
    this.#driver?.stdin?.write(`${JSON.stringify(message)}\n`)
  }

  #bundledDriver(): string {
    const outfile = this.path('driver.cjs')
    buildSync({
      entryPoints: [join(import.meta.dirname, '../programs/fork-driver.ts')],
      outfile,
      bundle: true,
      platform: 'node',
      format: 'cjs',
      external: ['koffi'],
    })
    return outfile
  }

  async #close(): Promise<void> {
    const driver = this.#driver
    if (driver !== null) {
      const closed = new Promise((resolveClosed) => driver.once('close', resolveClosed))
      driver.stdin?.end()
      await closed
    }
    rmSync(this.dir, { recursive: true, force: true })
  }
}

function present<T>(value: T | undefined): T {
  if (value === undefined) throw new Error('waited for nothing')
  return value
}
