// A declared service to the spec that the engine runs: built-in defaults, ladders, environment files.

import type { DeclaredService } from './declared.ts'
import type {
  ForkserverSpec,
  HeartbeatSpec,
  RestartSpec,
  RolloutSpec,
  ServiceSpec,
  SlotsSpec,
  StopSpec,
} from './effective.ts'
import { withDefaults } from './read-table.ts'
import type { Complete, Sparse } from './setting.ts'
import { earlyDeathSettings } from './settings/early-death.ts'
import { heartbeatSettings } from './settings/heartbeat.ts'
import { paceSettings } from './settings/pace.ts'
import { restartSettings } from './settings/restart.ts'
import { rolloutSettings } from './settings/rollout.ts'
import { serviceSettings } from './settings/service.ts'
import { slotSettings } from './settings/slots.ts'
import { stopSettings } from './settings/stop.ts'
import { completeLadder } from './values/ladder.ts'

export interface ServiceSurroundings {
  /** Default of `cwd`. */
  readonly directory: string
  /** Variables of the service's `envFile`s, joined. */
  readEnvironmentFiles(service: DeclaredService): Readonly<Record<string, string>>
  /** Null: there is none of that name. */
  forkserver(name: string): ForkserverSpec | null
  /** Where the files of a lock lie. Null: its own, by default. */
  lockDirectory(lock: string | null, service: string): string
}

/** Without a command, which is reported elsewhere, that is empty. */
export function resolveService(
  declared: DeclaredService,
  { directory, readEnvironmentFiles, forkserver: forkserverOf, lockDirectory }: ServiceSurroundings,
): ServiceSpec {
  const given: Complete<typeof serviceSettings> = withDefaults(serviceSettings, declared.settings)
  const stop = resolveStop(given.stop, given.session)
  const forkserver = given.forkserver === null ? null : forkserverOf(given.forkserver)
  const slots = given.slots === undefined ? null : resolveSlots(given.slots, declared.name, lockDirectory)
  return {
    name: declared.name,
    description: given.description,
    tags: given.tags,
    command: given.command ?? [],
    forkserver,
    entry: given.entry,
    instances: slots === null ? given.instances : slots.mains + slots.standbys,
    autostart: given.autostart,
    dependsOn: given.dependsOn,
    cwd: given.cwd ?? directory,
    // Only root could become somebody else than who has loaded the application, and would no longer be root.
    user: given.user ?? forkserver?.user ?? null,
    group: given.group ?? (given.user === null ? (forkserver?.group ?? null) : null),
    umask: given.umask,
    nice: given.nice,
    env: { ...forkserver?.env, ...readEnvironmentFiles(declared), ...given.env },
    limits: given.limits,
    session: given.session,
    sockets: given.sockets,
    stdin: given.stdin,
    stdout: given.stdout,
    stderr: given.stderr,
    startTimeout: given.startTimeout,
    ready: declared.settings.ready ?? (forkserver === null ? given.ready : { by: 'notify' }),
    heartbeat: given.heartbeat === null ? null : resolveHeartbeat(given.heartbeat, stop.timeout),
    requestTimeout: given.requestTimeout,
    restart: resolveRestart(given.restart),
    pace: withDefaults(paceSettings, given.pace ?? {}),
    earlyDeath: withDefaults(earlyDeathSettings, given.earlyDeath ?? {}),
    stop,
    reload: given.reload,
    // A main has to go before its standby can follow it.
    rollout: resolveRollout(given.rollout, slots === null && (given.sockets.length > 0 || forkserver !== null)),
    slots,
  }
}

function resolveSlots(
  given: Sparse<typeof slotSettings>,
  service: string,
  lockDirectory: ServiceSurroundings['lockDirectory'],
): SlotsSpec {
  const { lock, ...counts } = withDefaults(slotSettings, given)
  return { lock: lock ?? service, directory: lockDirectory(lock ?? null, service), ...counts }
}

export function resolveRestart(given: Sparse<typeof restartSettings> | undefined): RestartSpec {
  return withDefaults(restartSettings, given ?? {})
}

function resolveStop(given: Sparse<typeof stopSettings> | undefined, session: ServiceSpec['session']): StopSpec {
  const { signals, timeout, group, ...rest } = withDefaults(stopSettings, given ?? {})
  // Without a group of its own the group is the supervisor's own, and a signal to it would reach everybody.
  return { signals: completeLadder(signals, timeout), timeout, group: group && session !== false, ...rest }
}

function resolveHeartbeat(given: Sparse<typeof heartbeatSettings>, stopTimeout: number): HeartbeatSpec {
  const { interval, timeout, signals } = withDefaults(heartbeatSettings, given)
  return { interval: interval ?? Math.ceil(timeout / 3), timeout, signals: completeLadder(signals, stopTimeout) }
}

function resolveRollout(given: Sparse<typeof rolloutSettings> | undefined, sharesSockets: boolean): RolloutSpec {
  const { maxSurge, maxUnavailable, minReady, canary, timeout } = withDefaults(rolloutSettings, given ?? {})
  return {
    maxSurge: maxSurge ?? (sharesSockets ? 1 : 0),
    maxUnavailable: maxUnavailable ?? (sharesSockets ? 0 : 1),
    minReady,
    canary,
    timeout,
  }
}
