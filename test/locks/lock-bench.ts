// Supervisors on one directory of locks, as far as locks go: providers, and processes that stand for mains and standbys.
import { closeSync, existsSync, lstatSync, readdirSync, readFileSync, readlinkSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, vi } from 'vitest'
import { FileLockProvider } from '../../src/locks/file-lock-provider.ts'
import type { AcquireOutcome, Candidate, Held } from '../../src/locks/lock-provider.ts'
import { lockCommandsOf } from '../../src/locks/start-lock-command.ts'
import { makeFifo, openDevNull, openFifoForChild } from '../../src/os/fifo.ts'
import { OwnChildren } from '../../src/os/own-children.ts'
import { startTimeOf } from '../../src/os/process-identity.ts'
import { ChildReaper } from '../../src/os/reap.ts'
import { openFds, type Scratch, type Spawned, until, useScratch, within } from '../os/scratch.ts'

// Longer than any wait in a hook, so that the wait is what says what was missing.
vi.setConfig({ hookTimeout: 30_000 })

export interface Worker {
  readonly process: Spawned
  readonly candidate: Candidate
}

export interface Main extends Worker {
  readonly held: Held
}

export interface Standby extends Worker {
  readonly outcome: Promise<AcquireOutcome>
}

interface Settings {
  readonly mains?: number
  readonly standbys?: number
  readonly stopFile?: string
  readonly promoteSignal?: string
  /** Why nothing can be started just now for this candidate. */
  readonly refuse?: (identity: string) => Error | null
}

/** Waits for the message that promotes it, prints it, and works. */
const STANDBY = 'read -r line <&3; printf "%s\\n" "$line"; exec sleep 1000'

export class LockBench {
  readonly scratch: Scratch
  readonly directory: string
  readonly children = new OwnChildren()
  private readonly reaper = new ChildReaper(
    'own-children',
    (pid, status) => this.children.ended(pid, status),
    (pid) => this.children.beforeReap(pid),
  )
  private readonly devNull = openDevNull()
  private readonly providers: FileLockProvider[] = []
  private count = 0

  constructor(scratch: Scratch) {
    this.scratch = scratch
    this.directory = join(scratch.directory, 'lock')
    this.children.watchWith((pid) => this.reaper.watch(pid))
  }

  async provider(
    { mains = 1, standbys = 1, stopFile, promoteSignal, refuse = () => null }: Settings = {},
    ours = new Set<number>(),
  ): Promise<FileLockProvider> {
    const start = lockCommandsOf(this.children, { environment: ['PATH=/usr/bin:/bin'], softNoFile: null })
    const provider = new FileLockProvider({
      directory: this.directory,
      mains,
      standbys,
      ...(stopFile === undefined ? {} : { stopFile }),
      ...(promoteSignal === undefined ? {} : { promoteSignal }),
      start: (command, onEnd) => {
        const refusal = command.argv.map(refuse).find((one) => one !== null)
        if (refusal !== undefined) throw refusal
        return start(command, onEnd)
      },
      devNull: this.devNull,
      isOurs: (pid) => ours.has(pid),
    })
    this.providers.push(provider)
    await provider.open()
    return provider
  }

  candidate(provider: FileLockProvider): Candidate {
    return provider.candidate(`web/${++this.count} #1`)
  }

  /** A process that is main from its start. */
  async main(provider: FileLockProvider, script = 'exec sleep 1000'): Promise<Main> {
    const candidate = this.candidate(provider)
    const outcome = await within(candidate.tryNow(), 'the answer')
    const held = acquired(outcome)
    return { ...this.work(candidate, script), held }
  }

  work(candidate: Candidate, script = 'exec sleep 1000'): Worker {
    const process = this.scratch.sh(script, { more: [...candidate.inheritFds] })
    candidate.handOver()
    return { process, candidate }
  }

  /** A warm one, in the queue. */
  async standby(provider: FileLockProvider, startTimeOfIt = startTimeOf): Promise<Standby> {
    const candidate = this.candidate(provider)
    const place = await within(candidate.takePlace(), 'the place')
    if (place.is !== 'placed') throw new Error(JSON.stringify(place))
    const fifo = this.fifo()
    const process = this.scratch.sh(STANDBY, { more: [fifo, ...candidate.inheritFds] })
    const before = this.waiters().length
    const outcome = candidate.wait(fifo, { pid: process.pid, startTime: startTimeOfIt(process.pid) ?? 0 })
    await until('the waiting', () => this.waiters().length > before)
    await this.queued()
    closeSync(fifo)
    return { process, candidate, outcome }
  }

  /** Whatever waits has its ticket, and is asleep in flock(2). */
  async queued(): Promise<void> {
    const waits = (waiter: number): boolean => {
      const flocks = flocksBelow(waiter)
      return ticketOf(waiter) !== null && flocks.length > 0 && flocks.every((pid) => isInFlock(pid))
    }
    await until('the queue', () => this.waiters().every(waits))
  }

  /** The shells. */
  waiters(): number[] {
    return [...this.children.pids]
  }

  async isHeld(slot = 0): Promise<boolean> {
    const provider = this.providers[0]
    return (await provider?.report())?.[slot]?.holders.length !== 0
  }

  async close(): Promise<void> {
    for (const provider of this.providers) provider.close()
    this.children.close()
    await until('the end of what waits', () => this.waiters().length === 0)
    this.reaper.close()
    closeSync(this.devNull)
  }

  private fifo(): number {
    const path = this.scratch.path(`fifo-${this.count}`)
    makeFifo(path, { mode: 0o600, uid: null, gid: null })
    return openFifoForChild(path)
  }
}

export function useLockBench(): { readonly now: LockBench } {
  let bench: LockBench | null = null
  // The last one first: this comes when the scratch is gone.
  afterEach(async () => {
    await until('the end of every fd of ours', () => ourFds().length === 0)
    if (bench === null) return
    expect(existsSync(bench.directory)).toBe(false)
    expect(processesNaming(bench.directory)).toEqual([])
  })
  const scratch = useScratch()
  beforeEach(() => {
    bench = new LockBench(scratch.now)
  })
  afterEach(async () => {
    await bench?.close()
  })
  return {
    get now() {
      if (bench === null) throw new Error('only within a test')
      return bench
    },
  }
}

export function acquired(outcome: AcquireOutcome): Held {
  if (outcome.is !== 'acquired') throw new Error(`not acquired: ${JSON.stringify(outcome)}`)
  return outcome.held
}

export async function promoted(standby: Standby): Promise<Main> {
  const held = acquired(await within(standby.outcome, 'the promotion'))
  const line = `{"promote":{"slot":${held.slot},"token":"${held.token}"}}\n`
  await until('the message', () => standby.process.output() === line)
  return { ...standby, held }
}

export async function kill(worker: Worker): Promise<void> {
  process.kill(worker.process.pid, 'SIGKILL')
  await within(worker.process.exited, 'its end')
}

export function descendantsOf(pid: number): number[] {
  const children = read(`/proc/${pid}/task/${pid}/children`).split(' ').filter(Boolean).map(Number)
  return children.flatMap((child) => [child, ...descendantsOf(child)])
}

export function flocksBelow(waiter: number): number[] {
  return descendantsOf(waiter).filter((pid) => read(`/proc/${pid}/comm`).trim() === 'flock')
}

export function statusOf(pid: number, field: string): string {
  return new RegExp(`^${field}:\\s*(.*)$`, 'm').exec(read(`/proc/${pid}/status`))?.[1] ?? ''
}

/** Of whatever supervisor. Each leads a session: what it is about to start as flock(1) has its name for a moment. */
export function shellsThatWait(directory: string): number[] {
  return processesNaming(directory).filter((pid) => {
    const words = read(`/proc/${pid}/cmdline`).split('\0')
    return (
      words.includes('holdfast-lock') &&
      /^\d+ \(.*\) \S+ \S+ \S+ (\d+)/.exec(read(`/proc/${pid}/stat`))?.[1] === String(pid)
    )
  })
}

/** Of a shell that waits: its number in the queue. Those of others it opens for reading only. */
export function ticketOf(waiter: number): number | null {
  const tickets = fdsOf(waiter).flatMap((fd) => {
    if (!isWritable(`/proc/${waiter}/fd/${fd}`)) return []
    const number = /-ticket-(\d+)$/.exec(linkOf(`/proc/${waiter}/fd/${fd}`))?.[1]
    return number === undefined ? [] : [Number(number)]
  })
  return tickets.length === 0 ? null : Math.max(...tickets)
}

function isWritable(fd: string): boolean {
  return ((lstatSync(fd, { throwIfNoEntry: false })?.mode ?? 0) & 0o200) !== 0
}

function fdsOf(pid: number): string[] {
  try {
    return readdirSync(`/proc/${pid}/fd`)
  } catch {
    return []
  }
}

/** The number of the call that it sleeps in: 73 on x86-64, 32 on arm64. */
function isInFlock(pid: number): boolean {
  const call = read(`/proc/${pid}/syscall`).split(' ')[0]
  return call === '73' || call === '32'
}

/** Of scratch files and of processes; a bundler's come and go. */
function ourFds(): string[] {
  return openFds()
    .map((fd) => linkOf(`/proc/self/fd/${fd}`))
    .filter((link) => link.includes('/holdfast-') || link.includes('pidfd'))
}

function linkOf(path: string): string {
  try {
    return readlinkSync(path)
  } catch {
    return ''
  }
}

function processesNaming(text: string): number[] {
  const pids = readdirSync('/proc').filter((name) => /^\d+$/.test(name) && Number(name) !== process.pid)
  return pids.map(Number).filter((pid) => read(`/proc/${pid}/cmdline`).includes(text))
}

function read(path: string): string {
  try {
    return readFileSync(path, 'latin1')
  } catch {
    return ''
  }
}
