// Beacons (bench/c/beacon.c) report on one FIFO when they come to life. Killing one and waiting for its successor gives the
// latency of a restart, the same way for every supervisor.
import { spawnSync } from 'node:child_process'
import { chmodSync, constants, openSync } from 'node:fs'
import { Socket } from 'node:net'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import type { BenchRun } from './bench-run.ts'

const RECORD_SIZE = 24
const PATIENCE = 20_000

/** Each measurement has one of its own. */
let fifos = 0

interface Life {
  readonly pid: number
  /** CLOCK_MONOTONIC, like process.hrtime. */
  readonly bornAt: bigint
}

export class Beacons {
  readonly fifo: string
  private readonly program: string
  private readonly lives = new Map<number, Life>()
  private readonly waiting = new Map<number, (life: Life) => void>()
  private tags = 0
  private rest: Buffer = Buffer.alloc(0)
  private readonly reader: Socket

  constructor({ scratch, programs }: BenchRun) {
    this.fifo = join(scratch.directory, `beacons-${++fifos}`)
    this.program = programs.beacon
    const { status, stderr } = spawnSync('mkfifo', [this.fifo], { encoding: 'utf8' })
    if (status !== 0) throw new Error(`mkfifo: ${stderr}`)
    chmodSync(this.fifo, 0o666)
    // Read and write: opening never waits for a beacon, reading never ends with one.
    const fd = openSync(this.fifo, constants.O_RDWR | constants.O_NONBLOCK)
    this.reader = new Socket({ fd, readable: true, writable: false })
    this.reader.on('data', (chunk) => this.read(chunk))
  }

  /** A tag, and the command of the beacon that carries it: a C program, if no other one is named. */
  make(program: readonly string[] = [this.program]): { tag: number; command: string[] } {
    const tag = ++this.tags
    return { tag, command: [...program, this.fifo, String(tag)] }
  }

  /** Kills the beacon when it is `age` milliseconds old or older. @returns milliseconds until the next one lives */
  async killAndTime(tag: number, age: number): Promise<number> {
    const { pid, bornAt } = await this.living(tag)
    const rest = age - Number(process.hrtime.bigint() - bornAt) / 1e6
    if (rest > 0) await delay(rest)
    const successor = this.next(tag)
    const killedAt = process.hrtime.bigint()
    process.kill(pid, 'SIGKILL')
    return Number((await successor).bornAt - killedAt) / 1e6
  }

  /** Once it has reported for the first time. */
  async living(tag: number, patience = PATIENCE): Promise<Life> {
    return this.lives.get(tag) ?? (await this.next(tag, patience))
  }

  close(): void {
    this.reader.destroy()
  }

  /** The next one to report. */
  next(tag: number, patience = PATIENCE): Promise<Life> {
    return new Promise((resolve, reject) => {
      const timer = setTimeout(
        () => reject(new Error(`beacon ${tag} did not come (back) within ${patience} ms`)),
        patience,
      )
      this.waiting.set(tag, (life) => {
        clearTimeout(timer)
        resolve(life)
      })
    })
  }

  private read(chunk: Buffer): void {
    this.rest = Buffer.concat([this.rest, chunk])
    while (this.rest.length >= RECORD_SIZE) {
      const life = { bornAt: this.rest.readBigInt64LE(0), pid: Number(this.rest.readBigInt64LE(8)) }
      const tag = Number(this.rest.readBigInt64LE(16))
      this.rest = this.rest.subarray(RECORD_SIZE)
      this.lives.set(tag, life)
      const waiting = this.waiting.get(tag)
      this.waiting.delete(tag)
      waiting?.(life)
    }
  }
}
