// Forks thousands of workers, each of which uses everything (programs/whole-list.cjs), while others of them live. Arguments: number of
// forks, then Node executables. Prints a line for each Node; exits with 1 where a worker was unsound in the end.
import { execFileSync, spawnSync } from 'node:child_process'
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync, writeSync } from 'node:fs'
import { Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { NODE_FLAGS } from '../../src/forkserver/node-flags.ts'
import { closeFd } from '../../src/os/close-fd.ts'
import { type Listener, openListener } from '../../src/os/listen.ts'
import { openPipe } from '../../src/os/pipe.ts'
import { ChildReaper, type WaitStatus } from '../../src/os/reap.ts'
import { spawnProcess } from '../../src/os/spawn.ts'

/** Workers at a time, each with a socket of its own. */
const SIDE_BY_SIDE = 3
/** Milliseconds within which a worker must be through. */
const PATIENCE = 60_000
/** By round modulo 6, as whole-list.cjs ends. */
const EXIT_CODES = [0, 0, 5, 6, 1, 1]
/** Kilobytes that the forkserver may have grown from the first tenth of the forks to the end. */
const GROWTH = 20_000

interface Answer {
  readonly loaded?: { readonly cold?: string }
  readonly started?: { readonly token: string; readonly pid: number }
  readonly failed?: { readonly token: string; readonly error: string; readonly unsound?: boolean }
  readonly error?: string
}

type Told = { readonly round: number } & (
  | { readonly problem: string }
  | { readonly unique: readonly (string | number)[] }
)

interface Paths {
  readonly runner: string
  readonly programs: string
}

class Soak {
  readonly #node: string
  readonly #forks: number
  readonly #directory: string
  readonly #paths: Paths
  readonly #listeners: readonly Listener[]
  /** Nobody has asked for yet. Thousands of forks use a pid more than once: what came before an order is not of its worker. */
  readonly #exits = new Map<number, { readonly status: WaitStatus; readonly at: number }>()
  readonly #onExit = new Map<number, (status: WaitStatus) => void>()
  readonly #onAnswer = new Map<string, (answer: Answer) => void>()
  readonly #seen = new Set<string | number>()
  readonly #times: number[] = []
  readonly problems: string[] = []
  #forkserver = 0
  #orders = -1
  #next = 0
  #replaced = 0

  constructor(node: string, forks: number, directory: string, paths: Paths) {
    this.#node = node
    this.#forks = forks
    this.#directory = directory
    this.#paths = paths
    this.#listeners = Array.from({ length: SIDE_BY_SIDE }, () => listen())
  }

  exited(pid: number, status: WaitStatus): void {
    const onExit = this.#onExit.get(pid)
    if (onExit === undefined) this.#exits.set(pid, { status, at: performance.now() })
    else onExit(status)
  }

  async run(): Promise<void> {
    makeCertificate(this.#directory)
    await this.#startForkserver()
    await Promise.all(this.#listeners.map((_, place) => this.#keepForking(place)))
    writeSync(this.#orders, '{"quit":{}}\n')
    await this.#exitOf(this.#forkserver)
    closeFd(this.#orders)
    for (const { fd } of this.#listeners) closeFd(fd)
    this.#times.sort((a, b) => a - b)
  }

  get report(): string {
    const version = execFileSync(this.#node, ['--version'], { encoding: 'utf8' }).trim()
    const at = (part: number) =>
      `${this.#times[Math.min(this.#times.length - 1, Math.floor(this.#times.length * part))]?.toFixed(1)} ms`
    const sound = this.#forks - this.problems.length
    return `Node ${version}: ${this.#forks} forks, ${sound} sound, ${this.#replaced} replaced, median ${at(0.5)}, 99 % ${at(0.99)}, slowest ${at(1)}`
  }

  async #keepForking(place: number): Promise<void> {
    let atTenth = 0
    while (this.#next < this.#forks) {
      const round = this.#next++
      await this.#oneWorker(round, place)
      if (round === Math.floor(this.#forks / 10)) atTenth = this.#memory()
    }
    const growth = this.#memory() - atTenth
    if (atTenth > 0 && growth > GROWTH) this.problems.push(`the forkserver has grown by ${growth} KB`)
  }

  async #oneWorker(round: number, place: number): Promise<void> {
    const out = join(this.#directory, `${place}.out`)
    const err = join(this.#directory, `${place}.err`)
    for (const file of [out, err]) closeSync(openSync(file, 'w'))
    const listener = this.#listeners[place]?.address
    const orderedAt = performance.now()
    const answer = await this.#order(round, {
      entry: './whole-list.cjs',
      stdout: out,
      stderr: err,
      session: true,
      sockets: { http: 3 + place },
      env: {
        ROUND: round,
        SCRATCH: this.#directory,
        HOLDFAST_SOCKET_HTTP: 3,
        PORT: listener !== undefined && 'port' in listener ? listener.port : 0,
      },
    })
    if (answer.started === undefined) return await this.#failed(round, place, answer)
    const { pid } = answer.started
    const status = await this.#exitOf(pid, orderedAt)
    const expected = EXIT_CODES[round % EXIT_CODES.length]
    if (status.code !== expected)
      this.#problem(round, `ended with ${JSON.stringify(status)} instead of ${expected}: ${readFileSync(err, 'utf8')}`)
    else if (expected === 1 && !/SyntaxError|nobody catches this/.test(readFileSync(err, 'utf8')))
      this.#problem(round, 'printed no error')
    this.#check(round, readFileSync(out, 'utf8'))
  }

  async #failed(round: number, place: number, { failed }: Answer): Promise<void> {
    if (failed?.unsound !== true || this.#replaced > this.#forks / 10) {
      this.#problem(round, `no worker: ${failed?.error}`)
      return
    }
    this.#replaced++
    console.error(`round ${round}: replaced: ${failed.error}`)
    await this.#oneWorker(round, place)
  }

  #check(round: number, out: string): void {
    const told = out
      .split('\n')
      .filter(Boolean)
      .map((line) => JSON.parse(line) as Told)
    for (const line of told) {
      if ('problem' in line) this.#problem(round, line.problem)
      else
        for (const value of line.unique) {
          if (this.#seen.has(value)) this.#problem(round, `${value} was another worker's already`)
          this.#seen.add(value)
        }
    }
    if (!told.some((line) => 'unique' in line)) this.#problem(round, 'did not come to its end')
  }

  #problem(round: number, problem: string): void {
    this.problems.push(`round ${round}: ${problem}`)
    console.error(`round ${round}: ${problem}`)
  }

  #order(round: number, order: object): Promise<Answer> {
    const token = `${round}-${this.#replaced}`
    const sentAt = performance.now()
    return new Promise((resolve) => {
      this.#onAnswer.set(token, (answer) => {
        this.#onAnswer.delete(token)
        if (answer.started !== undefined) this.#times.push(performance.now() - sentAt)
        resolve(answer)
      })
      writeSync(this.#orders, `${JSON.stringify({ start: { id: `soak/${round}`, token, ...order } })}\n`)
    })
  }

  /** One that does not end is killed, after its stacks are shown. */
  #exitOf(pid: number, since = 0): Promise<WaitStatus> {
    const known = this.#exits.get(pid)
    this.#exits.delete(pid)
    if (known !== undefined && known.at > since) return Promise.resolve(known.status)
    return new Promise((resolve) => {
      const timer = setTimeout(() => {
        console.error(
          `process ${pid} hangs`,
          spawnSync('gdb', ['-p', String(pid), '-batch', '-ex', 'thread apply all bt 20'], { encoding: 'utf8' }).stdout,
        )
        process.kill(pid, 'SIGKILL')
      }, PATIENCE)
      this.#onExit.set(pid, (status) => {
        clearTimeout(timer)
        this.#onExit.delete(pid)
        resolve(status)
      })
    })
  }

  #memory(): number {
    return Number(/^VmRSS:\s*(\d+)/m.exec(readFileSync(`/proc/${this.#forkserver}/status`, 'latin1'))?.[1])
  }

  async #startForkserver(): Promise<void> {
    const [orders, answers] = [openPipe(), openPipe()]
    const devNull = openSync('/dev/null', 'r')
    const fds = [devNull, 1, 2, ...this.#listeners.map(({ fd }) => fd), orders.read, answers.write]
    const { runner, programs } = this.#paths
    this.#forkserver = spawnProcess({
      file: this.#node,
      argv: [this.#node, ...NODE_FLAGS, runner, '--preload', './application.cjs', '--fork-timeout', '20000'],
      env: [
        `PATH=${process.env.PATH}`,
        `HOLDFAST_FORK_COMMANDS=${fds.length - 2}`,
        `HOLDFAST_FORK_STATUS=${fds.length - 1}`,
      ],
      cwd: programs,
      fds,
      session: true,
      softNoFile: null,
    })
    closeSync(devNull)
    for (const fd of [orders.read, answers.write]) closeFd(fd)
    this.#orders = orders.write
    const loaded = new Promise<Answer>((resolve) => {
      createInterface({ input: new Socket({ fd: answers.read, readable: true, writable: false }) }).on(
        'line',
        (line) => {
          const answer = JSON.parse(line) as Answer
          const token = (answer.started ?? answer.failed)?.token
          if (token !== undefined) this.#onAnswer.get(token)?.(answer)
          else if (answer.loaded !== undefined) resolve(answer)
          else this.problems.push(`the forkserver said ${line}`)
        },
      )
    })
    const cold = (await loaded).loaded?.cold
    if (cold !== undefined) throw new Error(`nothing is forked on ${this.#node}: ${cold}`)
  }
}

function listen(): Listener {
  return openListener({
    listen: { family: 'tcp4', host: '127.0.0.1', port: 0 },
    backlog: 128,
    mode: null,
    user: null,
    group: null,
    nonblocking: false,
    v6only: true,
  })
}

function makeCertificate(directory: string): void {
  const request = [
    'req',
    '-x509',
    '-newkey',
    'ec',
    '-pkeyopt',
    'ec_paramgen_curve:prime256v1',
    '-nodes',
    '-subj',
    '/CN=localhost',
  ]
  execFileSync('openssl', [...request, '-keyout', join(directory, 'key.pem'), '-out', join(directory, 'cert.pem')], {
    stdio: 'ignore',
  })
}

async function main(): Promise<void> {
  const [root = '', count = '', ...nodes] = process.argv.slice(2)
  const paths = { runner: join(root, 'dist/fork-node.cjs'), programs: join(root, 'test/soak/programs') }
  let current: Soak | null = null
  new ChildReaper('subreaper', (pid, status) => current?.exited(pid, status))
  let problems = 0
  for (const node of nodes) {
    const directory = mkdtempSync(join(tmpdir(), 'holdfast-soak-'))
    current = new Soak(node, Number(count), directory, paths)
    await current.run()
    console.log(current.report)
    problems += current.problems.length
    rmSync(directory, { recursive: true, force: true })
  }
  process.exit(problems === 0 ? 0 : 1)
}

void main()
