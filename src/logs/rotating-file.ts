import { dirname } from 'node:path'
import { deviceSlot, directorySlot, withDiskSlot } from './disk-slots.ts'
import { append, close, fstat, stat } from './file-calls.ts'
import { type FileIdentity, type OpenedLog, type OpenLogOptions, openLog } from './open-log.ts'
import { shiftRotatedFiles } from './rotated-files.ts'

// When a rotation fails (the directory is not ours), the file grows until the next try.
const ROTATION_RETRY = 60_000

/** When a log file is rotated. */
export interface LogRotation {
  /** Bytes that it may have; Infinity: it is never rotated. */
  readonly maxSize: number
  /** Rotated files kept. */
  readonly keep: number
}

export interface RotatingFileOptions extends OpenLogOptions, LogRotation {
  /** Each time that it was opened. The descriptor is ours, and is closed at the next rotation. */
  readonly onOpen?: ((fd: number) => void) | undefined
  /** What failed without keeping us from writing: the owner, the rotation. */
  readonly onTrouble: (error: Error) => void
}

/** The file below a LogFile: asynchronous calls, one at a time, each in a disk slot. They throw what the system answers. */
export class RotatingFile {
  readonly #options: RotatingFileOptions
  readonly #directory: string
  #file: OpenedLog | null = null
  #size = 0
  #left: FileIdentity | null = null
  #noRotationBefore = 0
  #rotation: LogRotation
  #busySince: number | null = null

  constructor(options: RotatingFileOptions) {
    this.#options = options
    this.#rotation = options
    this.#directory = directorySlot(dirname(options.path))
  }

  get isOpen(): boolean {
    return this.#file !== null
  }

  /** The file as it is with all that was written; null if it is not open. */
  get identity(): FileIdentity | null {
    return this.#file === null ? null : { device: this.#file.device, inode: this.#file.inode, size: this.#size }
  }

  /** From now on. */
  set rotation(rotation: LogRotation) {
    this.#rotation = rotation
  }

  /** Bytes that may be written before it has to be rotated. */
  get room(): number {
    const rotates = this.#file?.regular === true && performance.now() >= this.#noRotationBefore
    return rotates ? Math.max(0, this.#rotation.maxSize - this.#size) : Number.POSITIVE_INFINITY
  }

  get size(): number {
    return this.#size
  }

  /** Milliseconds that the call under way has been waiting for the disk, or for its turn; 0 if there is none. */
  stalled(): number {
    return this.#busySince === null ? 0 : performance.now() - this.#busySince
  }

  /** @returns whether it is the file as we left it, so that a line written in part may go on */
  async open(): Promise<boolean> {
    const file = await this.#call(this.#directory, () => openLog(this.#options, this.#left))
    this.#file = file
    this.#size = file.size
    if (file.ownerError !== null) this.#options.onTrouble(file.ownerError)
    this.#options.onOpen?.(file.fd)
    return file.goesOn
  }

  /** @returns bytes written, perhaps not all */
  async write(batch: readonly Buffer[]): Promise<number> {
    const file = this.#file
    if (file === null) throw new Error('not open')
    const bytes = await this.#call(deviceSlot(file.device), () => append(file.fd, batch))
    this.#size += bytes
    return bytes
  }

  /** Shifts FILE, FILE.1 … on and closes; the next open makes a new FILE. */
  async rotate(): Promise<void> {
    const file = this.#file
    if (file === null) return
    try {
      const { path } = this.#options
      const { keep } = this.#rotation
      const done = await this.#call(this.#directory, async () => {
        const held = await fstat(file.fd)
        const named = await stat(path).catch(() => null)
        if (named?.ino !== held.ino || named.dev !== held.dev) return true // moved by somebody: it is enough to reopen
        if (held.size < this.#size) {
          this.#size = held.size // truncated by somebody
          return false
        }
        await shiftRotatedFiles(path, keep)
        return true
      })
      if (done) await this.close()
    } catch (error) {
      // A file that is too large is better than none.
      this.#noRotationBefore = performance.now() + ROTATION_RETRY
      if (error instanceof Error) this.#options.onTrouble(error)
    }
  }

  /** Never throws. */
  async close(): Promise<void> {
    const file = this.#file
    if (file === null) return
    this.#left = this.identity
    this.#file = null
    await this.#call(deviceSlot(file.device), () => close(file.fd)).catch(() => {})
  }

  async #call<T>(slot: string, work: () => Promise<T>): Promise<T> {
    this.#busySince = performance.now()
    try {
      return await withDiskSlot(slot, work)
    } finally {
      this.#busySince = null
    }
  }
}
