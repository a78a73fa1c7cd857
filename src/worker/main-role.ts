import type { Promotion, Role } from './worker.ts'

/**
 * Thrown by `assertMain`.
 * @example
 * ```ts
 * import { NotMainError, worker } from 'holdfast/worker'
 *
 * try {
 *   worker.assertMain()
 * } catch (error) {
 *   if (!(error instanceof NotMainError)) throw error
 *   console.error(error.message) // this worker is a standby: it has not been promoted
 * }
 * ```
 */
export class NotMainError extends Error {
  /** To be told apart by. */
  readonly code = 'HF_NOT_MAIN' as const

  /** Made by `assertMain`. */
  constructor(message: string) {
    super(message)
    this.name = 'NotMainError'
  }
}

/** Whether this worker is main: from the start, by a promotion, or no longer. */
export class MainRole {
  readonly #failed: (error: unknown) => void
  readonly #callbacks: ((promotion: Promotion) => unknown)[] = []
  #promotion: Promotion | null
  #lost: string | null = null

  constructor(role: Role, fromTheStart: Promotion, failed: (error: unknown) => void) {
    this.#failed = failed
    this.#promotion = role === 'main' ? fromTheStart : null
  }

  get role(): Role {
    return this.#promotion === null ? 'standby' : 'main'
  }

  get token(): string | null {
    return this.#promotion?.token ?? null
  }

  /** Somebody waits for the promotion. */
  get isAwaited(): boolean {
    return this.#promotion === null && this.#callbacks.length > 0
  }

  onPromote(callback: (promotion: Promotion) => unknown): void {
    this.#callbacks.push(callback)
    const promotion = this.#promotion
    if (promotion !== null) queueMicrotask(() => this.#call(callback, promotion))
  }

  promote(promotion: Promotion): void {
    this.#promotion = promotion
    this.#lost = null
    for (const callback of this.#callbacks) this.#call(callback, promotion)
  }

  lose(reason: string): void {
    this.#promotion = null
    this.#lost = reason
  }

  /** @throws NotMainError */
  assertMain(): void {
    if (this.#promotion !== null) return
    if (this.#lost === null) throw new NotMainError('this worker is a standby: it has not been promoted')
    throw new NotMainError(`this worker is main no more: ${this.#lost || 'it lost its lock'}`)
  }

  async #call(callback: (promotion: Promotion) => unknown, promotion: Promotion): Promise<void> {
    try {
      await callback(promotion)
    } catch (error) {
      this.#failed(error)
    }
  }
}
