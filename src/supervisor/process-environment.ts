// What a worker finds in its environment (docs/workers.md lists it for users).
import type { ServiceSpec } from '../config/effective.ts'
import { backlogVariable, socketVariable, VARIABLES } from '../wire/worker-environment.ts'

/** Set by whoever started us for us, not for what we start. */
const NOT_HANDED_ON =
  /^(NOTIFY_SOCKET$|_CFK_|LISTEN_|SERVER_STARTER_|WATCHDOG_|NODE_CHANNEL_|HOLDFAST|FENCING_TOKEN$|UV_THREADPOOL_SIZE$)/

/** Names that stand for something between a supervisor and its workers. */
export function isOurs(name: string): boolean {
  return NOT_HANDED_ON.test(name)
}

/** The supervisor's environment at `up`, less what was meant for the supervisor itself. */
export function inheritedEnvironment(
  environment: Readonly<Record<string, string | undefined>>,
): Record<string, string> {
  const kept: Record<string, string> = {}
  for (const [name, value] of Object.entries(environment)) {
    if (value !== undefined && !isOurs(name)) kept[name] = value
  }
  return kept
}

export interface ProcessGifts {
  readonly id: string
  readonly slot: number
  readonly generation: number
  readonly role: 'main' | 'standby'
  /** Fencing token of a main under a lock. */
  readonly token?: string | null
  readonly mainSlot?: number | null
  /** Name, fd in the child, and `host:port` or path as start_server writes it. */
  readonly sockets: readonly {
    readonly name: string
    readonly fd: number
    readonly starterKey: string
    readonly backlog: number
  }[]
  /** Null, as the next one: whoever forks it opens that by its path, and says where. */
  readonly notifyFd: number | null
  /** Null as well: commands come on stdin. */
  readonly commandFd: number | null
  readonly channelFd: number | null
  readonly lockFds?: readonly number[]
  readonly heartbeat: string
}

/** Who a worker is, and its deadlines: the same for a process and for a thread. */
export function nameEnvironment(
  spec: ServiceSpec,
  { id, slot, generation, role, token }: Pick<ProcessGifts, 'id' | 'slot' | 'generation' | 'role' | 'token'>,
): Record<string, string> {
  const ours: Record<string, string> = {
    HOLDFAST: '1',
    HOLDFAST_SERVICE: spec.name,
    HOLDFAST_SLOT: String(slot),
    HOLDFAST_GENERATION: String(generation),
    HOLDFAST_ROLE: role,
    HOLDFAST_ID: id,
  }
  if (token) ours.FENCING_TOKEN = token
  if (spec.heartbeat !== null) {
    ours.HOLDFAST_HEARTBEAT_INTERVAL_MS = String(spec.heartbeat.interval)
    ours.HOLDFAST_HEARTBEAT_TIMEOUT_MS = String(spec.heartbeat.timeout)
  }
  if (spec.requestTimeout !== null) ours.HOLDFAST_REQUEST_TIMEOUT_MS = String(spec.requestTimeout)
  return ours
}

/** Ours, on top of everything else: a worker must be able to trust these names. */
export function giftEnvironment(spec: ServiceSpec, gifts: ProcessGifts): Record<string, string> {
  const ours = nameEnvironment(spec, gifts)
  if (gifts.notifyFd !== null) ours.HOLDFAST_NOTIFY_FD = String(gifts.notifyFd)
  ours.HOLDFAST_HEARTBEAT = gifts.heartbeat
  if (gifts.token) ours.FENCING_TOKEN = gifts.token
  if (gifts.mainSlot != null) ours[VARIABLES.mainSlot] = String(gifts.mainSlot)
  const { lockFds = [] } = gifts
  if (lockFds.length > 0) ours[VARIABLES.lockFds] = lockFds.join()
  if (gifts.commandFd !== null) ours.HOLDFAST_COMMAND_FD = String(gifts.commandFd)
  if (gifts.channelFd !== null) {
    ours.NODE_CHANNEL_FD = String(gifts.channelFd)
    ours.NODE_CHANNEL_SERIALIZATION_MODE = 'json'
  }
  if (gifts.sockets.length > 0) Object.assign(ours, socketEnvironment(gifts))
  return ours
}

/** LISTEN_PID is missing: it is not known before the process is there, and comes from the exec chain. */
function socketEnvironment({ sockets, generation }: ProcessGifts): Record<string, string> {
  const ours: Record<string, string> = {
    LISTEN_FDS: String(sockets.length),
    LISTEN_FDNAMES: sockets.map(({ name }) => name).join(':'),
    SERVER_STARTER_PORT: sockets.map(({ starterKey, fd }) => `${starterKey}=${fd}`).join(';'),
    SERVER_STARTER_GENERATION: String(generation),
  }
  for (const { name, fd, backlog } of sockets) {
    ours[socketVariable(name)] = String(fd)
    ours[backlogVariable(name)] = String(backlog)
  }
  return ours
}

/** As long as the name of a worker may be: a forked one writes its own over that of its forkserver. */
const ROOM_FOR_AN_ID = 240

/** A forkserver speaks as a forkserver, and to nobody as a worker. */
export function forkserverEnvironment({
  forkserver,
  generation,
  id,
  notifyFd,
  commandFd,
}: {
  readonly forkserver: string
  readonly generation: number
  readonly id: string
  readonly notifyFd: number
  readonly commandFd: number | null
}): Record<string, string> {
  return {
    HOLDFAST: '1',
    HOLDFAST_FORKSERVER: forkserver,
    HOLDFAST_GENERATION: String(generation),
    HOLDFAST_ID: paddedId(id),
    HOLDFAST_FORK_STATUS: String(notifyFd),
    HOLDFAST_FORK_COMMANDS: String(commandFd),
  }
}

/** What a proxy of ControlFreak looks for, where a forkserver is not ours: it may be one. */
export function proxyEnvironment(
  { notifyFd, commandFd, sockets }: Pick<ProcessGifts, 'notifyFd' | 'commandFd' | 'sockets'>,
  logFd: number,
): Record<string, string> {
  return {
    _CFK_COMMAND_FD: String(commandFd),
    _CFK_STATUS_FD: String(notifyFd),
    _CFK_LOG_FD: String(logFd),
    ...Object.fromEntries(sockets.map(({ name, fd }) => [`_CFK_SOCK_${name}`, String(fd)])),
  }
}

/** Empty elements mean nothing. */
export function paddedId(id: string): string {
  return `${id}/`.padEnd(ROOM_FOR_AN_ID, '/')
}
