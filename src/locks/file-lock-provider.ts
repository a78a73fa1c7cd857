// Locks of the kernel on one machine, flock(2) on files of a directory: free exactly when the last process that holds it is dead.
import { type FSWatcher, watch } from 'node:fs'
import { HoldfastError } from '../errors/holdfast-error.ts'
import { findCommand } from '../os/command-path.ts'
import { agreeOnCounts } from './agreed-counts.ts'
import { FileCandidate, type FileLockContext } from './file-candidate.ts'
import type { FileHeld } from './file-held.ts'
import { closeQuietly, type FileSystemType, LockDirectory, requireIdentity } from './lock-directory.ts'
import type { Candidate, LockHolder, LockProvider, ProviderHealth, SlotReport } from './lock-provider.ts'
import { holdersOf } from './slot-holders.ts'
import type { StartLockCommand } from './start-lock-command.ts'
import { FIRST_TOKEN, SLOTS_AT_MOST } from './waiting-script.ts'

export interface FileLockOptions {
  readonly directory: string
  /** K and M. */
  readonly mains: number
  readonly standbys: number
  readonly stopFile?: string | null
  /** Without SIG, to the process of a standby that is promoted. */
  readonly promoteSignal?: string | null
  readonly start: StartLockCommand
  readonly devNull: number
  /** A process that we started, or have otherwise on our books. */
  readonly isOurs: (pid: number) => boolean
  readonly fileSystemType?: FileSystemType
}

export class FileLockProvider implements LockProvider {
  readonly name = 'file'
  readonly kind = 'kernel'
  readonly fencing = 'slot'
  private readonly options: FileLockOptions
  private readonly directory: LockDirectory
  private readonly candidates = new Set<FileCandidate>()
  private readonly held = new Set<FileHeld>()
  private highest = String(FIRST_TOKEN)
  private watcher: FSWatcher | null = null
  private problem: string | null = null
  /** What is tried again. */
  private readonly troubles = new Map<FileCandidate, string>()
  /** As long as it is open nobody contends with other counts. */
  private agreement = -1
  /** Two of ours that ask at the same moment would find each other at the gate, and both go away. */
  private turn: Promise<unknown> = Promise.resolve()
  private restoring: Promise<Error | null> | null = null
  private isClosed = false

  constructor(options: FileLockOptions) {
    const { mains, standbys, directory, fileSystemType } = options
    for (const count of [mains, standbys])
      if (count > SLOTS_AT_MOST) throw new RangeError(`not more than ${SLOTS_AT_MOST} mains or standbys: ${count}`)
    this.options = options
    this.directory = new LockDirectory(directory, fileSystemType)
  }

  async open(): Promise<void> {
    for (const program of ['flock', 'setpriv']) requireProgram(program)
    await this.directory.prepare()
    this.agreement = await agreeOnCounts(this.directory, this.options)
    await this.seeTokens()
    this.watchDirectory()
  }

  candidate(identity: string): Candidate {
    requireIdentity(identity)
    const { mains, standbys, stopFile = null, promoteSignal = null, devNull, start } = this.options
    const context: FileLockContext = {
      directory: this.directory,
      mains,
      standbys,
      stopFile,
      promoteSignal,
      devNull,
      start,
      strangers: (slots) => this.strangers(slots),
      floor: () => this.highest,
      onHeld: (held) => this.hold(held),
      onTrouble: (of, error) => {
        if (error === null) this.troubles.delete(of)
        else this.troubles.set(of, `locks can not be asked for just now: ${error.message}`)
      },
      onEnd: (ended) => {
        this.candidates.delete(ended)
        this.troubles.delete(ended)
      },
      inTurn: (act) => this.inTurn(act),
      restore: () => {
        this.restoring ??= this.restore().finally(() => {
          this.restoring = null
        })
        return this.restoring
      },
    }
    const candidate = new FileCandidate(identity, context)
    this.candidates.add(candidate)
    return candidate
  }

  async report(): Promise<readonly SlotReport[]> {
    const slots = Array.from({ length: this.options.mains }, (_, slot) => slot)
    return Promise.all(
      slots.map(async (slot) => {
        const entry = await this.directory.entryOf(slot)
        const holders = await holdersOf(this.directory.fileOf('slot', slot))
        return { slot, token: entry?.token ?? null, identity: entry?.identity ?? null, holders }
      }),
    )
  }

  health(): ProviderHealth {
    const [trouble = null] = this.troubles.values()
    const problem = trouble ?? this.problem
    return { state: problem === null ? 'ok' : 'degraded', problem }
  }

  close(): void {
    this.isClosed = true
    this.watcher?.close()
    this.watcher = null
    for (const candidate of [...this.candidates]) candidate.leave()
    if (this.agreement !== -1) closeQuietly(this.agreement)
    this.agreement = -1
  }

  /** Looks whether the files that ours hold are still what others open. */
  async checkPlaces(): Promise<void> {
    for (const held of [...this.held]) {
      await held.checkPlace(this.directory)
      if (held.isReleased) this.held.delete(held)
    }
  }

  /** As `open`, beside those of ours that are there. Tokens go on from the highest that was seen. */
  private async restore(): Promise<Error | null> {
    try {
      await this.checkPlaces()
      await this.directory.prepare()
      const agreement = await agreeOnCounts(this.directory, this.options)
      closeQuietly(this.isClosed ? agreement : this.agreement)
      if (this.isClosed) return null
      this.agreement = agreement
      await this.seeTokens()
      if (this.isClosed) return null
      this.watcher?.close()
      this.watchDirectory()
      return null
    } catch (error) {
      return error instanceof Error ? error : new Error(String(error))
    }
  }

  private async seeTokens(): Promise<void> {
    for (let slot = 0; slot < this.options.mains; slot++) this.see((await this.directory.entryOf(slot))?.token)
  }

  private inTurn<T>(act: () => Promise<T>): Promise<T> {
    const result = this.turn.then(act)
    this.turn = result.catch(() => {})
    return result
  }

  private hold(held: FileHeld): void {
    this.see(held.token)
    this.held.add(held)
    for (const other of this.held) if (other.isReleased) this.held.delete(other)
  }

  private see(token: string | undefined): void {
    if (token !== undefined && BigInt(token) > BigInt(this.highest)) this.highest = token
  }

  /** A main of ours may have children that hold its slot with it. */
  private async strangers(slots: readonly number[]): Promise<readonly LockHolder[]> {
    const found = await Promise.all(slots.map((slot) => holdersOf(this.directory.fileOf('slot', slot))))
    return found.filter((holders) => !holders.some(({ pid }) => this.options.isOurs(pid))).flat()
  }

  private watchDirectory(): void {
    try {
      this.watcher = watch(this.directory.path, { persistent: false }, (event) => {
        if (event === 'rename') void this.checkPlaces()
      })
      this.watcher.on('error', (error) => this.unwatched(error))
    } catch (error) {
      this.unwatched(error)
    }
  }

  private unwatched(error: unknown): void {
    const why = error instanceof Error ? error.message : String(error)
    this.problem = `nobody would see that somebody removes the lock files: ${why}`
  }
}

function requireProgram(program: string): void {
  try {
    findCommand(program, undefined, '/')
  } catch (error) {
    throw new HoldfastError('HF_LOCK_PROGRAM', { program }, { cause: error })
  }
}
