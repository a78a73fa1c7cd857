// Takes orders one after the other, and forks a worker for each.
import { writeSync } from 'node:fs'
import { inspect } from 'node:util'
import { becomeWorker, type Inheritance } from './become-worker.ts'
import type { Outcome } from './birth.ts'
import type { BirthPipes } from './birth-report.ts'
import type { Forks } from './forks.ts'
import { runAfterFork, runBeforeFork } from './hooks.ts'
import type { Exports } from './load-module.ts'
import { forgetRandomFills } from './random-fills.ts'
import { runEntry } from './run-entry.ts'
import type { StartOrder } from './start-order.ts'
import type { Answer } from './supervisor-link.ts'
import type { WorkerFiles } from './worker-files.ts'

const STDERR = 2

export interface ForkserverParts extends Inheritance {
  readonly forks: Forks
  readonly lastPreload: Exports | null
  /** Milliseconds. */
  readonly forkTimeout: number
  readonly answer: (answer: Answer) => void
  /** Null, or why nothing must be forked now. */
  readonly refusal: () => string | null
  /** In a worker, before its entry runs. Null: none of them is to become a forkserver. */
  readonly offerRefork: ((files: WorkerFiles) => void) | null
  /** How many forkservers were made of workers before this one. */
  readonly round: number
  /** Where the workers are children of this process: who waits for them. */
  readonly onChild: ((order: StartOrder, pid: number) => void) | null
}

export class Forkserver {
  readonly #parts: ForkserverParts
  readonly #waiting: StartOrder[] = []
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
      () => this.#fork(order),
      (error) => {
        writeSync(STDERR, `${inspect(error)}\n`)
        this.#parts.answer({ failed: { token: order.token, error: `a hook before the fork: ${messageOf(error)}` } })
        this.#next()
      },
    )
  }

  #fork(order: StartOrder): void {
    const { forks, forkTimeout: timeout, refusal, onChild } = this.#parts
    forks.fork({
      timeout,
      refusal,
      inChild: (pipes) => this.#beWorker(order, pipes),
      childOf: onChild === null ? 'supervisor' : 'forkserver',
      onward: (child) => {
        if (child !== null) onChild?.(order, child)
        this.#next()
      },
      onOutcome: (outcome) => this.#parts.answer(answerOf(order, outcome)),
    })
  }

  #beWorker(order: StartOrder, pipes: BirthPipes): void {
    const { lastPreload, offerRefork, round } = this.#parts
    const files = becomeWorker(order, pipes, this.#parts)
    if (offerRefork === null) forgetRandomFills()
    else offerRefork(files)
    // What is thrown in it is an error that nobody catches, as in a program of its own.
    void runAfterFork().then(() => runEntry(order.entry, lastPreload, round))
  }
}

function answerOf({ token }: StartOrder, outcome: Outcome): Answer {
  if (outcome.is === 'sound') return { started: { token, pid: outcome.pid } }
  const { error, unsound } = outcome
  return { failed: unsound ? { token, error, unsound } : { token, error } }
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
