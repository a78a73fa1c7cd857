import { parseSlotAddress } from '../wire/heartbeat-slot.ts'
import { DEFAULT_LOG_LEVEL, type LogLevel, parseLogLevel } from '../wire/log-level.ts'
import { VARIABLES } from '../wire/worker-environment.ts'
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
  /** Of a main from its start. */
  readonly mainSlot: number
  readonly notifyFd: number | null
  readonly commandFd: number | null
  readonly heartbeat: { readonly path: string; readonly offset: number } | null
  readonly heartbeatInterval: number | null
  readonly heartbeatTimeout: number | null
  readonly requestTimeout: number | null
  readonly stopTimeout: number
  readonly logLevel: LogLevel
}

export type Environment = Readonly<Record<string, string | undefined>>

/** The default of `stop.timeout`, for a supervisor that does not say its own. */
const defaultStopTimeout = 10_000

export function readEnvironment(env: Environment): WorkerSetting {
  const supervised = env[VARIABLES.holdfast] === '1'
  const given = (name: string): string | undefined => (supervised ? env[name] : undefined)
  const heartbeatTimeout = positive(given(VARIABLES.heartbeatTimeout))
  return {
    supervised,
    service: given(VARIABLES.service) ?? '',
    slot: count(given(VARIABLES.slot)) ?? 0,
    generation: count(given(VARIABLES.generation)) ?? 0,
    role: given(VARIABLES.role) === 'standby' ? 'standby' : 'main',
    id: given(VARIABLES.id) ?? '',
    fencingToken: given(VARIABLES.fencingToken) ?? null,
    mainSlot: count(given(VARIABLES.mainSlot)) ?? 0,
    notifyFd: count(given(VARIABLES.notifyFd)),
    commandFd: count(given(VARIABLES.commandFd)),
    heartbeat: parseSlotAddress(given(VARIABLES.heartbeat) ?? ''),
    heartbeatTimeout,
    heartbeatInterval: positive(given(VARIABLES.heartbeatInterval)) ?? (heartbeatTimeout && heartbeatTimeout / 3),
    requestTimeout: positive(given(VARIABLES.requestTimeout)),
    stopTimeout: positive(given(VARIABLES.stopTimeout)) ?? defaultStopTimeout,
    logLevel: parseLogLevel(given(VARIABLES.logLevel) ?? '') ?? DEFAULT_LOG_LEVEL,
  }
}

export function count(text: string | undefined): number | null {
  return text !== undefined && /^\d{1,9}$/.test(text) ? Number(text) : null
}

function positive(text: string | undefined): number | null {
  const value = Number(text)
  return text !== undefined && Number.isFinite(value) && value > 0 ? value : null
}
