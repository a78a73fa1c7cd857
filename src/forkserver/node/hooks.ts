// Where the SDK and the forkserver meet, whichever of them is loaded first.
import type { Server } from 'node:net'
import type { ReforkOrder } from '../../wire/command-messages.ts'

type Hook = () => unknown

/** What a hook before the fork is told of the worker. */
interface ForkOrder {
  /** `web/0` */
  readonly id: string
}

interface ForkHooks {
  /** In the forkserver before each fork. */
  readonly before: ((order: ForkOrder) => unknown)[]
  /** In the child, before `after`: the SDK reads its environment again. */
  readonly adopt: Hook[]
  /** In the forkserver, when all is loaded: the SDK does in vain what it will do in each worker. */
  rehearse?: ((server: Server) => Promise<void>)[]
  /** In the child, before its entry runs. */
  readonly after: Hook[]
  /** In a forked worker: makes the next forkserver of it. */
  refork?: (order: ReforkOrder) => { fork(): Promise<void>; giveUp(why: string): void }
}

const KEY = Symbol.for('holdfast.fork')
type Meeting = { [KEY]?: ForkHooks }

/** That it is there, before the application is loaded, tells the SDK that this process is no worker. */
export function hooks(): ForkHooks {
  const meeting = globalThis as Meeting
  meeting[KEY] ??= { before: [], after: [], adopt: [] }
  return meeting[KEY]
}

/** The last registered first: what was built on something is closed before it. */
export async function runBeforeFork({ id }: ForkOrder): Promise<void> {
  for (const hook of [...hooks().before].reverse()) await hook({ id })
}

export async function runAfterFork(): Promise<void> {
  for (const hook of [...hooks().adopt]) hook()
  await runInWorker()
}

/** Also in a worker that was not forked: an application opens there what each worker needs for itself. */
export async function runInWorker(): Promise<void> {
  for (const hook of [...hooks().after]) await hook()
}
