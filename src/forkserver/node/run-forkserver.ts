// The life of a forkserver: load the application, say so, take orders until there is nobody to give them.
import { constants } from 'node:os'
import { givenSockets } from '../../os/given-sockets.ts'
import { ignoreSignal } from '../../os/ignored-signal.ts'
import type { NodeThreads } from '../../os/node-threads.ts'
import type { RunnerArguments } from './arguments.ts'
import { garbageCollection } from './collect-garbage.ts'
import { Forkserver } from './forkserver.ts'
import { hooks } from './hooks.ts'
import { type Exports, loadModule } from './load-module.ts'
import { prepareForks } from './prepare-forks.ts'
import { replaceMathRandom } from './random-source.ts'
import { isObject, readStartOrder, type StartOrder } from './start-order.ts'
import { SupervisorLink } from './supervisor-link.ts'

const COMMANDS = 'HOLDFAST_FORK_COMMANDS'
const STATUS = 'HOLDFAST_FORK_STATUS'

export async function runForkserver({ preload, forkTimeout }: RunnerArguments): Promise<void> {
  const startedAt = performance.now()
  const fds = { commands: takeFd(COMMANDS), status: takeFd(STATUS) }
  const sockets = givenSockets()
  let forkserver: Forkserver | null = null
  const link = new SupervisorLink(
    fds,
    (line) => obey(line),
    () => end(0),
  )
  const end = (code: number) => link.end(() => process.exit(code))

  function obey(line: string): void {
    if (line.trim() === '') return
    try {
      const message: unknown = JSON.parse(line)
      if (!isObject(message)) throw new Error('no object')
      if (message.quit !== undefined) end(0)
      else if (message.start !== undefined) start(readStartOrder(message.start))
      else throw new Error('nothing that is known')
    } catch (error) {
      link.answer({ error: `an order that can not be carried out: ${(error as Error).message}: ${line.slice(0, 200)}` })
    }
  }

  function start(order: StartOrder): void {
    if (forkserver !== null) forkserver.start(order)
    else link.answer({ failed: { token: order.token, error: `nothing is forked here: ${threads}` } })
  }

  const threads = orReason(prepareForks)
  const hearInspectorSignal = ignoreSignal(constants.signals.SIGUSR1)
  const collect = garbageCollection()
  replaceMathRandom()

  hooks()
  let lastPreload: Exports | null = null
  for (const name of preload) {
    try {
      lastPreload = await loadModule(name)
    } catch (error) {
      console.error(error)
      link.answer({ error: `preload ${name}: ${(error as Error).message}` })
      end(1)
      return
    }
  }
  for (let pass = 0; pass < 2; pass++) collect()
  if (typeof threads !== 'string') {
    forkserver = new Forkserver({
      sockets,
      threads,
      lastPreload,
      forkTimeout,
      collectGarbage: () => collect({ type: 'minor' }),
      hearInspectorSignal,
      answer: (answer) => link.answer(answer),
      abandonLink: () => link.abandon(),
    })
  }
  link.answer({
    loaded: {
      modules: Object.keys(require.cache).length,
      ms: Math.round(performance.now() - startedAt),
      rss: process.memoryUsage.rss(),
      pid: process.pid,
      ...(typeof threads === 'string' ? { cold: threads } : {}),
    },
  })
  link.listen()
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
    return (error as Error).message
  }
}
