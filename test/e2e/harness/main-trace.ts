// What the workers of programs/main-interval.mjs have written: who was main of which slot, from when to when.
import { closeSync, lstatSync, openSync, readdirSync, readFileSync, readlinkSync, readSync, statSync } from 'node:fs'
import { join } from 'node:path'
import type { Scene } from './scene.ts'

export interface MainInterval {
  readonly pid: number
  /** Its number in the service. */
  readonly worker: number
  readonly slot: number
  readonly token: number
  /** CLOCK_MONOTONIC, nanoseconds: its promotion, and its last sign of life. */
  readonly from: bigint
  to: bigint
  /** The main before it was still there. */
  readonly beside: boolean
}

const CHUNK = 1 << 20

export class MainTrace {
  /** In the order of their promotion. */
  readonly mains: MainInterval[] = []
  private readonly byToken = new Map<number, MainInterval>()
  private readonly fd: number
  private readonly buffer = Buffer.alloc(CHUNK)
  private rest = ''

  constructor(scene: Scene) {
    this.fd = openSync(scene.write('trace.txt', ''), 'r')
    scene.beforeRemoval(() => closeSync(this.fd))
  }

  /** What has been written since. */
  read(): readonly MainInterval[] {
    for (;;) {
      const bytes = readSync(this.fd, this.buffer, 0, CHUNK, null)
      if (bytes === 0) return this.mains
      const lines = (this.rest + this.buffer.toString('latin1', 0, bytes)).split('\n')
      this.rest = lines.pop() ?? ''
      for (const line of lines) this.take(line)
    }
  }

  get last(): MainInterval {
    const main = this.mains.at(-1)
    if (main === undefined) throw new Error('nobody was main')
    return main
  }

  private take(line: string): void {
    const [time = '', what, ...numbers] = line.split(' ')
    const [pid = 0, worker = 0, slot = 0, token = 0] = numbers.map(Number)
    const at = BigInt(time)
    if (what === 'works') return this.seen(this.byToken.get(token), at)
    const main = { pid, worker, slot, token, from: at, to: at, beside: what === 'beside' }
    this.mains.push(main)
    this.byToken.set(token, main)
  }

  /** It was alive then. */
  seen(main: MainInterval | undefined, at: bigint): void {
    if (main === undefined) throw new Error('somebody worked who was never promoted')
    if (at > main.to) main.to = at
  }
}

/** Of one slot: who was main while another one was. */
export function overlaps(mains: readonly MainInterval[]): string[] {
  const found = mains.filter(({ beside }) => beside).map(({ pid }) => `${pid} was promoted beside the main before it`)
  for (const slot of new Set(mains.map((one) => one.slot))) {
    const turns = mains.filter((one) => one.slot === slot).sort((a, b) => (a.from < b.from ? -1 : 1))
    for (const [index, { pid, from }] of turns.entries()) {
      const before = turns[index - 1]
      if (before !== undefined && before.to >= from) found.push(`${pid} began before ${before.pid} had ended`)
    }
  }
  return found
}

/** Workers that wait for a slot of this lock, who came first comes first; no supervisor is needed for it. */
export function queueInKernel(directory: string): number[] {
  const files = readdirSync(directory).filter((name) => /^slot-(\d+|ticket-\d+)$/.test(name))
  const inodes = new Set(files.map((file) => inodeOf(join(directory, file))))
  const waiting = readFileSync('/proc/locks', 'latin1')
    .split('\n')
    .flatMap((line) => {
      const [, pid = '', inode = ''] = /-> FLOCK .* (\d+) \S+:(\d+) 0 EOF$/.exec(line) ?? []
      return inodes.has(inode) ? (waiterOf(pid) ?? []) : []
    })
  return waiting.sort((a, b) => a.ticket - b.ticket).map(({ worker }) => worker)
}

function inodeOf(file: string): string {
  return String(statSync(file, { throwIfNoEntry: false })?.ino)
}

/** Of a flock(1): the shell above it was told for whom it waits, and has a ticket. */
function waiterOf(pid: string): { worker: number; ticket: number } | null {
  try {
    const parent = /^PPid:\t(\d+)$/m.exec(readFileSync(`/proc/${pid}/status`, 'latin1'))?.[1] ?? ''
    const words = readFileSync(`/proc/${parent}/cmdline`, 'latin1').split('\0')
    // Its HOLDFAST_ID ends with service, slot and number of the process.
    const slot = words.map((word) => /\.\w+\.(\d+)\.\d+$/.exec(word)?.[1]).find((number) => number !== undefined)
    // Those of others it opens for reading only.
    const own = readdirSync(`/proc/${parent}/fd`).filter((fd) => lstatSync(`/proc/${parent}/fd/${fd}`).mode & 0o200)
    const files = own.map((fd) => readlinkSync(`/proc/${parent}/fd/${fd}`))
    const tickets = files.map((file) => Number(/-ticket-(\d+)$/.exec(file)?.[1] ?? 0))
    const ticket = Math.max(...tickets)
    return slot === undefined || ticket === 0 ? null : { worker: Number(slot), ticket }
  } catch {
    // It has it, or has gone on to the next file, in this moment.
    return null
  }
}
