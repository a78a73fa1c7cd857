import { constants, openSync } from 'node:fs'
import { dirname } from 'node:path'
import { directorySlot, withDiskSlot } from '../logs/disk-slots.ts'
import { errorCode, stat } from '../logs/file-calls.ts'
import { LogFile } from '../logs/log-file.ts'
import type { FileIdentity } from '../logs/open-log.ts'
import { rotatedPath } from '../logs/rotated-files.ts'
import { awaitAtEnd, writeFully } from './exit-writes.ts'
import type { LineBacklog } from './line-backlog.ts'
import type { LineOutlet } from './line-writer.ts'
import { rotateTogether } from './rotate-together.ts'

const LARGEST_BATCH = 256 * 1024
// When a rotation fails (the directory is not ours, another process hangs in one), the file grows until the next try.
const ROTATION_RETRY = 60_000
const OTHERS_ROTATION = 1_000
const LOOK_AGAIN = 5
// On a busy machine a second is soon over, for the other process as well: it has to have had its turns as we had ours.
const LOOKS = 50
const HANGS = 1_000
const PATIENCE_WITH_THREAD = 100
// Whoever renames a log mostly makes a new one himself, with its owner and mode.
const PATIENCE_WITH_RENAMER = 1_000

export interface SharedLogFileOptions {
  readonly path: string
  /** Bytes; Infinity: never rotated. */
  readonly maxSize: number
  readonly keep: number
  readonly mode?: number
  readonly onTrouble: (error: Error) => void
  /** A line (with its \n) that says this. */
  readonly noteOf: (text: string) => string
}

/**
 * A log that several processes may write, each with an object like this. Before each write it looks at what the name leads
 * to: how large the file has become by everybody's lines, and whether somebody has moved it away. LogFile, which writes,
 * counts only what it wrote itself; so it rotates nothing here.
 */
export class SharedLogFile implements LineOutlet {
  readonly #options: SharedLogFileOptions
  readonly #directory: string
  readonly #file: LogFile
  /** The file that is open; null: to be opened first. */
  #open: FileIdentity | null = null
  #noRotationBefore = 0
  /** Another process is at it since then, and was looked at so often. */
  #othersRotate: { readonly since: number; looks: number } | null = null
  #missingSince: number | null = null
  /** Handed on, and not known to be written yet. */
  #underWay = ''
  #closed = false

  constructor(options: SharedLogFileOptions) {
    const { path, mode, onTrouble, noteOf } = options
    this.#options = options
    this.#directory = directorySlot(dirname(path))
    this.#file = new LogFile({
      path,
      maxSize: Number.POSITIVE_INFINITY,
      ...(mode === undefined ? {} : { mode }),
      onTrouble,
      recoveryLine: ({ error, milliseconds }) =>
        Buffer.from(
          noteOf(`for ${(milliseconds / 1000).toFixed(1)} s this log could not be written: ${error.message}`),
        ),
    })
  }

  async writeSome(backlog: LineBacklog): Promise<void> {
    if (this.#closed) return void backlog.takeAll()
    // Opened before anything is handed on: what is in the backlog can still be written if the process exits.
    if (this.#open === null) return await this.#written()
    const named = await this.#look()
    if (this.#closed) return
    if (this.#isMoved(named)) return this.reopen()
    if (named === null && (await this.#isRotated())) return await untilNextLook()
    const room = this.#roomIn(named)
    if (backlog.nextBytes > room && named !== null && named.size > 0) return await this.#rotate(named)
    const text = backlog.take(Math.min(room, LARGEST_BATCH)) || backlog.takeOne()
    this.#underWay = text
    this.#file.append(Buffer.from(text))
    await this.#written()
    this.#underWay = ''
  }

  writeAtExit(text: string): void {
    if (this.#file.stalled() > HANGS) return
    const { O_RDWR, O_APPEND, O_CREAT, O_NOCTTY, O_NONBLOCK } = constants
    const fd = openSync(
      this.#options.path,
      O_RDWR | O_APPEND | O_CREAT | O_NOCTTY | O_NONBLOCK,
      this.#options.mode ?? 0o640,
    )
    const patience = this.#file.trouble === null ? PATIENCE_WITH_THREAD : 0
    // A thread is about to write it; or it could not yet, for the file's sake.
    const isThere = this.#underWay === '' || awaitAtEnd(fd, this.#underWay, patience)
    writeFully(fd, isThere ? text : this.#underWay + text)
  }

  reopen(): void {
    this.#open = null
    this.#missingSince = null
    this.#file.reopen()
  }

  async close(deadline: number): Promise<void> {
    this.#closed = true
    await this.#file.close({ deadline })
  }

  /** Waits, for as long as the disk is full, until all that was handed on is in the file. Opens it. */
  async #written(): Promise<void> {
    this.#open = await this.#file.written({ deadline: Number.POSITIVE_INFINITY })
  }

  async #look(): Promise<FileIdentity | null> {
    try {
      const is = await withDiskSlot(this.#directory, () => stat(this.#options.path))
      // A device or a FIFO is never full: renamed, /dev/null would be gone for everybody.
      return { device: is.dev, inode: is.ino, size: is.isFile() ? is.size : 0 }
    } catch (error) {
      // Anything else is for the write to find out, which knows how to wait.
      return errorCode(error) === 'ENOENT' || this.#open === null ? null : { ...this.#open, size: 0 }
    }
  }

  #isMoved(named: FileIdentity | null): boolean {
    if (named !== null) {
      this.#missingSince = null
      return named.inode !== this.#open?.inode || named.device !== this.#open.device
    }
    this.#missingSince ??= performance.now()
    return performance.now() - this.#missingSince >= PATIENCE_WITH_RENAMER
  }

  /** By another process, which is about to make the new one; and the old one is full. */
  async #isRotated(): Promise<boolean> {
    const { path, keep } = this.#options
    for (let number = 1; number <= keep; number++) {
      const is = await withDiskSlot(this.#directory, () => stat(rotatedPath(path, number))).catch(() => null)
      if (is === null) return false
      if (is.ino === this.#open?.inode && is.dev === this.#open.device) return true
    }
    return false
  }

  /** Bytes that may be written before the file has to be rotated. */
  #roomIn(named: FileIdentity | null): number {
    if (named === null || performance.now() < this.#noRotationBefore) return Number.POSITIVE_INFINITY
    return Math.max(0, this.#options.maxSize - named.size)
  }

  async #rotate(named: FileIdentity): Promise<void> {
    const { path, keep } = this.#options
    try {
      const outcome = await withDiskSlot(this.#directory, () => rotateTogether(path, keep, named))
      if (outcome === 'rotated') this.reopen()
      if (outcome !== 'others') this.#othersRotate = null
      else await this.#letOthersRotate()
    } catch (error) {
      // A file that is too large is better than none.
      this.#noRotationBefore = performance.now() + ROTATION_RETRY
      if (error instanceof Error) this.#options.onTrouble(error)
    }
  }

  async #letOthersRotate(): Promise<void> {
    this.#othersRotate ??= { since: performance.now(), looks: 0 }
    const { since } = this.#othersRotate
    if (++this.#othersRotate.looks <= LOOKS || performance.now() - since < OTHERS_ROTATION) return await untilNextLook()
    // Stopped, or hanging in the disk: we write on meanwhile.
    this.#othersRotate = null
    this.#noRotationBefore = performance.now() + ROTATION_RETRY
  }
}

function untilNextLook(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, LOOK_AGAIN))
}
