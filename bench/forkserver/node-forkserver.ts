// The Node runner by itself, driven over two FIFOs as the supervisor drives it.
import { spawnSync } from 'node:child_process'
import { closeSync, constants, openSync, writeSync } from 'node:fs'
import { Socket } from 'node:net'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { NODE_FLAGS } from '../../src/forkserver/node-flags.ts'
import type { BenchRun } from '../bench-run.ts'

interface Loaded {
  readonly ms: number
  readonly rss: number
  readonly cold?: string
}

interface Status {
  readonly loaded?: Loaded
  readonly started?: { readonly token: string; readonly pid: number }
  readonly failed?: { readonly token: string; readonly error: string }
  readonly error?: string
}

const PATIENCE = 60_000
/** In the forkserver. */
const COMMANDS = 3
const STATUS = 4

let made = 0

export class NodeForkserver {
  private readonly commands: number
  private readonly messages: AsyncIterator<string>
  /** Is rejected then. */
  private readonly ended: Promise<never>
  private tokens = 0

  constructor({ root, scratch }: BenchRun, preload: string, environment: Readonly<Record<string, string>>) {
    const directory = scratch.makeDirectory(`forkserver-${++made}`)
    const commands = makeFifo(join(directory, 'commands'))
    const status = makeFifo(join(directory, 'status'))
    const { O_RDWR, O_NONBLOCK } = constants
    const theirs = [openSync(commands, O_RDWR), openSync(status, O_RDWR)]
    this.commands = openSync(commands, O_RDWR)
    const reader = new Socket({ fd: openSync(status, O_RDWR | O_NONBLOCK), readable: true, writable: false })
    scratch.defer(() => {
      reader.destroy()
      closeSync(this.commands)
    })
    this.messages = createInterface({ input: reader })[Symbol.asyncIterator]()
    const runner = join(root, 'dist/fork-node.cjs')
    const args = [...NODE_FLAGS, '--max-old-space-size=4096', runner, '--preload', preload]
    const env = {
      ...environment,
      HOLDFAST: '1',
      HOLDFAST_FORKSERVER: 'bench',
      HOLDFAST_FORK_COMMANDS: String(COMMANDS),
      HOLDFAST_FORK_STATUS: String(STATUS),
    }
    const child = scratch.spawnServer(process.execPath, args, {
      env,
      stdio: ['ignore', 'ignore', 'inherit', ...theirs],
    })
    this.ended = new Promise((_, reject) => child.once('exit', () => reject(new Error('the forkserver has ended'))))
    // Nobody may be listening.
    this.ended.catch(() => {})
    for (const fd of theirs) closeSync(fd)
  }

  /** @throws where it can not fork */
  async loaded(): Promise<Loaded> {
    const { loaded } = await this.next()
    if (loaded === undefined) throw new Error('the forkserver did not load')
    if (loaded.cold !== undefined) throw new Error(`the forkserver can not fork: ${loaded.cold}`)
    return loaded
  }

  /** Starts a worker, which runs what the last preload exports, and kills it. @returns milliseconds from the order to the answer */
  async forkOnce(): Promise<number> {
    const token = String(++this.tokens)
    const order = { start: { id: `bench/${token}`, token, stdout: null, stderr: null } }
    const began = performance.now()
    writeSync(this.commands, `${JSON.stringify(order)}\n`)
    const { started, ...other } = await this.next()
    const millis = performance.now() - began
    if (started?.token !== token) throw new Error(`no worker: ${JSON.stringify(other)}`)
    process.kill(started.pid, 'SIGKILL')
    return millis
  }

  private async next(): Promise<Status> {
    const late = new Promise<never>((_, reject) => {
      setTimeout(() => reject(new Error('the forkserver says nothing')), PATIENCE).unref()
    })
    const { value } = await Promise.race([this.messages.next(), late, this.ended])
    const status = JSON.parse(value) as Status
    if (status.error !== undefined) throw new Error(`the forkserver: ${status.error}`)
    return status
  }
}

function makeFifo(path: string): string {
  const { status, stderr } = spawnSync('mkfifo', [path], { encoding: 'utf8' })
  if (status !== 0) throw new Error(`mkfifo: ${stderr}`)
  return path
}
