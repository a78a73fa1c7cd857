// The effective config as a config: with every default written out, in the units a user writes. Loading it again gives the
// same spec.
import { stringify } from 'yaml'
import type {
  ForkserverSpec,
  LimitSpec,
  OutputSpec,
  RestartSpec,
  ServiceSpec,
  SlotsSpec,
  SocketSpec,
  SupervisorSpec,
} from './effective.ts'
import { writeReady } from './settings/ready.ts'
import { writeReload } from './settings/reload.ts'
import type { SupervisorConfig } from './settings/supervisor.ts'
import { formatDuration } from './values/duration.ts'
import { writeStep } from './values/ladder.ts'
import { formatListenAddress } from './values/listen-address.ts'
import { formatPermissionBits } from './values/octal.ts'

/** Plain JSON data for `holdfast config --json`. */
export function effectiveConfig(spec: SupervisorSpec): SupervisorConfig {
  const { name, runtimeDir, logDir, stateDir, control } = spec
  return escapeVariables({
    name,
    runtimeDir,
    logDir,
    stateDir,
    control: { ...control, mode: formatPermissionBits(control.mode) },
    sockets: mapValues(spec.sockets, writeSocket),
    locks: writeLocks(spec),
    forkservers: mapValues(spec.forkservers, writeForkserver),
    services: mapValues(spec.services, writeService),
  })
}

function writeSlots({ directory: _, ...slots }: SlotsSpec) {
  return slots
}

/** For people: `holdfast config`. */
export function effectiveYaml(spec: SupervisorSpec): string {
  return stringify(effectiveConfig(spec), { lineWidth: 0, aliasDuplicateObjects: false })
}

function mapValues<A, B>(record: Readonly<Record<string, A>>, map: (value: A) => B): Record<string, B> {
  return Object.fromEntries(Object.entries(record).map(([key, value]) => [key, map(value)]))
}

/** A literal `${` must not become a variable when the text is loaded again. Keys are never looked at. */
function escapeVariables<T>(value: T): T {
  return escaped(value) as T
}

function escaped(value: unknown): unknown {
  if (typeof value === 'string') return value.replaceAll('${', () => '$${')
  if (Array.isArray(value)) return value.map(escaped)
  return typeof value === 'object' && value !== null ? mapValues(value as Record<string, unknown>, escaped) : value
}

function writeSocket({ name: _, listen, mode, ...rest }: SocketSpec) {
  return { listen: formatListenAddress(listen), mode: mode === null ? null : formatPermissionBits(mode), ...rest }
}

/** Each with its directory, which by default is that of a service or of a lock. */
function writeLocks({ services }: SupervisorSpec): Record<string, { type: 'file'; directory: string }> {
  const slots = Object.values(services).flatMap((service) => service.slots ?? [])
  return Object.fromEntries(slots.map(({ lock, directory }) => [lock, { type: 'file' as const, directory }]))
}

function writeForkserver({
  name: _,
  command,
  executable,
  startTimeout,
  forkTimeout,
  restart,
  ...rest
}: ForkserverSpec) {
  return {
    ...(command === null ? {} : { command }),
    ...(executable === null ? {} : { executable }),
    ...rest,
    startTimeout: formatDuration(startTimeout),
    forkTimeout: formatDuration(forkTimeout),
    restart: writeRestart(restart),
  }
}

function writeRestart(restart: RestartSpec) {
  return {
    ...restart,
    initial: formatDuration(restart.initial),
    max: formatDuration(restart.max),
    resetAfter: formatDuration(restart.resetAfter),
    maxRetries: restart.maxRetries ?? ('never' as const),
    delay: formatDuration(restart.delay),
  }
}

function writeService({ name: _, command, forkserver, instances, slots, ...service }: ServiceSpec) {
  const { umask, limits, stdin, stdout, stderr, heartbeat, requestTimeout, restart, pace, stop, rollout } = service
  return {
    ...(forkserver === null ? { command } : { forkserver: forkserver.name }),
    ...(slots === null ? { instances } : { slots: writeSlots(slots) }),
    ...service,
    umask: umask === null ? null : formatPermissionBits(umask),
    limits: mapValues(limits, writeLimit),
    stdin: stdin === null || stdin === 'commands' ? stdin : `socket:${stdin.socket}`,
    stdout: writeOutput(stdout),
    stderr: writeOutput(stderr),
    startTimeout: formatDuration(service.startTimeout),
    ready: writeReady(service.ready),
    heartbeat:
      heartbeat === null
        ? ('off' as const)
        : {
            interval: formatDuration(heartbeat.interval),
            timeout: formatDuration(heartbeat.timeout),
            signals: heartbeat.signals.map(writeStep),
          },
    requestTimeout: requestTimeout === null ? ('off' as const) : formatDuration(requestTimeout),
    restart: writeRestart(restart),
    pace: { ...pace, interval: formatDuration(pace.interval) },
    stop: {
      ...stop,
      signals: stop.signals.map(writeStep),
      timeout: formatDuration(stop.timeout),
      fileTimeout: formatDuration(stop.fileTimeout),
      drainTimeout: stop.drainTimeout === null ? null : formatDuration(stop.drainTimeout),
    },
    reload: writeReload(service.reload),
    rollout: { ...rollout, minReady: formatDuration(rollout.minReady), timeout: formatDuration(rollout.timeout) },
  }
}

function writeLimit({ soft, hard }: LimitSpec) {
  return soft === hard ? (soft ?? 'unlimited') : { soft: soft ?? 'unlimited', hard: hard ?? 'unlimited' }
}

function writeOutput(output: OutputSpec): string {
  return typeof output === 'string' ? output : `file:${output.file}`
}
