// Takes orders, and forks a worker for each. The child returns from the fork in the middle of this file.
import { closeFd } from '../../os/close-fd.ts'
import { forkGrandchild } from '../../os/fork.ts'
import { inheritMemory, prepareInheritance } from '../../os/inherit-memory.ts'
import type { NodeThreads } from '../../os/node-threads.ts'
import { openPipe } from '../../os/pipe.ts'
import { becomeWorker, type Inheritance } from './become-worker.ts'
import { Birth } from './birth.ts'
import { runAfterFork, runBeforeFork } from './hooks.ts'
import type { Exports } from './load-module.ts'
import { runEntry } from './run-entry.ts'
import type { StartOrder } from './start-order.ts'
import type { Answer } from './supervisor-link.ts'

export interface ForkserverParts extends Omit<Inheritance, 'abandon' | 'reviveThreads'> {
  readonly threads: NodeThreads
  readonly lastPreload: Exports | null
  /** Milliseconds. */
  readonly forkTimeout: number
  readonly answer: (answer: Answer) => void
  /** In a child: the pipes to the supervisor are no business of its. */
  readonly abandonLink: () => void
}

/** How long a thread of V8's may be at work before a fork is given up, in milliseconds. */
const PATIENCE_WITH_THREADS = 2000

export class Forkserver {
  readonly #parts: ForkserverParts
  readonly #waiting: StartOrder[] = []
  readonly #births = new Set<Birth>()
  #busy = false

  constructor(parts: ForkserverParts) {
    this.#parts = parts
  }

  start(order: StartOrder): void {
    this.#waiting.push(order)
    if (!this.#busy) this.#next()
  }

  #next(): void {
    const order = this.#waiting.shift()
    this.#busy = order !== undefined
    if (order === undefined) return
    runBeforeFork(order).then(
      () => this.#soon(order, Date.now() + PATIENCE_WITH_THREADS),
      (error) => this.#refuse(order, `a hook before the fork: ${messageOf(error)}`),
    )
  }

  /** Not from a callback of I/O: libuv would go on with the parent's epoll instance in the child. */
  #soon(order: StartOrder, deadline: number): void {
    setImmediate(() => {
      if (this.#parts.threads.areIdle()) this.#fork(order)
      else if (Date.now() < deadline) this.#soon(order, deadline)
      else this.#refuse(order, "V8's threads are busy")
    })
  }

  #fork(order: StartOrder): void {
    const { threads } = this.#parts
    const pipe = openPipe()
    let between: number
    try {
      prepareInheritance()
      between = forkGrandchild(pipe.write, inheritMemory, () => threads.forget())
    } catch (error) {
      for (const fd of [pipe.read, pipe.write]) closeFd(fd)
      this.#refuse(order, messageOf(error))
      return
    }
    if (between === 0) {
      closeFd(pipe.read)
      this.#beWorker(order, pipe.write)
      return
    }
    closeFd(pipe.write)
    this.#await(order, pipe.read, between)
    this.#next()
  }

  #await(order: StartOrder, fd: number, between: number): void {
    const { token } = order
    const birth: Birth = new Birth(fd, between, this.#parts.forkTimeout, (outcome) => {
      this.#births.delete(birth)
      if (outcome.is === 'sound') this.#parts.answer({ started: { token, pid: outcome.pid } })
      else {
        const { error, unsound } = outcome
        this.#parts.answer({ failed: unsound ? { token, error, unsound } : { token, error } })
      }
    })
    this.#births.add(birth)
  }

  #refuse({ token }: StartOrder, error: string): void {
    this.#parts.answer({ failed: { token, error } })
    this.#next()
  }

  #beWorker(order: StartOrder, birthFd: number): void {
    const { threads, lastPreload } = this.#parts
    becomeWorker(order, birthFd, {
      ...this.#parts,
      abandon: () => {
        this.#parts.abandonLink()
        for (const birth of this.#births) birth.abandon()
      },
      reviveThreads: () => threads.revive(),
    })
    // What is thrown in it is an error that nobody catches, as in a program of its own.
    void runAfterFork().then(() => runEntry(order.entry, lastPreload))
  }
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
