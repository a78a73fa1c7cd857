// The life of a forkserver: load the application, say so, take orders until there is nobody to give them.
import { stat, writeSync } from 'node:fs'
import { constants } from 'node:os'
import { inspect, promisify } from 'node:util'
import { givenSockets } from '../../os/given-sockets.ts'
import { ignoreSignal } from '../../os/ignored-signal.ts'
import type { NodeThreads } from '../../os/node-threads.ts'
import { threadIds } from '../../os/thread-record.ts'
import type { RunnerArguments } from './arguments.ts'
import { garbageCollection } from './collect-garbage.ts'
import { refusalOf, settled } from './fork-safety.ts'
import { Forks } from './forks.ts'
import { Forkserver } from './forkserver.ts'
import { hooks } from './hooks.ts'
import { type Exports, loadModule } from './load-module.ts'
import { prepareForks } from './prepare-forks.ts'
import { watchRandomFills } from './random-fills.ts'
import { replaceMathRandom } from './random-source.ts'
import { readOrder } from './read-order.ts'
import { proveSoundness, verdictOf } from './self-test.ts'
import type { StartOrder } from './start-order.ts'
import { SupervisorLink } from './supervisor-link.ts'
import { noteOrigins } from './what-is-open.ts'

const COMMANDS = 'HOLDFAST_FORK_COMMANDS'
const STATUS = 'HOLDFAST_FORK_STATUS'
const STDERR = 2
const SELF_TEST_TIMEOUT = 10_000

type Collect = ReturnType<typeof garbageCollection>
/** Why nothing can be forked, or what it takes. */
type Ability = { readonly cold: string } | { readonly cold: null; readonly threads: NodeThreads; readonly forks: Forks }

export async function runForkserver(settings: RunnerArguments): Promise<void> {
  const startedAt = performance.now()
  const fds = { commands: takeFd(COMMANDS), status: takeFd(STATUS) }
  const sockets = givenSockets()
  const early: StartOrder[] = []
  let start = (order: StartOrder): void => {
    early.push(order)
  }
  const link = new SupervisorLink(fds, obey, () => end(0))

  function end(code: number): void {
    link.end(() => process.exit(code))
  }
  function obey(line: string): void {
    try {
      const order = readOrder(line)
      if (order?.is === 'quit') end(0)
      else if (order?.is === 'start') start(order.order)
    } catch (error) {
      link.answer({ error: messageOf(error) })
    }
  }
  function giveUp(error: string): void {
    link.answer({ error })
    end(1)
  }

  const prepared = orReason(prepareForks)
  // All of libuv's threads start with the first that is needed. Each further thread is the application's.
  await promisify(stat)('/')
  const own = { sockets: new Set(sockets), threads: new Set(threadIds()) }
  const hearInspectorSignal = ignoreSignal(constants.signals.SIGUSR1)
  const collect = garbageCollection()
  replaceMathRandom()
  watchRandomFills()
  const testing = await beginSelfTest(prepared, link, collect)

  hooks()
  noteOrigins(true)
  let lastPreload: Exports | null = null
  for (const name of settings.preload) {
    try {
      lastPreload = await loadModule(name)
    } catch (error) {
      writeSync(STDERR, `${inspect(error)}\n`)
      return giveUp(`preload ${name}: ${messageOf(error)}`)
    }
  }
  await settled()
  noteOrigins(false)
  const ability = await testing.verdict
  if (ability.cold === null) {
    const refusal = (): string | null => refusalOf(own, settings.allow)
    const reason = refusal()
    if (reason !== null) return giveUp(reason)
    const { threads, forks } = ability
    const forkserver = new Forkserver({
      ...{ sockets, threads, forks, lastPreload, hearInspectorSignal, refusal },
      forkTimeout: settings.forkTimeout,
      collectGarbage: () => collect({ type: 'minor' }),
      answer: (answer) => link.answer(answer),
      abandon: () => {
        link.abandon()
        forks.abandon()
      },
    })
    start = (order) => forkserver.start(order)
  } else {
    const error = `nothing is forked here: ${ability.cold}`
    start = ({ token }) => link.answer({ failed: { token, error } })
  }
  // What has become garbage is not copied into the workers, and what is left lies close together.
  for (let pass = 0; pass < 2; pass++) collect()
  link.answer({
    loaded: {
      modules: Object.keys(require.cache).length,
      ms: Math.round(performance.now() - startedAt),
      rss: process.memoryUsage.rss(),
      pid: process.pid,
      ...(ability.cold === null ? {} : { cold: ability.cold }),
    },
  })
  for (const order of early) start(order)
}

/** Returns, in the parent only, when the child is forked: what it is found to be comes while the application loads. */
async function beginSelfTest(
  prepared: NodeThreads | string,
  link: SupervisorLink,
  collect: Collect,
): Promise<{ readonly verdict: Promise<Ability> }> {
  if (typeof prepared === 'string') return { verdict: Promise.resolve({ cold: prepared }) }
  const forks = new Forks(prepared)
  const abandon = (): void => {
    link.abandon()
    forks.abandon()
  }
  return new Promise((resolveForked) => {
    const verdict = new Promise<Ability>((resolve) => {
      forks.fork({
        timeout: SELF_TEST_TIMEOUT,
        refusal: () => null,
        onward: () => resolveForked({ verdict }),
        inChild: (birthFd) =>
          proveSoundness(birthFd, { abandon, reviveThreads: () => prepared.revive(), collectGarbage: collect }),
        onOutcome: (outcome) => {
          const cold = verdictOf(outcome)
          resolve(cold === null ? { cold, threads: prepared, forks } : { cold })
        },
      })
    })
  })
}

function takeFd(variable: string): number {
  const value = process.env[variable]
  delete process.env[variable]
  const fd = Number(value)
  if (value === undefined || !Number.isInteger(fd) || fd < 0) throw new Error(`${variable} names no file descriptor`)
  return fd
}

function orReason(prepare: () => NodeThreads): NodeThreads | string {
  try {
    return prepare()
  } catch (error) {
    return messageOf(error)
  }
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
