// One who wants a slot of a directory of lock files: its open files, and the child that waits for it.
import { fstat, fstatSync } from 'node:fs'
import { promisify } from 'node:util'
import type { ProcessIdentity } from '../os/process-identity.ts'
import type { WaitStatus } from '../os/reap.ts'
import { parseSignal } from '../os/signals.ts'
import { FileHeld } from './file-held.ts'
import { closeQuietly, entryOfOpen, type LockDirectory, type LockKind } from './lock-directory.ts'
import type { AcquireOutcome, Candidate, LockHolder, PlaceOutcome } from './lock-provider.ts'
import { whilePassing } from './passing-error.ts'
import type { StartLockCommand } from './start-lock-command.ts'
import {
  BUSY,
  COUNTER_DAMAGED,
  COUNTER_UNREACHABLE,
  fdsForWaiting,
  HELD_BACK,
  REPLACED,
  WAITING_SCRIPT,
  WON,
} from './waiting-script.ts'

/** How often a file may be replaced between open and lock before we believe that somebody does it on purpose. */
const TRIES = 5

const fstatFile = promisify(fstat)

export interface FileLockContext {
  readonly directory: LockDirectory
  readonly mains: number
  readonly standbys: number
  /** Looked for when a lock or a place is there: none is taken while it exists. */
  readonly stopFile: string | null
  readonly promoteSignal: string | null
  readonly devNull: number
  readonly start: StartLockCommand
  /** Who holds slots, of all that are not known to us. */
  readonly strangers: (slots: readonly number[]) => Promise<readonly LockHolder[]>
  /** The highest token seen. */
  readonly floor: () => string
  readonly onHeld: (held: FileHeld) => void
  /** What keeps it from asking just now; null: nothing any more. */
  readonly onTrouble: (candidate: FileCandidate, error: Error | null) => void
  readonly onEnd: (candidate: FileCandidate) => void
  /** Files were removed: makes them anew, for the next one who asks. Resolves to what is in the way, null: nothing. */
  readonly restore: () => Promise<Error | null>
  /** One after the other, of all candidates. */
  readonly inTurn: <T>(act: () => Promise<T>) => Promise<T>
}

type Ended = { readonly is: 'won'; readonly index: number } | { readonly is: 'code'; readonly code: number | null }
interface Attempt {
  readonly how: 'now' | 'wait'
  readonly kind: LockKind
  readonly slots: readonly number[]
  readonly tell: number
  readonly process?: ProcessIdentity | undefined
}

export class FileCandidate implements Candidate {
  private readonly identity: string
  private readonly context: FileLockContext
  private slots: number[] = []
  private place = -1
  private stopChild: () => void = () => {}
  /** Counts what is asked for: an answer to what was cancelled is none. */
  private asked = 0
  private left = false

  constructor(identity: string, context: FileLockContext) {
    this.identity = identity
    this.context = context
  }

  get inheritFds(): readonly number[] {
    return this.place === -1 ? this.slots : [...this.slots, this.place]
  }

  tryNow(): Promise<AcquireOutcome> {
    const asked = ++this.asked
    return this.context.inTurn(async () => (asked === this.asked ? this.acquire('now') : CANCELLED))
  }

  async takePlace(): Promise<PlaceOutcome> {
    const asked = ++this.asked
    const { directory, standbys, mains } = this.context
    try {
      for (let left = TRIES; standbys > 0 && this.place === -1; left--) {
        const places = await this.persist(asked, () => directory.openLocks('standby', standbys))
        let ended: Ended
        try {
          ended = await this.attempt(asked, { how: 'wait', kind: 'standby', slots: places, tell: -1 })
          if (asked === this.asked && ended.is === 'won') this.place = places[ended.index] ?? -1
        } finally {
          for (const fd of places) if (fd !== this.place) closeQuietly(fd)
        }
        if (asked !== this.asked) return { is: 'cancelled' }
        if (ended.is === 'code' && (ended.code !== REPLACED || left <= 1))
          return { is: 'failed', why: whyFailed(ended, this.context) }
      }
      const slots = await this.persist(asked, () => directory.openLocks('slot', mains))
      if (asked === this.asked) this.slots = slots
      else for (const fd of slots) closeQuietly(fd)
    } catch (error) {
      return this.failed(asked, error)
    }
    return asked === this.asked ? { is: 'placed' } : { is: 'cancelled' }
  }

  wait(tell: number | null, process?: ProcessIdentity): Promise<AcquireOutcome> {
    return tell === null ? this.acquire('wait') : this.waitFor(tell, process)
  }

  handOver(): void {
    this.closeSlots(-1)
    this.closePlace()
  }

  cancel(): void {
    this.asked++
    this.stopChild()
  }

  leave(): void {
    if (this.left) return
    this.left = true
    try {
      this.cancel()
    } finally {
      this.handOver()
      this.context.onEnd(this)
    }
  }

  /** With our own fds, of which the one that is locked is kept, for the main. */
  private async acquire(how: 'now' | 'wait'): Promise<AcquireOutcome> {
    const asked = ++this.asked
    const { directory, mains } = this.context
    this.closeSlots(-1)
    try {
      for (let left = TRIES; ; left--) {
        const slots = await this.persist(asked, () => directory.openLocks('slot', mains))
        let kept: number | undefined
        let ended: Ended
        let outcome: AcquireOutcome
        try {
          ended = await this.attempt(asked, { how, kind: 'slot', slots, tell: -1 })
          outcome = asked === this.asked ? await this.outcomeOf(ended, slots) : CANCELLED
          if (outcome.is === 'acquired' && asked === this.asked) kept = slots[outcome.held.slot]
        } finally {
          for (const fd of slots) if (fd !== kept) closeQuietly(fd)
        }
        if (asked !== this.asked) return CANCELLED
        if (kept !== undefined) {
          this.slots = [kept]
          // It is no standby any more; and its process would keep the place for its life.
          this.closePlace()
        }
        if (ended.is === 'code' && ended.code === REPLACED && left > 1) continue
        return this.told(outcome)
      }
    } catch (error) {
      return this.failed(asked, error)
    }
  }

  /** Its process has inherited the slots: the child that waits shares them with it, and we have no part in them. */
  private async waitFor(tell: number, process: ProcessIdentity | undefined): Promise<AcquireOutcome> {
    const asked = ++this.asked
    const { slots } = this
    try {
      const files = await Promise.all(slots.map((fd) => fstatFile(fd)))
      if (asked !== this.asked) return CANCELLED
      const ended = await this.attempt(asked, { how: 'wait', kind: 'slot', slots, tell, process })
      if (asked !== this.asked) return CANCELLED
      const outcome = await this.outcomeOf(ended, slots, files)
      return asked === this.asked ? this.told(outcome) : CANCELLED
    } catch (error) {
      return this.failed(asked, error)
    }
  }

  /** Not tried again here: a main that holds what was removed has to be gone first. */
  private async failed(asked: number, error: unknown): Promise<PlaceOutcome & AcquireOutcome> {
    const isGone = error instanceof Error && 'code' in error && error.code === 'ENOENT'
    const inTheWay = isGone ? await this.context.restore() : null
    return asked === this.asked ? { is: 'failed', why: textOf(inTheWay ?? error) } : { is: 'cancelled' }
  }

  private told(outcome: AcquireOutcome): AcquireOutcome {
    if (outcome.is === 'acquired') this.context.onHeld(outcome.held as FileHeld)
    return outcome
  }

  private persist<T>(asked: number, act: () => Promise<T>): Promise<T> {
    const onTrouble = (error: Error | null): void => this.context.onTrouble(this, error)
    return whilePassing(act, { isWanted: () => asked === this.asked, onTrouble })
  }

  private attempt(asked: number, attempt: Attempt): Promise<Ended> {
    return this.persist(asked, () => this.attemptOnce(asked, attempt))
  }

  private async attemptOnce(asked: number, attempt: Attempt): Promise<Ended> {
    const { directory } = this.context
    const opened: number[] = []
    try {
      const gate = await directory.openLock(attempt.kind, 'gate')
      opened.push(gate)
      const counter = attempt.kind === 'slot' ? await directory.openCounter() : -1
      if (counter !== -1) opened.push(counter)
      if (asked !== this.asked) return { is: 'code', code: null }
      return await this.run(attempt, gate, counter, opened)
    } finally {
      for (const fd of opened) closeQuietly(fd)
      // What it could not do itself; nobody has to wait for it.
      void directory.removeDeadTickets(attempt.kind).catch(() => {})
    }
  }

  /** Starts the child; what it alone needs is closed at once, and what its process has of its own too. */
  private run(
    { how, kind, slots, tell, process }: Attempt,
    gate: number,
    counter: number,
    opened: number[],
  ): Promise<Ended> {
    const { directory, devNull, start, floor, stopFile, promoteSignal, onTrouble } = this.context
    // Of a cold standby we have it, until its process is started: to unlock it here would cost that one a fork and an exec.
    const place = kind === 'slot' && tell !== -1 ? this.place : -1
    const out = tell === -1 ? devNull : tell
    const fds = fdsForWaiting({ gate, slots, counter, place, tell: out, devNull })
    const args = [how, kind, String(slots.length), floor(), this.identity, directory.path, stopFile ?? '']
    const number = promoteSignal === null ? undefined : parseSignal(promoteSignal)?.number
    if (process !== undefined && number !== undefined)
      args.push(String(number), String(process.pid), String(process.startTime))
    const argv = ['sh', '-c', WAITING_SCRIPT, 'holdfast-lock', ...args]
    return new Promise((resolve, reject) => {
      try {
        this.stopChild = start({ file: '/bin/sh', argv, fds }, (status) => resolve(endedAs(status)))
      } catch (error) {
        return reject(error)
      }
      onTrouble(this, null)
      for (const fd of opened.splice(0)) closeQuietly(fd)
      if (tell !== -1) this.handOver()
    })
  }

  private async outcomeOf(
    ended: Ended,
    slots: readonly number[],
    files?: readonly { readonly dev: number; readonly ino: number }[],
  ): Promise<AcquireOutcome> {
    const { directory, mains, strangers } = this.context
    if (ended.is === 'won') {
      const slot = ended.index
      const own = slots[slot] ?? -1
      // Without a process the next thing is to start it: no detours over threads.
      const entry = files === undefined ? entryOfOpen(own) : await directory.entryOf(slot)
      const file = files?.[slot] ?? fstatSync(own)
      if (entry?.identity !== this.identity) return { is: 'failed', why: `slot ${slot} was taken, and lost at once` }
      const held = new FileHeld(slot, entry.token, file, {
        letGo: () => this.handOver(),
        strangers: () => strangers([slot]),
      })
      return { is: 'acquired', held, told: files !== undefined }
    }
    if (ended.code === BUSY) {
      return { is: 'busy', holders: await strangers(Array.from({ length: mains }, (_, slot) => slot)) }
    }
    if (ended.code === COUNTER_UNREACHABLE) await this.context.restore()
    return { is: 'failed', why: whyFailed(ended, this.context) }
  }

  private closePlace(): void {
    if (this.place !== -1) closeQuietly(this.place)
    this.place = -1
  }

  private closeSlots(except: number): void {
    for (const fd of this.slots) if (fd !== except) closeQuietly(fd)
    this.slots = []
  }
}

const CANCELLED: AcquireOutcome = { is: 'cancelled' }

function endedAs({ code }: WaitStatus): Ended {
  return code !== null && code >= WON && code < 126 ? { is: 'won', index: code - WON } : { is: 'code', code }
}

function whyFailed(ended: Ended, { directory, stopFile }: FileLockContext): string {
  const code = ended.is === 'code' ? ended.code : null
  if (code === REPLACED) return 'the lock file was replaced meanwhile'
  if (code === HELD_BACK) return `${stopFile} is there: nobody starts, and nobody becomes main`
  if (code === COUNTER_UNREACHABLE)
    return `counter, boot or a slot in ${directory.path} can not be read, or not be written`
  if (code === COUNTER_DAMAGED) return directory.damagedCounter().message
  return 'what waited for the lock was killed, or could not wait'
}

function textOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
