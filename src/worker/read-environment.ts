import { parseSlotAddress } from '../wire/heartbeat-slot.ts'
import type { Role } from './worker.ts'

/** What the supervisor says to this process through its environment. Times in milliseconds, null: not given. */
export interface WorkerSetting {
  readonly supervised: boolean
  readonly service: string
  readonly slot: number
  readonly generation: number
  readonly role: Role
  readonly id: string
  readonly fencingToken: string | null
  readonly notifyFd: number | null
  readonly commandFd: number | null
  readonly heartbeat: { readonly path: string; readonly offset: number } | null
  readonly heartbeatInterval: number | null
  readonly heartbeatTimeout: number | null
  readonly requestTimeout: number | null
  readonly stopTimeout: number
}

export type Environment = Readonly<Record<string, string | undefined>>

/** The default of `stop.timeout`, for a supervisor that does not say its own. */
const defaultStopTimeout = 10_000

export function readEnvironment(env: Environment): WorkerSetting {
  const supervised = env['HOLDFAST'] === '1'
  const given = (name: string): string | undefined => (supervised ? env[name] : undefined)
  const heartbeatTimeout = positive(given('HOLDFAST_HEARTBEAT_TIMEOUT_MS'))
  return {
    supervised,
    service: given('HOLDFAST_SERVICE') ?? '',
    slot: count(given('HOLDFAST_SLOT')) ?? 0,
    generation: count(given('HOLDFAST_GENERATION')) ?? 0,
    role: given('HOLDFAST_ROLE') === 'standby' ? 'standby' : 'main',
    id: given('HOLDFAST_ID') ?? '',
    fencingToken: given('FENCING_TOKEN') ?? null,
    notifyFd: count(given('HOLDFAST_NOTIFY_FD')),
    commandFd: count(given('HOLDFAST_COMMAND_FD')),
    heartbeat: parseSlotAddress(given('HOLDFAST_HEARTBEAT') ?? ''),
    heartbeatTimeout,
    heartbeatInterval: positive(given('HOLDFAST_HEARTBEAT_INTERVAL_MS')) ?? (heartbeatTimeout && heartbeatTimeout / 3),
    requestTimeout: positive(given('HOLDFAST_REQUEST_TIMEOUT_MS')),
    stopTimeout: positive(given('HOLDFAST_STOP_TIMEOUT_MS')) ?? defaultStopTimeout,
  }
}

/** `HOLDFAST_SOCKET_` and the socket's name in upper case, dashes as underscores. */
export function socketVariable(name: string): string {
  return `HOLDFAST_SOCKET_${suffix(name)}`
}

export function backlogVariable(name: string): string {
  return `HOLDFAST_BACKLOG_${suffix(name)}`
}

/** Names of the sockets that the service has, as they stand in the environment. */
export function socketsGiven(env: Environment): string[] {
  return Object.keys(env).flatMap((name) => (name.startsWith('HOLDFAST_SOCKET_') ? [name.slice(16).toLowerCase()] : []))
}

export function count(text: string | undefined): number | null {
  return text !== undefined && /^\d{1,9}$/.test(text) ? Number(text) : null
}

function suffix(name: string): string {
  return name.toUpperCase().replaceAll('-', '_')
}

function positive(text: string | undefined): number | null {
  const value = Number(text)
  return text !== undefined && Number.isFinite(value) && value > 0 ? value : null
}
