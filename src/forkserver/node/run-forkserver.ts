// The life of a forkserver: load the application, say so, take orders until there is nobody to give them.
import { stat, writeSync } from 'node:fs'
import { constants } from 'node:os'
import { inspect, promisify } from 'node:util'
import { givenSockets } from '../../os/given-sockets.ts'
import { ignoreSignal } from '../../os/ignored-signal.ts'
import type { NodeThreads } from '../../os/node-threads.ts'
import { threadIds } from '../../os/thread-record.ts'
import type { RunnerArguments } from './arguments.ts'
import { garbageCollection, packMemory } from './collect-garbage.ts'
import { endOnSignals } from './end-on-signals.ts'
import { refusalOf, settled } from './fork-safety.ts'
import { Forks } from './forks.ts'
import { Forkserver } from './forkserver.ts'
import { hooks } from './hooks.ts'
import { type Exports, loadModule } from './load-module.ts'
import { loadedFacts } from './loaded-facts.ts'
import { openOrders } from './open-orders.ts'
import { prepareForks } from './prepare-forks.ts'
import { watchRandomFills } from './random-fills.ts'
import { replaceMathRandom } from './random-source.ts'
import { offerRefork } from './refork.ts'
import { rehearse } from './rehearse.ts'
import { beginSelfTest, type SelfTest, type SelfTestParts } from './self-test.ts'
import { noteOrigins } from './what-is-open.ts'

const STDERR = 2
const SELF_TESTS = 3

/** Why nothing can be forked, or what it takes. */
type Ability = { readonly cold: string } | { readonly cold: null; readonly threads: NodeThreads; readonly forks: Forks }

export async function runForkserver(settings: RunnerArguments): Promise<void> {
  const startedAt = performance.now()
  const sockets = givenSockets()
  const orders = openOrders()
  const prepared = await ability()
  // All of libuv's threads start with the first that is needed. Each further thread is the application's.
  await promisify(stat)('/')
  const own = { sockets: new Set(sockets), threads: new Set(threadIds()) }
  const hearInspectorSignal = ignoreSignal(constants.signals.SIGUSR1)
  const collect = garbageCollection()
  let forgetSignals = (): void => {}
  const abandon = (): void => {
    forgetSignals()
    orders.abandon()
    if (prepared.cold === null) prepared.forks.abandon()
  }
  replaceMathRandom()
  watchRandomFills()
  const test = await firstTest(prepared, { abandon, collectGarbage: collect })

  // `node:net` loads it at the first listen, which takes 5 ms: here it is loaded once.
  require('node:cluster')
  hooks()
  noteOrigins(true)
  let lastPreload: Exports | null = null
  for (const name of settings.preload) {
    try {
      lastPreload = await loadModule(name)
    } catch (error) {
      printLoadError(error)
      orders.giveUp(`preload ${name}: ${messageOf(error)}`)
      return
    }
  }
  const refusal = (): string | null => refusalOf(own, settings.allow)
  // Hooks close before a fork what is open now: whether they do is seen then.
  const refusedNow = (): string | null => (hooks().before.length === 0 ? refusal() : null)
  await settled(refusedNow)
  noteOrigins(false)
  const able = await test()
  const refused = able.cold === null ? refusedNow() : null
  if (refused !== null) {
    orders.giveUp(refused)
    return
  }
  forgetSignals = endOnSignals(() => orders.end(0))
  if (able.cold === null) await rehearse()
  packMemory(collect)
  orders.answer({
    loaded: { ...loadedFacts(performance.now() - startedAt), ...(able.cold === null ? {} : { cold: able.cold }) },
  })
  const hasProgram = typeof lastPreload?.default === 'function'
  if (able.cold !== null) {
    const error = `nothing is forked here: ${able.cold}`
    orders.beginWith(({ token }) => orders.answer({ failed: { token, error } }), hasProgram)
    return
  }
  const { threads, forks } = able
  const { allow, forkTimeout } = settings
  const parts = { threads, lastPreload, forkTimeout, allow, collect, round: 0 }
  const forkserver = new Forkserver({
    ...parts,
    ...{ sockets, forks, hearInspectorSignal, refusal, abandon },
    offerRefork: settings.refork ? (files) => offerRefork(parts, files) : null,
    onChild: orders.onChild,
    collectGarbage: () => collect({ type: 'minor' }),
    answer: (answer) => orders.answer(answer),
  })
  orders.beginWith((order) => forkserver.start(order), hasProgram)
}

async function ability(): Promise<Ability> {
  try {
    const threads = await prepareForks()
    return { cold: null, threads, forks: new Forks(threads) }
  } catch (error) {
    return { cold: messageOf(error) }
  }
}

/** The first goes on while the application loads; where it fails (the machine may have stood still) more follow, after the load. */
async function firstTest(able: Ability, parts: Omit<SelfTestParts, 'threads'>): Promise<() => Promise<Ability>> {
  if (able.cold !== null) return async () => able
  const { threads, forks } = able
  const begin = (): SelfTest => beginSelfTest(forks, { ...parts, threads })
  let test = begin()
  await test.forked
  return async () => {
    let failure = await test.failure
    for (let tests = 1; failure !== null && tests < SELF_TESTS; tests++) {
      test = begin()
      await test.forked
      failure = await test.failure
    }
    return failure === null ? able : { cold: failure }
  }
}

/**
 * Of a syntax error in an ES module Node alone knows where it is, and prints it where nobody catches it. By the time that happens here it is
 * said that nothing was loaded.
 */
function printLoadError(error: unknown): void {
  if (!(error instanceof SyntaxError)) {
    writeSync(STDERR, `${inspect(error)}\n`)
    return
  }
  process.removeAllListeners('uncaughtException')
  process.nextTick(() => {
    throw error
  })
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
