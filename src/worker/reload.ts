/** What a reload says to the outside. */
export interface ReloadHost {
  reloading(): void
  reloaded(): void
  failed(error: unknown): void
}

/** Runs `onReload` callbacks, one reload after the other, and keeps the configuration in force. */
export class Reload {
  readonly #host: ReloadHost
  readonly #callbacks: ((config: unknown) => unknown)[] = []
  #config: unknown
  #turn: Promise<void> = Promise.resolve()

  constructor(host: ReloadHost) {
    this.#host = host
  }

  /** The one that it began with, or of the last reload that every callback accepted. */
  get config(): unknown {
    return this.#config
  }

  /** Before the first reload. */
  begin(config: unknown): void {
    this.#config = config
  }

  onReload(callback: (config: unknown) => unknown): void {
    this.#callbacks.push(callback)
  }

  /** @param next gives the configuration when its turn comes. */
  ask(next: (inForce: unknown) => unknown): void {
    this.#turn = this.#turn.then(() => this.#carryOut(next(this.#config)))
  }

  async #carryOut(config: unknown): Promise<void> {
    this.#host.reloading()
    try {
      for (const callback of this.#callbacks) await callback(config)
      this.#config = config
    } catch (error) {
      // The worker goes on with what it had.
      this.#host.failed(error)
    }
    this.#host.reloaded()
  }
}
