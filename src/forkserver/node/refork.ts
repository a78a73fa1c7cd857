// How a worker that has warmed up becomes the next forkserver: it forks it from itself, and ends. What it has compiled, loaded and cached
// by then its successors share. After pitchfork, where a mold is made of a worker.
import { closeSync, constants as fsConstants, fstatSync, openSync, stat, writeSync } from 'node:fs'
import { constants } from 'node:os'
import { duplicateFdAbove, moveFd } from '../../os/duplicate-fd.ts'
import { renewEventLoop } from '../../os/event-loop.ts'
import { allowSignals } from '../../os/fork.ts'
import { ignoreSignal } from '../../os/ignored-signal.ts'
import type { NodeThreads } from '../../os/node-threads.ts'
import { leadGroup, leadSession } from '../../os/session.ts'
import { threadIds } from '../../os/thread-record.ts'
import type { ReforkOrder } from '../../wire/command-messages.ts'
import { beBorn, takeRandomness } from './become-worker.ts'
import type { Outcome } from './birth.ts'
import type { BirthPipes } from './birth-report.ts'
import { type Collect, packMemory } from './collect-garbage.ts'
import { refusalOf, settled } from './fork-safety.ts'
import { Forks } from './forks.ts'
import { Forkserver } from './forkserver.ts'
import { hooks, runBeforeFork } from './hooks.ts'
import type { Exports } from './load-module.ts'
import { loadedFacts } from './loaded-facts.ts'
import type { LinkFds } from './supervisor-link.ts'
import { SupervisorOrders } from './supervisor-orders.ts'
import { HIGH, openOutput, type WorkerFiles } from './worker-files.ts'
import { takeProcessFacts, takeVariables } from './worker-process.ts'

export interface ReforkParts {
  readonly threads: NodeThreads
  readonly lastPreload: Exports | null
  /** Milliseconds. */
  readonly forkTimeout: number
  readonly allow: ReadonlySet<string>
  readonly collect: Collect
  /** How many forkservers were made of workers before. */
  readonly round: number
}

/** In a forked worker, before its entry runs. */
export function offerRefork(parts: ReforkParts, files: WorkerFiles): void {
  const threads = startedThreads()
  hooks().refork = (order) => new Refork(order, parts, files, threads)
}

class Refork {
  readonly #order: ReforkOrder
  readonly #parts: ReforkParts
  readonly #files: WorkerFiles
  readonly #ownThreads: ReadonlySet<number>
  readonly #forks: Forks
  /** By the wall clock: others begin anew with the process. */
  readonly #askedAt = Date.now()
  /** The server that listens on one of them closes its own. */
  #kept: readonly number[]

  constructor(order: ReforkOrder, parts: ReforkParts, files: WorkerFiles, ownThreads: ReadonlySet<number>) {
    this.#order = order
    this.#parts = parts
    this.#files = files
    this.#ownThreads = ownThreads
    this.#forks = new Forks(parts.threads, { keepsLoop: true })
    this.#kept = files.sockets.map((fd) => duplicateFdAbove(fd, HIGH))
  }

  /** Resolves when the process may end, however it went. */
  async fork(): Promise<void> {
    const { allow, collect, forkTimeout: timeout } = this.#parts
    try {
      await runBeforeFork({ id: nameOf(this.#order) })
      const own = { sockets: new Set([...this.#files.sockets, ...this.#kept]), threads: this.#ownThreads }
      const refusal = (): string | null => refusalOf(own, allow)
      await settled(refusal)
      this.#putSocketsBack()
      for (const fd of this.#files.pipes) closeSync(fd)
      packMemory(collect)
      const outcome = await new Promise<Outcome>((resolve) =>
        this.#forks.fork({
          timeout,
          childOf: 'supervisor',
          refusal,
          inChild: (pipes) => this.#beForkserver(pipes),
          onward: () => {},
          onOutcome: resolve,
        }),
      )
      if (outcome.is === 'failed') throw new Error(outcome.error)
    } catch (error) {
      this.giveUp(error instanceof Error ? error.message : String(error))
    }
  }

  giveUp(why: string): void {
    for (const fd of this.#kept) closeSync(fd)
    this.#kept = []
    try {
      const fd = openSync(this.#order.status, fsConstants.O_WRONLY | fsConstants.O_NONBLOCK)
      writeSync(fd, `${JSON.stringify({ error: why })}\n`)
      closeSync(fd)
    } catch {
      // Nobody waits for it any more.
    }
  }

  /** Where its workers look for them, and before anything else can be there: their event loop has the lowest number that is free. */
  #putSocketsBack(): void {
    for (const [index, target] of this.#files.sockets.entries()) {
      if (isOpen(target))
        throw new Error(`something else was opened as descriptor ${target} while the worker ended its work`)
      const kept = this.#kept[index]
      if (kept !== undefined) moveFd(kept, target)
    }
    this.#kept = []
  }

  #beForkserver(pipes: BirthPipes): void {
    const { threads } = this.#parts
    const order = this.#order
    const born = beBorn(pipes, () => {
      renewEventLoop()
      this.#forks.abandon()
      for (const [index, path] of [order.stdout, order.stderr].entries()) moveFd(openOutput(path), index + 1)
      const commands = openSync(order.commands, fsConstants.O_RDWR)
      const status = openSync(order.status, fsConstants.O_RDWR)
      if (order.session === true) leadSession()
      else if (order.session === 'group') leadGroup()
      threads.revive()
      const hearInspectorSignal = ignoreSignal(constants.signals.SIGUSR1)
      allowSignals()
      takeProcessFacts({ id: nameOf(order), entry: null })
      takeVariables({
        HOLDFAST: '1',
        HOLDFAST_FORKSERVER: order.name,
        HOLDFAST_GENERATION: String(order.generation),
        HOLDFAST_ID: order.id,
      })
      takeRandomness()
      return { fds: { commands, status }, hearInspectorSignal }
    })
    this.#serve(born.fds, born.hearInspectorSignal)
  }

  #serve(fds: LinkFds, hearInspectorSignal: () => void): void {
    const { allow, collect, round } = this.#parts
    const { sockets } = this.#files
    const own = { sockets: new Set(sockets), threads: startedThreads() }
    const orders = new SupervisorOrders(fds)
    const parts = { ...this.#parts, round: round + 1 }
    const forkserver = new Forkserver({
      ...parts,
      ...{ sockets, hearInspectorSignal, forks: this.#forks },
      refusal: () => refusalOf(own, allow),
      collectGarbage: () => collect({ type: 'minor' }),
      answer: (answer) => orders.answer(answer),
      onChild: orders.onChild,
      abandon: () => {
        orders.abandon()
        this.#forks.abandon()
      },
      offerRefork: (files) => offerRefork(parts, files),
    })
    orders.answer({ loaded: loadedFacts(Date.now() - this.#askedAt) })
    orders.beginWith((order) => forkserver.start(order))
  }
}

function nameOf({ name }: ReforkOrder): string {
  return `forkserver:${name}`
}

/** All of libuv's threads start with the first that is needed: those that come later are the application's. */
function startedThreads(): ReadonlySet<number> {
  stat('/', () => {})
  return new Set(threadIds())
}

function isOpen(fd: number): boolean {
  try {
    fstatSync(fd)
    return true
  } catch {
    return false
  }
}
