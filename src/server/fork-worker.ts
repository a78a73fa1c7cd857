// What a forkserver of a server preloads: it loads the program, or the module, in which the worker is, and exports the function that is
// the worker in each process that is forked. In a worker that starts cold both happen in one process.
import { type ForkOrder, forkMeeting } from '../worker/fork-meeting.ts'
import { worker } from '../worker/index.ts'
import { type ForkProgram, takeForkProgram } from './fork-program.ts'
import { openForkStage } from './fork-stage.ts'
import { loadAsMain } from './load-program.ts'
import { loadWorkerModule } from './load-worker-module.ts'
import { type Tier, tierAfterFork, tierOfThisProcess } from './tier.ts'
import { showTitle } from './titles.ts'
import type { WorkerDefinition } from './worker-definition.ts'
import { runWorker } from './worker-program.ts'
import { WorkerSeat } from './worker-seat.ts'

/** Milliseconds after which a program that is loaded, and has shown no worker, is told what is waited for. */
const HINT_AFTER = 1_000

const program = takeForkProgram(process.env)
const tier = tierOfThisProcess()
if (program === null || (tier.is !== 'forkserver' && tier.is !== 'worker'))
  throw new Error('this is for a server made with holdfast, whose forkserver loads it')

const definition = await definitionOf(program, tier.server)
const seat = tier.is === 'forkserver' ? await prepare(tier) : null

/** Resolves never: the process ends when its work has. */
export default async function work(): Promise<never> {
  takeForkProgram(process.env)
  const own = tierAfterFork()
  if (own.is !== 'worker') throw new Error('this process was forked, and is no worker (bug)')
  return runWorker(definition, own, worker, { seat })
}

async function prepare(forkserver: Extract<Tier, { is: 'forkserver' }>): Promise<WorkerSeat<unknown>> {
  showTitle(forkserver.title, 'main')
  const seat = new WorkerSeat<unknown>(worker, forkserver)
  await definition.initialize?.(seat.ctx)
  forkMeeting().before.push((order) => definition.beforeFork?.({ workerId: slotOf(order), pid: null }))
  return seat
}

function slotOf({ id = '' }: ForkOrder = {}): number {
  return Number(id.split('/').at(-1))
}

function definitionOf(program: ForkProgram, server: string): Promise<WorkerDefinition> {
  if (program.is === 'module') return loadWorkerModule(program.module)
  return new Promise((resolve, reject) => {
    let hint: NodeJS.Timeout | undefined
    let isThere = false
    openForkStage({
      take(definition) {
        isThere = true
        clearTimeout(hint)
        resolve(definition as WorkerDefinition)
      },
    })
    // A program that waits for `run` is never loaded to its end, and one that calls it later is loaded before.
    const loaded = (): void => {
      if (!isThere) hint = setTimeout(() => console.error(notRunYet(program.file, server)), HINT_AFTER)
    }
    loadAsMain(program.file, program.args).then(loaded, reject)
  })
}

function notRunYet(file: string, server: string): string {
  return (
    `the forkserver has loaded ${file}, and waits for run(), command() or open() of server "${server}": call it in this process, too ` +
    '(import.meta.main is false in it)'
  )
}
