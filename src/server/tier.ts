// A program with a server in it runs several times: as the command that somebody typed, as the server in the background, and
// as each of its workers. The environment says which.
import { VARIABLES } from '../wire/worker-environment.ts'
import type { DeskPlace } from './ask-for-sockets.ts'
import type { WorkerType } from './server-options.ts'
import { SMALL_NURSERY } from './small-nursery.ts'
import type { Title } from './titles.ts'

export const TIER_VARIABLES = {
  /** Name of the server that this process belongs to. */
  server: 'HOLDFAST_SERVER',
  tier: 'HOLDFAST_TIER',
  /** For a worker, or the forkserver of workers: the configuration at its start, as JSON. */
  config: 'HOLDFAST_CONFIG',
  /** For both: pid of their server. */
  pid: 'HOLDFAST_SERVER_PID',
  orphans: 'HOLDFAST_ORPHANS',
  /** For a worker: the signal that asks it for a dump, as it does its server. */
  dump: 'HOLDFAST_DUMP_SIGNAL',
  /** For both: what ps shows of it, as JSON. */
  title: 'HOLDFAST_TITLE',
  /** For a worker: an fd that ends when its server does. */
  lifeline: VARIABLES.lifelineFd,
  /** For a worker: where it asks its server for sockets, and what it has to say there. */
  desk: 'HOLDFAST_SERVER_SOCKETS',
  secret: 'HOLDFAST_SERVER_SECRET',
  /** For a server that is supervised: the runtime directory of its supervisor. */
  above: 'HOLDFAST_ABOVE',
  /** With it: what makes it known to the server whose sockets it takes over. */
  handover: 'HOLDFAST_HANDOVER_SECRET',
} as const

/** Node's, of a supervisor's process. */
export const SERVER_TIER_FLAGS = [SMALL_NURSERY] as const

/** Of a server's. V8's flags are those of all its threads: workers inside the process need their young generation. */
export function serverTierFlags(workerType: WorkerType = 'process'): readonly string[] {
  return workerType === 'thread' || workerType === 'embedded' ? [] : SERVER_TIER_FLAGS
}

export type Tier =
  /** Somebody's command. */
  | { readonly is: 'program' }
  /** `above`: null without a supervisor. */
  | { readonly is: 'server'; readonly server: string; readonly above: Above | null }
  /** It has loaded the program, and forks the workers. */
  | ({ readonly is: 'forkserver' } & BelowServer)
  | ({
      readonly is: 'worker'
      /** `die`: at once. */
      readonly orphans: 'finish' | 'stay' | 'die'
      /** Ends with the server; null: there is none. */
      readonly lifelineFd: number | null
      /** Null: nobody can be asked for sockets. */
      readonly desk: DeskPlace | null
      /** `SIGCONT`; null: none. */
      readonly dumpSignal: NodeJS.Signals | null
    } & BelowServer)

export type WorkerTier = Extract<Tier, { is: 'worker' }>

interface BelowServer {
  readonly server: string
  readonly serverPid: number
  readonly config: unknown
  /** Null: it keeps its command line. */
  readonly title: Title | null
}

/** The supervisor of a server. */
export interface Above {
  /** Its runtime directory. */
  readonly directory: string
  /** The same for all servers that it starts, one after the other. */
  readonly secret: string
}

const key = Symbol.for('holdfast.tier')
const shared = globalThis as { [key]?: Tier }

/** Read once, and taken out of the environment: what this process starts is something else. */
export function tierOfThisProcess(environment: NodeJS.ProcessEnv = process.env): Tier {
  shared[key] ??= take(environment)
  return shared[key]
}

/** In a process that was forked from another, and has its own environment now. */
export function tierAfterFork(environment: NodeJS.ProcessEnv = process.env): Tier {
  if (shared[key]?.is === 'forkserver') delete shared[key]
  return tierOfThisProcess(environment)
}

function take(environment: NodeJS.ProcessEnv): Tier {
  const given = Object.fromEntries(
    Object.entries(TIER_VARIABLES).map(([name, variable]) => {
      const value = environment[variable]
      delete environment[variable]
      return [name, value]
    }),
  ) as Record<keyof typeof TIER_VARIABLES, string | undefined>
  const { server, tier, config, title, pid, orphans, above, desk, secret = '', handover = '', lifeline, dump } = given
  if (server === undefined) return { is: 'program' }
  if (tier === 'server')
    return { is: 'server', server, above: above === undefined ? null : { directory: above, secret: handover } }
  if (tier !== 'worker' && tier !== 'forkserver') return { is: 'program' }
  const common = {
    server,
    serverPid: Number(pid),
    config: config === undefined ? undefined : JSON.parse(config),
    title: title === undefined ? null : JSON.parse(title),
  }
  if (tier === 'forkserver') return { is: 'forkserver', ...common }
  return {
    is: 'worker',
    ...common,
    orphans: orphans === 'stay' || orphans === 'die' ? orphans : 'finish',
    lifelineFd: lifeline === undefined ? null : Number(lifeline),
    desk: desk === undefined ? null : { path: desk, secret },
    dumpSignal: dump === undefined ? null : (`SIG${dump}` as NodeJS.Signals),
  }
}
