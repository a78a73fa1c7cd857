// One forkserver under test, driven by driver.py, which is the subreaper of its workers: vitest itself must not become one.
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

/** Less than a test may take, so that the wait is what says what was missing. */
const PATIENCE = 30_000

export interface Exit {
  readonly pid: number
  readonly code: number | null
  readonly signal: number | null
}

export interface StatusMessage {
  readonly loaded?: { modules: number; ms: number; rss: number; pid: number; cold?: string }
  readonly started?: { token: string; pid: number }
  readonly failed?: { token: string; error: string; unsound?: boolean }
  readonly error?: string
  /** ControlFreak's. */
  readonly status?: string
  readonly name?: string
  readonly pid?: number
  readonly exit_status?: number | null
}

export interface DriverOptions {
  readonly command: readonly string[]
  readonly cwd: string
  readonly env?: Record<string, string>
  /** How many listening sockets it is given, from fd 3 on. */
  readonly sockets?: number
  /** A file that it is given as well, after its pipes. */
  readonly extra?: string
  readonly protocol?: 'holdfast' | 'controlfreak'
}

interface Event {
  readonly began?: { pid: number; ports: number[] }
  readonly status?: string
  readonly log?: string
  readonly exit?: Exit
}

export class Driver {
  readonly #child: ChildProcess
  readonly #directory = mkdtempSync(join(tmpdir(), 'holdfast-fork-'))
  readonly #wakers = new Set<() => void>()
  #held = ''
  #tokens = 0
  #closed = false
  /** All that came so far. */
  readonly statuses: StatusMessage[] = []
  readonly logs: string[] = []
  readonly exits: Exit[] = []
  pid = 0
  ports: readonly number[] = []

  constructor(options: DriverOptions) {
    const spec = {
      sockets: 0,
      protocol: 'holdfast',
      ...options,
      env: { PATH: process.env.PATH, HOME: process.env.HOME, LANG: 'C.UTF-8', ...options.env },
      output: join(this.#directory, 'output'),
    }
    this.#child = spawn('python3', [join(import.meta.dirname, 'driver.py'), JSON.stringify(spec)], {
      stdio: ['pipe', 'pipe', 'inherit'],
    })
    this.#child.stdout?.setEncoding('utf8').on('data', (text: string) => this.#read(text))
    this.#child.on('exit', () => {
      this.#closed = true
      this.#wake()
    })
  }

  /** What the forkserver itself wrote, and workers that share its output. */
  get output(): string {
    return readFileSync(join(this.#directory, 'output'), 'utf8')
  }

  async loaded() {
    return this.until('loaded', () => {
      const error = this.statuses.find((message) => message.error !== undefined)?.error
      if (error !== undefined) throw new Error(error)
      return this.statuses.find((message) => message.loaded !== undefined)?.loaded
    })
  }

  /** Sends a message of one line. */
  send(message: unknown): void {
    this.write(`${JSON.stringify(message)}\n`)
  }

  write(text: string): void {
    this.#tell({ write: text })
  }

  close(end: 'commands' | 'status'): void {
    this.#tell({ close: end })
  }

  /** Its status is not read on. */
  pause(paused: boolean): void {
    this.#tell({ pause: paused })
  }

  /** Orders a worker. @returns the answer to it */
  async ask(start: Record<string, unknown>): Promise<StatusMessage> {
    const token = `t${this.#tokens++}`
    this.send({ start: { id: 'web/0', token, ...start } })
    return this.answer(token)
  }

  async answer(token: string): Promise<StatusMessage> {
    return this.until(`an answer for ${token}`, () =>
      this.statuses.find((message) => message.started?.token === token || message.failed?.token === token),
    )
  }

  /** Orders a worker that starts. @returns its pid */
  async start(start: Record<string, unknown>): Promise<number> {
    const answer = await this.ask(start)
    if (answer.started === undefined) throw new Error(`${JSON.stringify(answer)}\n${this.output}`)
    return answer.started.pid
  }

  /** The end of the forkserver itself. */
  async ended(): Promise<Exit> {
    return this.until('its end', () => this.exits.find((exit) => exit.pid === this.pid))
  }

  async exit(pid: number): Promise<Exit> {
    return this.until(`the exit of ${pid}`, () => this.exits.find((exit) => exit.pid === pid))
  }

  /** What `look` finds, as soon as it finds something: it looks after each event. */
  async until<T>(what: string, look: () => T | undefined): Promise<T> {
    const deadline = Date.now() + PATIENCE
    for (;;) {
      const found = look()
      if (found !== undefined) return found
      if (this.#closed || Date.now() > deadline) {
        throw new Error(
          `${what}: not within ${PATIENCE} ms\n${JSON.stringify([this.statuses, this.exits])}\n${this.output}`,
        )
      }
      await new Promise<void>((resolve) => {
        const timer = setTimeout(done, 100)
        const wakers = this.#wakers
        function done(): void {
          clearTimeout(timer)
          wakers.delete(done)
          resolve()
        }
        wakers.add(done)
      })
    }
  }

  /** Kills all that is left. */
  async end(): Promise<void> {
    if (!this.#closed) {
      const gone = once(this.#child, 'exit')
      this.#child.stdin?.end()
      await gone
    }
    rmSync(this.#directory, { recursive: true, force: true })
  }

  #tell(request: unknown): void {
    this.#child.stdin?.write(`${JSON.stringify(request)}\n`)
  }

  #read(text: string): void {
    const lines = (this.#held + text).split('\n')
    this.#held = lines.pop() ?? ''
    for (const line of lines) {
      const event: Event = JSON.parse(line)
      if (event.began) {
        this.pid = event.began.pid
        this.ports = event.began.ports
      }
      if (event.status !== undefined) this.statuses.push(JSON.parse(event.status))
      if (event.log !== undefined) this.logs.push(event.log)
      if (event.exit) this.exits.push(event.exit)
    }
    this.#wake()
  }

  #wake(): void {
    for (const waker of [...this.#wakers]) waker()
  }
}
