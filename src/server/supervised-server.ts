// The tier above a `supervised` server: the daemon's engine with one service, which is the server. It owns the sockets, so that
// a server that dies, or is replaced by a live restart, loses no connection.

import { existsSync, readdirSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import type { SupervisorSpec } from '../config/effective.ts'
import type { Written } from '../config/setting.ts'
import type { stopSettings } from '../config/settings/stop.ts'
import { parseDuration } from '../config/values/duration.ts'
import { callSupervisor } from '../control/client.ts'
import { ladderFor, timeUntilKill } from '../lifecycle/stop-ladder.ts'
import { randomBytes } from '../os/random-bytes.ts'
import { removeTree } from '../os/remove-tree.ts'
import type { OperationOutcome } from '../supervisor/engine-api.ts'
import { endRecordedWorkers } from '../supervisor/leftover.ts'
import { VARIABLES } from '../wire/worker-environment.ts'
import type { ServerOptions } from './server-options.ts'
import { type ServerPlace, serverPlace, serverServiceName } from './server-place.ts'
import { type CheckOptions, configNameOf, loadServerConfig } from './server-spec.ts'
import { signalFor } from './signal-maps.ts'
import { TIER_VARIABLES } from './tier.ts'
import { serverCommand } from './worker-command.ts'

type Environment = Readonly<Record<string, string | undefined>>

/** Beyond what its workers may take to stop, in milliseconds: for itself. */
const OWN_STOP = 5_000
const LONGEST_START = 86_400_000

/** @param server what the server itself will run on */
export async function supervisorSpecOf(
  options: ServerOptions<never>,
  server: SupervisorSpec,
  program: string,
  environment: Environment,
  check: CheckOptions = {},
): Promise<SupervisorSpec> {
  const { name, slots } = options
  const sockets = options.sockets ?? {}
  const { heartbeat, restart: again, stop } = options.serverProcess ?? {}
  const place = serverPlace(options, program, environment)
  const own = server.services[name]
  if (own === undefined) throw new Error(`server "${name}" has no service (bug)`)
  const workersStop = timeUntilKill(ladderFor({ kind: 'stop', text: '' }, own))
  const drain = drainTimeout(options)
  const service = {
    command: serverCommand(options, program),
    cwd: process.cwd(),
    env: {
      [TIER_VARIABLES.server]: name,
      [TIER_VARIABLES.tier]: 'server',
      [TIER_VARIABLES.above]: place.runtimeDir,
      [TIER_VARIABLES.handover]: randomBytes(16).toString('hex'),
    },
    sockets: Object.keys(sockets),
    ready: 'notify',
    // Its workers have deadlines of their own.
    startTimeout: LONGEST_START / 1_000,
    ...(heartbeat === undefined ? {} : { heartbeat }),
    stop: {
      ...stopAsLongAs(workersStop, signalFor('stop', options.signals) ?? 'TERM'),
      ...(drain === null ? {} : { drainTimeout: drain / 1_000 }),
      ...stop,
    },
    restart: {
      ...again,
      unrecoverable: [...(options.restart?.unrecoverable ?? []), ...(again?.unrecoverable ?? [])],
      stopAllOnUnrecoverable: true,
    },
    // A server that ends for it has not been ready either. Later it asks for the end of everything, see `askDown`.
    earlyDeath: { firstBoot: own.earlyDeath.firstBoot },
    // A main has to end before its standby can follow it; otherwise the new server serves before the old one ends.
    ...(slots === undefined
      ? { rollout: { maxSurge: 1, maxUnavailable: 0, timeout: (LONGEST_START + (drain ?? 0)) / 1_000 } }
      : { slots }),
  }
  const config = {
    name,
    runtimeDir: place.runtimeDir,
    logDir: server.logDir,
    stateDir: join(server.stateDir, 'supervisor'),
    control: options.control ?? {},
    sockets,
    services: { [serverServiceName(name)]: service },
  }
  return {
    ...(await loadServerConfig(name, config, program, environment, check)),
    configFile: configNameOf(program, name),
  }
}

/** @param workersStop milliseconds that its workers may take; null: they are never killed, and neither is it */
function stopAsLongAs(
  workersStop: number | null,
  signal: string,
): Pick<Written<typeof stopSettings>, 'signals' | 'timeout'> {
  if (workersStop === null) return { signals: [`${signal}/never`] }
  return { signals: [signal, 'KILL'], timeout: (workersStop + OWN_STOP) / 1_000 }
}

/** Milliseconds; null: as long as a stop. A main has no successor beside it, which would have to wait. */
function drainTimeout({ serverProcess, slots }: ServerOptions<never>): number | null {
  const wait = serverProcess?.detachWait
  return wait === undefined || slots !== undefined ? null : (parseDuration(String(wait)) ?? 0) + OWN_STOP
}

/** Where a server of a supervisor runs: each process has a place of its own, for during a live restart there are two. */
export function placeBelow(above: string, pid: number): ServerPlace {
  const runtimeDir = join(above, `server-${pid}`)
  return { runtimeDir, socket: join(runtimeDir, 'holdfast.sock') }
}

/** What servers have left that were killed. */
export function removeDeadPlaces(above: string): void {
  for (const place of deadPlaces(above)) removeTree(place)
}

/**
 * Ends their workers, too: any program does not notice the death of its server, nor does one that hangs, and beside those of the
 * next server they would be too many.
 */
export async function endWorkersOfDeadServers(above: string, log: (text: string) => void): Promise<void> {
  const tell = (text: string): void => log(`${text}, since its server is dead`)
  const ends = deadPlaces(above).map(async (place) => {
    await endRecordedWorkers(place, tell)
    removeTree(place)
  })
  await Promise.all(ends)
}

function deadPlaces(above: string): string[] {
  if (!existsSync(above)) return []
  const living = new Set(readdirSync('/proc'))
  return readdirSync(above)
    .filter((entry) => /^server-\d+$/.test(entry) && !living.has(entry.slice('server-'.length)))
    .map((entry) => join(above, entry))
}

/** To the supervisor: this server, and all of its workers, are ready. */
export function sayReady(environment: Environment): void {
  const fd = Number(environment[VARIABLES.notifyFd])
  if (Number.isInteger(fd) && fd > 2) writeSync(fd, 'READY=1\n')
}

/** Asks the supervisor at `above` to end, with the server and all that stands by for it. */
export async function askDown(above: string): Promise<void> {
  await callSupervisor(join(above, 'holdfast.sock'), { method: 'POST', path: '/v1/down', body: {} })
}

/** Asks the supervisor at `above` to replace the server. Resolves when the new one serves, or could not. */
export async function askLiveRestart(name: string, above: string): Promise<OperationOutcome> {
  const path = `/v1/targets/${serverServiceName(name)}/restart`
  const socket = join(above, 'holdfast.sock')
  return (await callSupervisor(socket, { method: 'POST', path, body: {} })).body as OperationOutcome
}
