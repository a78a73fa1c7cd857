// A flag to wait for, within a thread or between threads.

const UNSET = 0
const SET = 1
type Value = typeof UNSET | typeof SET

/** What setTimeout can count to (24.8 days); a longer time would fire at once. */
const LONGEST_TIMER = 2 ** 31 - 1

/** A shared flag as it goes through postMessage or workerData. */
export interface TransferredFlag {
  /** One 32-bit cell. */
  readonly blockingFlag: SharedArrayBuffer
}

/**
 * How to wait for a flag.
 * @example
 * ```ts
 * import { BlockingFlag, type FlagWaitOptions } from 'holdfast'
 *
 * const flag = new BlockingFlag()
 * const options: FlagWaitOptions = { signal: AbortSignal.timeout(500) }
 * setTimeout(() => flag.set(), 100)
 * console.log(await flag.waitForSet(1_000, options)) // true
 * ```
 */
export interface FlagWaitOptions {
  /** Ends the waiting: the promise rejects with the signal's reason. */
  readonly signal?: AbortSignal
}

interface Waiter {
  readonly awaited: Value
  readonly meet: () => void
}

// In Node since 16; the library of ES2023 does not declare it.
type WaitAsync = (
  cell: Int32Array,
  index: number,
  value: number,
) => { readonly async: false } | { readonly async: true; readonly value: Promise<string> }
const { waitAsync } = Atomics as unknown as { readonly waitAsync: WaitAsync }

/**
 * Set or not set. `new BlockingFlag()` is for one thread. `BlockingFlag.shared()` is for worker_threads: hand `transfer()`
 * to the other thread, and make the flag of it there with `BlockingFlag.from()`. A shared flag that is toggled and toggled
 * back at once may go unnoticed by who waits in another thread.
 * @example
 * ```ts
 * import { isMainThread, Worker, workerData } from 'node:worker_threads'
 * import { BlockingFlag } from 'holdfast'
 *
 * if (isMainThread) {
 *   const stop = BlockingFlag.shared()
 *   new Worker(new URL(import.meta.url), { workerData: stop.transfer() })
 *   setTimeout(() => stop.set(), 5_000)
 * } else {
 *   const stop = BlockingFlag.from(workerData)
 *   while (!stop.waitForSetSync(1_000)) console.log('once a second, until it is set')
 * }
 * ```
 */
export class BlockingFlag {
  readonly #shared: SharedArrayBuffer | null
  readonly #cell: Int32Array
  readonly #waiters = new Set<Waiter>()
  #watching = false
  #holdsLoop: NodeJS.Timeout | undefined

  /** A flag for one thread; with the `transfer()` of a shared one, that flag. */
  constructor(transferred: TransferredFlag | null = null) {
    this.#shared = transferred === null ? null : bufferOf(transferred)
    this.#cell = new Int32Array(this.#shared ?? new ArrayBuffer(Int32Array.BYTES_PER_ELEMENT))
  }

  /** A flag for several threads, not set. */
  static shared(): BlockingFlag {
    return new BlockingFlag({ blockingFlag: new SharedArrayBuffer(Int32Array.BYTES_PER_ELEMENT) })
  }

  /** The flag that another thread handed over with `transfer()`. @throws TypeError for anything else */
  static from(transferred: TransferredFlag): BlockingFlag {
    return new BlockingFlag({ blockingFlag: bufferOf(transferred) })
  }

  /** For postMessage or workerData. @throws TypeError for a flag of one thread */
  transfer(): TransferredFlag {
    return { blockingFlag: this.#sharedBuffer('handed to another thread') }
  }

  /** Now. */
  get isSet(): boolean {
    return Atomics.load(this.#cell, 0) === SET
  }

  /** @returns whether it was not set before */
  set(): boolean {
    return this.#toggle(SET)
  }

  /** @returns whether it was set before */
  reset(): boolean {
    return this.#toggle(UNSET)
  }

  /**
   * Resolves to true when it is set, to false when the time (milliseconds) is over first. Without a time it waits for ever.
   * @throws TypeError for a time that is no number; what `options.signal` was aborted with
   */
  waitForSet(timeoutMillis?: number, options?: FlagWaitOptions): Promise<boolean> {
    return this.#waitFor(SET, timeoutMillis, options)
  }

  /** As `waitForSet`, until it is not set. */
  waitForReset(timeoutMillis?: number, options?: FlagWaitOptions): Promise<boolean> {
    return this.#waitFor(UNSET, timeoutMillis, options)
  }

  /**
   * As waitForSet, but the thread stands still meanwhile. For threads made to work so: Node allows it in the main thread
   * too, and there no signal, timer, request or heartbeat is served until it returns. Shared flags only.
   * @throws TypeError for a flag of one thread, and for a time that is no number
   */
  waitForSetSync(timeoutMillis?: number): boolean {
    return this.#waitForSync(SET, timeoutMillis)
  }

  /** As `waitForSetSync`, until it is not set. */
  waitForResetSync(timeoutMillis?: number): boolean {
    return this.#waitForSync(UNSET, timeoutMillis)
  }

  #toggle(value: Value): boolean {
    if (Atomics.exchange(this.#cell, 0, value) === value) return false
    this.#meetWaiters(value)
    if (this.#shared !== null) Atomics.notify(this.#cell, 0)
    return true
  }

  #waitFor(awaited: Value, timeoutMillis: number | undefined, { signal }: FlagWaitOptions = {}): Promise<boolean> {
    if (signal !== undefined && !(signal instanceof AbortSignal))
      throw new TypeError('options.signal is not an AbortSignal')
    if (signal?.aborted) return Promise.reject(signal.reason)
    const is = (): boolean => Atomics.load(this.#cell, 0) === awaited
    const limit = readTimeout(timeoutMillis)
    if (is() || limit === 0) return Promise.resolve(is())
    return new Promise((resolve, reject) => {
      const end = (): void => {
        clearTimeout(timer)
        signal?.removeEventListener('abort', abort)
        this.#removeWaiter(waiter)
      }
      const waiter: Waiter = {
        awaited,
        meet: () => {
          end()
          resolve(true)
        },
      }
      const abort = (): void => {
        end()
        reject(signal?.reason)
      }
      const giveUp = (): void => {
        end()
        // Another thread may have toggled it just now.
        resolve(is())
      }
      const timer = limit === Number.POSITIVE_INFINITY ? undefined : setTimeout(giveUp, Math.min(limit, LONGEST_TIMER))
      signal?.addEventListener('abort', abort)
      this.#addWaiter(waiter)
    })
  }

  #waitForSync(awaited: Value, timeoutMillis: number | undefined): boolean {
    this.#sharedBuffer('waited for without the event loop: nobody could set it meanwhile')
    const end = performance.now() + readTimeout(timeoutMillis)
    while (Atomics.load(this.#cell, 0) !== awaited) {
      const left = end - performance.now()
      if (left <= 0) return false
      Atomics.wait(this.#cell, 0, awaited === SET ? UNSET : SET, left)
    }
    return true
  }

  #sharedBuffer(use: string): SharedArrayBuffer {
    if (this.#shared === null)
      throw new TypeError(`a flag of one thread can not be ${use}; make it with BlockingFlag.shared()`)
    return this.#shared
  }

  #addWaiter(waiter: Waiter): void {
    this.#waiters.add(waiter)
    if (this.#shared === null) return
    // A thread with nothing else to do would end: waitAsync does not hold the event loop.
    this.#holdsLoop ??= setInterval(() => {}, LONGEST_TIMER)
    void this.#watchOtherThreads()
  }

  #removeWaiter(waiter: Waiter): void {
    if (!this.#waiters.delete(waiter) || this.#waiters.size > 0 || this.#shared === null) return
    clearInterval(this.#holdsLoop)
    this.#holdsLoop = undefined
    // waitAsync can not be taken back. Woken up, it finds nobody waiting; other threads look and wait on.
    Atomics.notify(this.#cell, 0)
  }

  async #watchOtherThreads(): Promise<void> {
    if (this.#watching) return
    this.#watching = true
    while (this.#waiters.size > 0) {
      const value: Value = Atomics.load(this.#cell, 0) === SET ? SET : UNSET
      this.#meetWaiters(value)
      if (this.#waiters.size === 0) break
      const change = waitAsync(this.#cell, 0, value)
      if (change.async) await change.value
    }
    this.#watching = false
  }

  #meetWaiters(value: Value): void {
    for (const waiter of this.#waiters) if (waiter.awaited === value) waiter.meet()
  }
}

/** Milliseconds; Infinity for none. */
function readTimeout(timeoutMillis: number | undefined): number {
  if (timeoutMillis === undefined) return Number.POSITIVE_INFINITY
  if (typeof timeoutMillis !== 'number' || Number.isNaN(timeoutMillis))
    throw new TypeError(`a timeout is a number of milliseconds, not ${String(timeoutMillis)}`)
  return Math.max(0, timeoutMillis)
}

function bufferOf(transferred: TransferredFlag): SharedArrayBuffer {
  if (transferred?.blockingFlag instanceof SharedArrayBuffer) return transferred.blockingFlag
  throw new TypeError('a flag is made of what transfer() of a shared flag gave')
}
