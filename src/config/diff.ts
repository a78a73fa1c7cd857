// What differs between two specs, and what that means for the processes that run.
import type { ForkserverSpec, ServiceSpec, SupervisorSpec } from './effective.ts'
import { sha256 } from './sha256.ts'

/** Keys that a running process can not take over: it was started with them. Everything else is policy of the supervisor. */
const NEEDS_NEW_PROCESS = [
  'command',
  'forkserver',
  'entry',
  'cwd',
  'user',
  'group',
  'umask',
  'nice',
  'env',
  'limits',
  'session',
  'sockets',
  'stdin',
  'stdout',
  'stderr',
  'ready',
  'heartbeat',
  'requestTimeout',
  'slots',
] as const satisfies readonly (keyof ServiceSpec)[]
const needNewProcess: ReadonlySet<string> = new Set(NEEDS_NEW_PROCESS)
/** Of those keys, what no process is started with. */
const FORKSERVER_POLICY = 'forkserver.description'

export interface ServiceDifference {
  readonly service: string
  readonly change: 'added' | 'removed' | 'changed' | 'unchanged'
  /** `command`, `env.PORT`, `sockets.http.listen` (a socket that it uses); empty unless changed. */
  readonly keys: readonly string[]
  /** The running processes must be replaced. */
  readonly restart: boolean
}

export interface SpecDifference {
  readonly services: readonly ServiceDifference[]
  readonly sockets: readonly { readonly name: string; readonly change: 'added' | 'removed' | 'changed' }[]
  /** Keys that can not change while the supervisor runs: `name`, `runtimeDir`, `control.…`. */
  readonly refused: readonly string[]
  /** Other keys of the supervisor that differ: `logDir`, `stateDir`. */
  readonly supervisor: readonly string[]
}

export function diffSpecs(oldSpec: SupervisorSpec, newSpec: SupervisorSpec): SpecDifference {
  const sockets = diffSockets(oldSpec, newSpec)
  const names = new Set([...Object.keys(oldSpec.services), ...Object.keys(newSpec.services)])
  const { name, runtimeDir, control } = oldSpec
  return {
    services: [...names].map((service) => diffService(service, oldSpec, newSpec)),
    sockets,
    refused: differingKeys(
      { name, runtimeDir, control },
      { name: newSpec.name, runtimeDir: newSpec.runtimeDir, control: newSpec.control },
      ['control'],
    ),
    supervisor: (['logDir', 'stateDir'] as const).filter((key) => oldSpec[key] !== newSpec[key]),
  }
}

function diffSockets(oldSpec: SupervisorSpec, newSpec: SupervisorSpec) {
  const names = new Set([...Object.keys(oldSpec.sockets), ...Object.keys(newSpec.sockets)])
  const changes: { name: string; change: 'added' | 'removed' | 'changed' }[] = []
  for (const name of names) {
    const before = own(oldSpec.sockets, name)
    const after = own(newSpec.sockets, name)
    if (before === undefined) changes.push({ name, change: 'added' })
    else if (after === undefined) changes.push({ name, change: 'removed' })
    else if (stableJson(before) !== stableJson(after)) changes.push({ name, change: 'changed' })
  }
  return changes
}

function diffService(service: string, oldSpec: SupervisorSpec, newSpec: SupervisorSpec): ServiceDifference {
  const before = own(oldSpec.services, service)
  const after = own(newSpec.services, service)
  if (after === undefined) return { service, change: 'removed', keys: [], restart: false }
  if (before === undefined) return { service, change: 'added', keys: [], restart: false }
  const ownKeys = differingKeys(before, after, OBJECTS)
  // A process holds the listener it was given: the same name with another address is another listener.
  const socketKeys = socketsUsed(after).flatMap((name) => {
    const [was, is] = [own(oldSpec.sockets, name), own(newSpec.sockets, name)]
    return was && is ? differingKeys(was, is, []).map((key) => `sockets.${name}.${key}`) : []
  })
  const keys = [...ownKeys, ...socketKeys]
  const restart = socketKeys.length > 0 || ownKeys.some(isForNewProcess)
  return { service, change: keys.length > 0 ? 'changed' : 'unchanged', keys, restart }
}

function isForNewProcess(key: string): boolean {
  return key !== FORKSERVER_POLICY && needNewProcess.has(key.split('.', 1)[0] ?? '')
}

/** Whether a process of the one does for the other. */
export function isSameForkserver(one: ForkserverSpec, other: ForkserverSpec): boolean {
  return stableJson(withoutPolicy(one)) === stableJson(withoutPolicy(other))
}

function withoutPolicy(forkserver: ForkserverSpec | null): object | null {
  return forkserver === null ? null : { ...forkserver, description: undefined }
}

function socketsUsed({ sockets, stdin }: ServiceSpec): readonly string[] {
  return stdin === null || stdin === 'commands' ? sockets : [...new Set([...sockets, stdin.socket])]
}

/** Objects of which the keys are told: `env.PORT` rather than `env`. Lists and unions are told as a whole. */
const OBJECTS: readonly string[] = [
  'env',
  'forkserver',
  'limits',
  'dependsOn',
  'restart',
  'pace',
  'earlyDeath',
  'stop',
  'rollout',
  'heartbeat',
] satisfies (keyof ServiceSpec)[]

function differingKeys(before: object, after: object, objects: readonly string[]): string[] {
  const [was, is] = [new Map(Object.entries(before)), new Map(Object.entries(after))]
  const keys = new Set([...was.keys(), ...is.keys()])
  return [...keys].flatMap((key) => {
    const [a, b]: unknown[] = [was.get(key), is.get(key)]
    if (stableJson(a) === stableJson(b)) return []
    if (objects.includes(key) && isObject(a) && isObject(b))
      return differingKeys(a, b, []).map((inner) => `${key}.${inner}`)
    return [key]
  })
}

function isObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null
}

function own<T>(record: Readonly<Record<string, T>>, name: string): T | undefined {
  return Object.hasOwn(record, name) ? record[name] : undefined
}

/** Of what a process was started with: two services with the same hash can share a process. 32 hexadecimal digits. */
export function specHash(service: ServiceSpec): string {
  const started = { ...service, forkserver: withoutPolicy(service.forkserver) }
  const text = NEEDS_NEW_PROCESS.map((key) => stableJson(started[key])).join('\n')
  return digest(text).slice(0, 32)
}

/** So many are hashed sooner than node:crypto is loaded. */
const FEW = 10
let hashed = 0

function digest(text: string): string {
  if (++hashed <= FEW) return sha256(text)
  return process.getBuiltinModule('node:crypto').createHash('sha256').update(text).digest('hex')
}

/** The order in which keys were written does not matter. */
function stableJson(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(stableJson).join()}]`
  if (!isObject(value)) return JSON.stringify(value) ?? 'undefined'
  const entries = Object.entries(value).filter(([, inner]) => inner !== undefined)
  entries.sort(([a], [b]) => (a < b ? -1 : 1))
  return `{${entries.map(([key, inner]) => `${JSON.stringify(key)}:${stableJson(inner)}`).join()}}`
}
