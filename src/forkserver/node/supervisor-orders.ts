// Orders come from the first moment on; what is to be started while the application loads waits until there is somebody to do it.
import { readOrder } from './read-order.ts'
import type { StartOrder } from './start-order.ts'
import { type Answer, type LinkFds, SupervisorLink } from './supervisor-link.ts'

export class SupervisorOrders {
  /** Its workers are the supervisor's children. */
  readonly onChild = null
  readonly #link: SupervisorLink
  readonly #early: StartOrder[] = []
  #start = (order: StartOrder): void => {
    this.#early.push(order)
  }

  constructor(fds: LinkFds) {
    this.#link = new SupervisorLink(
      fds,
      (line) => this.#obey(line),
      () => this.end(0),
    )
  }

  /** From now on it is `start` that is called, for what came before, too. */
  beginWith(start: (order: StartOrder) => void): void {
    this.#start = start
    for (const order of this.#early.splice(0)) start(order)
  }

  answer(answer: Answer): void {
    this.#link.answer(answer)
  }

  giveUp(error: string): void {
    this.#link.answer({ error })
    this.end(1)
  }

  end(code: number): void {
    this.#link.end(() => process.exit(code))
  }

  abandon(): void {
    this.#link.abandon()
  }

  #obey(line: string): void {
    try {
      const order = readOrder(line)
      if (order?.is === 'quit') this.end(0)
      else if (order?.is === 'start') this.#start(order.order)
    } catch (error) {
      this.#link.answer({ error: (error as Error).message })
    }
  }
}
