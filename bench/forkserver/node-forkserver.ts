// The Node runner by itself, driven over two pipes as the supervisor drives it.
import type { ChildProcess } from 'node:child_process'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import type { Writable } from 'node:stream'
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

export class NodeForkserver {
  private readonly child: ChildProcess
  private readonly commands: Writable
  private readonly messages: AsyncIterator<string>
  private tokens = 0

  constructor({ root, scratch }: BenchRun, preload: string, environment: Readonly<Record<string, string>>) {
    const runner = join(root, 'dist/fork-node.cjs')
    const args = ['--single-threaded', '--max-old-space-size=4096', runner, '--preload', preload]
    const env = {
      ...environment,
      HOLDFAST: '1',
      HOLDFAST_FORKSERVER: 'bench',
      HOLDFAST_FORK_COMMANDS: '3',
      HOLDFAST_FORK_STATUS: '4',
    }
    this.child = scratch.spawnServer(process.execPath, args, {
      env,
      stdio: ['ignore', 'ignore', 'inherit', 'pipe', 'pipe'],
    })
    const [, , , commands, status] = this.child.stdio
    if (commands == null || status == null || !('write' in commands) || !('read' in status))
      throw new Error('the forkserver did not start')
    this.commands = commands
    this.messages = createInterface({ input: status })[Symbol.asyncIterator]()
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
    const began = performance.now()
    const token = String(++this.tokens)
    this.commands.write(`${JSON.stringify({ start: { id: `bench/${token}`, token, stdout: null, stderr: null } })}\n`)
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
    const { value, done } = await Promise.race([this.messages.next(), late])
    if (done === true) throw new Error('the forkserver has ended')
    const status = JSON.parse(value) as Status
    if (status.error !== undefined) throw new Error(`the forkserver: ${status.error}`)
    return status
  }
}
