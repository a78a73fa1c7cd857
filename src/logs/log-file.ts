import { errorCode } from './file-calls.ts'
import type { FileIdentity } from './open-log.ts'
import { type LogRotation, RotatingFile } from './rotating-file.ts'
import { bytesQueuedInTotal, WriteQueue } from './write-queue.ts'

const MIB = 1024 * 1024
const LARGEST_BATCH = MIB
const FULL = MIB
const CHOKED = 8 * MIB
// A thousand services on one disk that hangs must not hold a megabyte each.
const FULL_IN_TOTAL = 32 * MIB
const FULL_SHARE = 64 * 1024
const CHOKED_IN_TOTAL = 64 * MIB

export const DEFAULT_ROTATION: LogRotation = { maxSize: 10 * MIB, keep: 5 }

const FIRST_RETRY = 100
const LAST_RETRY = 5_000
const DEADLINE = 5_000

export interface LogFileOptions {
  readonly path: string
  /** Bytes; the file is rotated at the line's end before it would become larger. Default 10 MiB; Infinity: never. */
  readonly maxSize?: number
  /** Rotated files kept: FILE.1 … FILE.5. Default 5. */
  readonly keep?: number
  /** Default 0o640. */
  readonly mode?: number
  /** Owner of the file. Default: ours. */
  readonly uid?: number
  readonly gid?: number
  /** Each time that it was opened. The descriptor is not to be kept: at the next rotation it is closed. */
  readonly onOpen?: (fd: number) => void
  /** Told once when writing starts to fail, and again when the reason changes. The lines are kept and tried again. */
  readonly onTrouble?: (error: Error, path: string) => void
  readonly onRecovered?: (outage: LogOutage, path: string) => void
  /** A line (with its \n) to write when it works again. Default: none. */
  readonly recoveryLine?: (outage: LogOutage) => Buffer | null
}

export interface LogOutage {
  readonly error: Error
  /** How long nothing could be written. */
  readonly milliseconds: number
}

interface Waiter {
  /** Settled when so many bytes of the queue are written. */
  target: number
  readonly settle: (end: FileIdentity | null) => void
}

/**
 * A file of lines, written asynchronously, one batch in flight, and rotated at a line's end. Opened at the first line.
 * Never waits and never throws for the disk's sake: on an error it keeps the lines and tries again, on a disk that hangs
 * it keeps them and waits. Whoever appends looks at `full` before it reads more.
 */
export class LogFile {
  readonly path: string
  readonly #options: LogFileOptions
  readonly #file: RotatingFile
  #maxSize: number
  readonly #queue = new WriteQueue()
  /** The loop while it runs. */
  #loop: Promise<void> | null = null
  #openAsked = false
  #reopenAsked = false
  #ended = false
  #outage: { readonly since: number; error: Error; retry: number } | null = null
  #retryNow: (() => void) | null = null
  #waiters: Waiter[] = []
  #drainListeners: (() => void)[] = []

  constructor(options: LogFileOptions) {
    const { path, mode = 0o640, uid, gid } = options
    const { maxSize = DEFAULT_ROTATION.maxSize, keep = DEFAULT_ROTATION.keep } = options
    this.path = path
    this.#options = options
    this.#maxSize = maxSize
    const onTrouble = (error: Error) => options.onTrouble?.(error, path)
    this.#file = new RotatingFile({ path, maxSize, keep, mode, uid, gid, onTrouble, onOpen: options.onOpen })
  }

  /** From now on; a file that is too large for it is rotated before the next line. */
  set rotation({ maxSize = DEFAULT_ROTATION.maxSize, keep = DEFAULT_ROTATION.keep }: Partial<LogRotation>) {
    this.#maxSize = maxSize
    this.#file.rotation = { maxSize, keep }
  }

  /** Takes over buffers of whole lines: nobody may change them any more. */
  append(buffers: Buffer | readonly Buffer[]): void {
    if (this.#ended) throw new Error(`${this.path} is closed`)
    if (Buffer.isBuffer(buffers)) this.#queue.push(buffers)
    else for (const buffer of buffers) this.#queue.push(buffer)
    this.#wake()
  }

  /** More than 1 MiB waits: stop reading and ask onDrain. */
  get full(): boolean {
    const queued = this.#queue.bytes
    return queued > FULL || (queued > FULL_SHARE && bytesQueuedInTotal() > FULL_IN_TOTAL)
  }

  /** So much waits that not even the last words of a process should be added. */
  get choked(): boolean {
    const queued = this.#queue.bytes
    return queued > CHOKED || (queued > FULL_SHARE && bytesQueuedInTotal() > CHOKED_IN_TOTAL)
  }

  get queuedBytes(): number {
    return this.#queue.bytes
  }

  /** Calls the listener once, when the file is next not full. */
  onDrain(listener: () => void): void {
    this.#drainListeners.push(listener)
    if (!this.full) this.#tellDrained()
  }

  /** Milliseconds that the file call under way has been waiting for the disk; 0 if there is none. */
  stalled(): number {
    return this.#file.stalled()
  }

  /** What writing fails with at the moment. */
  get trouble(): Error | null {
    return this.#outage?.error ?? null
  }

  /** Opens the file anew before the next write: somebody moved it away. If writing has been failing, tries at once. */
  reopen(): void {
    if (!this.#file.isOpen && this.#outage === null) return
    this.#reopenAsked = true
    this.#wake()
    this.#retryNow?.()
  }

  /** Resolves when all that was appended before is in the file: true; false if the deadline (milliseconds, default 5 s) came first. */
  async flush(options: { deadline?: number } = {}): Promise<boolean> {
    return this.#queue.bytes === 0 || (await this.written(options)) !== null
  }

  /** Up to where in which file all that was appended before stands; null if the deadline came first. Makes the file. */
  written({ deadline = DEADLINE }: { deadline?: number } = {}): Promise<FileIdentity | null> {
    if (this.#ended) return Promise.resolve(null)
    return new Promise((resolve) => {
      const timer = Number.isFinite(deadline) ? setTimeout(() => waiter.settle(null), deadline) : undefined
      const waiter: Waiter = {
        target: this.#queue.appended,
        settle: (end) => {
          clearTimeout(timer)
          this.#waiters = this.#waiters.filter((other) => other !== waiter)
          resolve(end)
        },
      }
      this.#waiters.push(waiter)
      this.#openAsked = true
      this.#wake()
    })
  }

  /** Flushes and closes. False if the deadline came first: what was not written is given up. */
  async close({ deadline = DEADLINE }: { deadline?: number } = {}): Promise<boolean> {
    if (this.#ended) return true
    const complete = await this.flush({ deadline })
    this.#ended = true
    this.#queue.clear()
    for (const waiter of this.#waiters) waiter.settle(null)
    this.#retryNow?.()
    this.#tellDrained()
    // A call that is stuck needs its descriptor still; the loop closes it if the call ever comes back.
    const closed = this.#loop ?? this.#file.close()
    if (complete) await within(deadline, closed)
    return complete
  }

  #wake(): void {
    this.#loop ??= this.#run()
  }

  /** The one loop that touches the file. */
  async #run(): Promise<void> {
    await null // what else is appended in this turn goes into the same write
    while (!this.#ended && (this.#queue.bytes > 0 || this.#openAsked || this.#reopenAsked)) {
      try {
        await this.#step()
      } catch (error) {
        await this.#fail(error instanceof Error ? error : new Error(String(error)))
      }
    }
    if (this.#ended) await this.#file.close()
    this.#loop = null
  }

  /** Opens the file, rotates it or writes a batch. */
  async #step(): Promise<void> {
    if (this.#reopenAsked) {
      await this.#file.close()
      this.#reopenAsked = false
      this.#openAsked = true
    }
    if (!this.#file.isOpen) {
      const goesOn = await this.#file.open()
      // A line that was written in part when the disk failed must not start in its middle here.
      if (!goesOn && !this.#ended) this.#queue.rewindLine()
    }
    this.#openAsked = false
    if (this.#queue.bytes > 0) {
      const batch = this.#nextBatch()
      if (batch === 'rotate') return await this.#file.rotate()
      if (!(await this.#write(batch))) return
    }
    this.#recover()
    this.#settleWaiters()
    this.#tellDrained()
  }

  #nextBatch(): readonly Buffer[] | 'rotate' {
    const { room, size } = this.#file
    const batch = this.#queue.next(Math.min(room, LARGEST_BATCH))
    if (batch.length > 0) return batch
    const line = this.#queue.nextLine()
    // A raw file without a line end in sight is at last rotated within the line.
    const mayRotate = this.#queue.atLineStart || size > 2 * this.#maxSize
    return size > 0 && line.length > room && mayRotate ? 'rotate' : [line]
  }

  /** @returns whether all of it was written */
  async #write(batch: readonly Buffer[]): Promise<boolean> {
    const bytes = await this.#file.write(batch)
    if (this.#ended) return false
    this.#queue.advance(bytes)
    return bytes === batch.reduce((sum, buffer) => sum + buffer.length, 0)
  }

  async #fail(error: Error): Promise<void> {
    // Opened anew at each try: the file may have been deleted to make room, and frees it only when it is closed.
    await this.#file.close()
    if (this.#ended) return
    const outage = this.#outage
    if (outage === null) this.#outage = { since: performance.now(), error, retry: FIRST_RETRY }
    else outage.retry = Math.min(LAST_RETRY, outage.retry * 2)
    if (outage === null || errorCode(outage.error) !== errorCode(error)) this.#options.onTrouble?.(error, this.path)
    if (outage !== null) outage.error = error
    if (this.#reopenAsked) return
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, this.#outage?.retry ?? FIRST_RETRY)
      this.#retryNow = () => {
        clearTimeout(timer)
        resolve()
      }
    })
    this.#retryNow = null
  }

  #recover(): void {
    if (this.#outage === null) return
    const { error, since } = this.#outage
    const outage = { error, milliseconds: Math.round(performance.now() - since) }
    this.#outage = null
    const line = this.#options.recoveryLine?.(outage)
    if (line) {
      this.#queue.pushFirst(line)
      for (const waiter of this.#waiters) waiter.target += line.length
    }
    this.#options.onRecovered?.(outage, this.path)
  }

  #settleWaiters(): void {
    const end = this.#file.identity
    if (end === null || this.#waiters.length === 0) return
    const { written } = this.#queue
    for (const waiter of this.#waiters.filter(({ target }) => target <= written)) {
      // What the last write carried beyond the target stands at the end of this same file.
      waiter.settle({ ...end, size: end.size - (written - waiter.target) })
    }
  }

  #tellDrained(): void {
    if (this.#drainListeners.length === 0 || (this.full && !this.#ended)) return
    const listeners = this.#drainListeners
    this.#drainListeners = []
    // Later: what goes wrong in a listener must not look like trouble with the disk.
    for (const listener of listeners) queueMicrotask(listener)
  }
}

/** Waits for the work, but no longer than this. */
async function within(milliseconds: number, work: Promise<void>): Promise<void> {
  let timer: NodeJS.Timeout | undefined
  const over = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, milliseconds)
  })
  await Promise.race([work, over])
  clearTimeout(timer)
}
