// A program with a server in it runs several times: as the command that somebody typed, as the server in the background, and
// as each of its workers. The environment says which.

export const TIER_VARIABLES = {
  /** Name of the server that this process belongs to. */
  server: 'HOLDFAST_SERVER',
  tier: 'HOLDFAST_TIER',
  /** For a worker: the configuration at its start, as JSON. */
  config: 'HOLDFAST_CONFIG',
  /** For a worker: pid of its server. */
  pid: 'HOLDFAST_SERVER_PID',
  orphans: 'HOLDFAST_ORPHANS',
  /** For a server that is supervised: the runtime directory of its supervisor. */
  above: 'HOLDFAST_ABOVE',
} as const

import { SMALL_NURSERY } from './small-nursery.ts'

/** Node's, of a server's process. */
export const SERVER_TIER_FLAGS = [SMALL_NURSERY] as const

export type Tier =
  /** Somebody's command. */
  | { readonly is: 'program' }
  /** `above`: the runtime directory of its supervisor, null without one. */
  | { readonly is: 'server'; readonly server: string; readonly above: string | null }
  | {
      readonly is: 'worker'
      readonly server: string
      readonly serverPid: number
      readonly config: unknown
      readonly orphans: 'finish' | 'stay'
    }

const key = Symbol.for('holdfast.tier')
const shared = globalThis as { [key]?: Tier }

/** Read once, and taken out of the environment: what this process starts is something else. */
export function tierOfThisProcess(environment: NodeJS.ProcessEnv = process.env): Tier {
  shared[key] ??= take(environment)
  return shared[key]
}

function take(environment: NodeJS.ProcessEnv): Tier {
  const given = Object.fromEntries(
    Object.entries(TIER_VARIABLES).map(([name, variable]) => {
      const value = environment[variable]
      delete environment[variable]
      return [name, value]
    }),
  ) as Record<keyof typeof TIER_VARIABLES, string | undefined>
  const { server, tier, config, pid, orphans, above } = given
  if (server === undefined) return { is: 'program' }
  if (tier === 'server') return { is: 'server', server, above: above ?? null }
  if (tier !== 'worker') return { is: 'program' }
  return {
    is: 'worker',
    server,
    serverPid: Number(pid),
    config: config === undefined ? undefined : JSON.parse(config),
    orphans: orphans === 'stay' ? 'stay' : 'finish',
  }
}
