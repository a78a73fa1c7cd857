import type { Drain } from './drain.ts'
import type { StopRequest } from './worker.ts'

/** Connections that are idle at the end get a FIN this long before the supervisor's next signal. */
const farewellMillis = 1_000
/** From that FIN to the end of waiting: time for answers under way. */
const lastAnswersMillis = 500

/** Of `worker.signal`. */
export class StopAskedError extends Error {
  constructor(request: StopRequest) {
    super(request.reason, { cause: request })
    this.name = 'AbortError'
  }
}

export interface StopHost {
  /** Announce the stop: it is on, and will not be taken back. */
  begun(request: StopRequest): void
  /** Resolves when no work is under way that the drains do not know of. */
  workDone(): Promise<void>
  /** An onStop callback threw. */
  failed(error: unknown): void
  /** `finished`: everything is done. `time-up`: the supervisor's next signal is near. */
  ended(how: 'finished' | 'time-up'): void
}

/**
 * Carries out one stop: no new connections, answers under way finish, `onStop` callbacks, end. Asked again (the signal and
 * the message come both) it only takes over the deadline.
 */
export class GracefulStop {
  readonly #host: StopHost
  readonly #drains: Drain[] = []
  readonly #callbacks: ((request: StopRequest) => unknown)[] = []
  #request: StopRequest | null = null
  #timer: NodeJS.Timeout | null = null
  #finished: Promise<void> | null = null
  #timeIsUp: () => void = () => {}

  constructor(host: StopHost) {
    this.#host = host
  }

  get asked(): boolean {
    return this.#request !== null
  }

  /** Resolves when the stop is carried out; at once where none was asked for. */
  get finished(): Promise<void> {
    return this.#finished ?? Promise.resolve()
  }

  /** There is something that only the stop can finish. */
  get hasWork(): boolean {
    return this.#drains.length > 0 || this.#callbacks.length > 0
  }

  addDrain(drain: Drain): void {
    this.#drains.push(drain)
  }

  onStop(callback: (request: StopRequest) => unknown): void {
    this.#callbacks.push(callback)
  }

  /** Resolves when the stop is carried out. */
  ask(request: StopRequest): Promise<void> {
    const first = this.#finished === null
    this.#request = request
    this.#arm(request.deadline.getTime() - Date.now())
    if (first) this.#host.begun(request)
    this.#finished ??= this.#carryOut()
    return this.#finished
  }

  /** Nothing follows any more. */
  disarm(): void {
    if (this.#timer !== null) clearTimeout(this.#timer)
    this.#timer = null
  }

  /** Everything is cut off now. */
  abandon(): void {
    if (this.#timer !== null) clearTimeout(this.#timer)
    for (const drain of this.#drains) {
      void drain.begin()
      drain.destroy()
    }
    this.#timeIsUp()
  }

  async #carryOut(): Promise<void> {
    const timeIsUp = new Promise<void>((resolve) => {
      this.#timeIsUp = resolve
    })
    const drained = Promise.all([...this.#drains.map((drain) => drain.begin()), this.#host.workDone()])
    await Promise.race([drained, timeIsUp])
    for (const drain of this.#drains) drain.destroy()
    await this.#callBack()
    this.#host.ended('finished')
  }

  async #callBack(): Promise<void> {
    // Last registered, first called: what was opened first is closed last.
    for (const callback of [...this.#callbacks].reverse()) {
      try {
        if (this.#request !== null) await callback(this.#request)
      } catch (error) {
        this.#host.failed(error)
      }
    }
  }

  /** Timers do not keep the process alive: what ends by itself may. A timeout under 2 s is divided alike. */
  #arm(remaining: number): void {
    const farewell = Math.min(farewellMillis, Math.max(0, remaining) / 2)
    const steps: readonly [number, () => void][] = [
      [remaining - farewell, () => this.#endIdle()],
      [Math.min(lastAnswersMillis, farewell / 2), () => this.#timeIsUp()],
      [farewell / 4, () => this.#host.ended('time-up')],
    ]
    const next = (step: number): void => {
      const [wait, act] = steps[step] ?? []
      if (this.#timer !== null) clearTimeout(this.#timer)
      if (wait === undefined || act === undefined) return
      this.#timer = setTimeout(
        () => {
          next(step + 1)
          act()
        },
        Math.max(0, wait),
      ).unref()
    }
    next(0)
  }

  #endIdle(): void {
    for (const drain of this.#drains) drain.endIdle()
  }
}
