// Where this package and the program that forks meet, whichever is loaded first. That program reads the same lists.
import type { Server } from 'node:net'
import type { ReforkOrder } from '../wire/command-messages.ts'
import { VARIABLES } from '../wire/worker-environment.ts'
import { builtins } from './builtins.ts'
import { inheritedFd } from './inherited-fd.ts'
import { count, type Environment } from './read-environment.ts'

type Hook = () => unknown

/** What a hook before the fork is told of the worker. */
export interface ForkOrder {
  /** `web/0` */
  readonly id?: string
}

export interface ForkMeeting {
  /** In the forkserver, before each fork: last registered, first called. */
  readonly before: ((order?: ForkOrder) => unknown)[]
  /** In each worker, once it is one: in order. */
  readonly after: Hook[]
  /** In each worker, first of all. By then `process.pid`, `process.env`, the clocks and the descriptors are its own. */
  readonly adopt: Hook[]
  /** In the forkserver, when all is loaded: as in a worker that is to listen with this server, but in vain. */
  rehearse?: ((server: Server) => Promise<void>)[]
  /** In a forked worker: how its process becomes the next forkserver. At once, before anything is closed. */
  refork?: (order: ReforkOrder) => Refork
}

export interface Refork {
  /** When the worker has ended its work and let go of all that is its own. Resolves when the process may end. */
  fork(): Promise<void>
  /** It comes to nothing. */
  giveUp(why: string): void
}

const key = Symbol.for('holdfast.fork')

/** Whether somebody in this process forks. */
export function hasForker(): boolean {
  return (globalThis as { [key]?: ForkMeeting })[key] !== undefined
}

export function forkMeeting(): ForkMeeting {
  const shared = globalThis as { [key]?: ForkMeeting }
  shared[key] ??= { before: [], after: [], adopt: [] }
  return shared[key]
}

/**
 * Null: this process is none. Its environment reaches what it starts, too; but neither who forks in it, if that was here before us, nor its
 * descriptors do.
 */
export function forkserverName(env: Environment): string | null {
  const name = env[VARIABLES.forkserver]
  if (name === undefined || !builtins.workerThreads().isMainThread) return null
  return hasForker() || isOpen(count(env[VARIABLES.forkCommands])) ? name : null
}

function isOpen(commands: number | null): boolean {
  if (commands === null) return false
  try {
    inheritedFd(VARIABLES.forkCommands, commands, 'fifo')
    return true
  } catch {
    return false
  }
}
