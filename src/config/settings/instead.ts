// What people write first where an object is wanted, and how it is written here. For hints only: none of it is accepted.
import { parseSignal } from '../../os/signals.ts'
import { inYaml } from '../in-yaml.ts'
import { formatDuration, parseDuration } from '../values/duration.ts'
import { isObject, plainValue, textOf } from '../written-scalar.ts'

/** `always`, `on-failure:3` (Compose), `false`, `5` */
export function insteadOfRestart(raw: unknown): string {
  const value = plainValue(raw)
  if (typeof value === 'number') return `Write restart: { maxRetries: ${inYaml(raw)} }.`
  if (value === false) return 'Write restart: { when: never }.'
  const [when = '', retries] = (textOf(raw) ?? '').split(':')
  if (when === 'on-failure' && retries !== undefined)
    return `Write restart: { when: on-failure, maxRetries: ${Number(retries) || 5} }.`
  if (when === 'on-failure') return 'Write restart: { when: on-failure }.'
  if (when === 'never' || when === 'no') return 'Write restart: { when: never }.'
  return 'Write restart: { when: always }, which is the default; or on-failure, or never.'
}

/** `SIGINT`, `30s`, `[INT, KILL]` */
export function insteadOfStop(raw: unknown): string {
  const time = durationOf(raw)
  if (time !== null) return `Write stop: { timeout: ${time} }.`
  const signals = (Array.isArray(raw) ? raw : [raw]).flatMap((item) => {
    const signal = parseSignal(textOf(item) ?? '')?.name.replace(/^SIG/, '')
    return signal === undefined || signal === 'KILL' ? [] : [signal]
  })
  if (signals.length > 0) return `Write stop: { signals: [${signals.join(', ')}, KILL] }.`
  return 'Write stop: { signals: [TERM, KILL] }, stop: { timeout: 30s }, or stop: { command: … }.'
}

/** `3s` */
export function insteadOfPace(raw: unknown): string {
  return `Write pace: { interval: ${durationOf(raw) ?? '1s'} }.`
}

/** `shut-down` */
export function insteadOfEarlyDeath(raw: unknown): string {
  const policy = textOf(raw) === 'back-off' ? 'back-off' : 'shut-down'
  return `Write earlyDeath: { firstBoot: ${policy}, newGeneration: ${policy}, steady: ${policy} }.`
}

/** `10s`, `true` */
export function insteadOfHeartbeat(raw: unknown): string {
  return `Write heartbeat: { timeout: ${durationOf(raw) ?? '10s'} }, or heartbeat: off.`
}

export function insteadOfRollout(raw: unknown): string {
  const count = plainValue(raw)
  return `Write rollout: { maxSurge: ${typeof count === 'number' ? count : 1} }.`
}

/** `65536` */
export function insteadOfLimits(raw: unknown): string {
  return `Write limits: { nofile: ${typeof plainValue(raw) === 'number' ? inYaml(raw) : 65536} }.`
}

/** `[A=1, B=2]`, `A=1`, `[{ name: A, value: 1 }]` */
export function insteadOfEnvironment(raw: unknown): string {
  const texts = Array.isArray(raw) ? raw.map(textOf) : [textOf(raw)]
  const pairs = texts.flatMap((text) => {
    const [, name, value] = /^([^=\s]+)=([^\n]*)$/.exec(text ?? '') ?? []
    return name === undefined ? [] : [`${inYaml(name)}: ${/^\d+$/.test(value ?? '') ? value : inYaml(value)}`]
  })
  const shown = pairs.slice(0, 3).join(', ')
  return `Write env: { ${shown === '' ? 'NAME: value' : shown}${pairs.length > 3 ? ', …' : ''} }.`
}

/** `db`, `[db, cache]` */
export function insteadOfDependencies(raw: unknown): string {
  const names = (Array.isArray(raw) ? raw : [raw]).map(textOf).filter((name) => name !== null)
  const pairs = (names.length === 0 ? ['db'] : names).map((name) => `${inYaml(name)}: ready`)
  return `Write dependsOn: { ${pairs.join(', ')} }: each service with what to wait for: ready, started or exited.`
}

/** A list of services with a `name` each, as in PM2. */
export function insteadOfServices(raw: unknown): string {
  const first: unknown = Array.isArray(raw) ? raw[0] : null
  const name = isObject(first) ? inYaml(first.name) : 'web'
  return `Each service stands below its name: services: { ${name === '…' ? 'web' : name}: { command: … } }.`
}

/** `web: node server.js`, as in a Procfile. */
export function insteadOfService(raw: unknown, name: string): string {
  const command = /^command\s*[:=\s]\s*(\S.*)$/.exec(textOf(raw) ?? '')?.[1]
  if (command !== undefined) return `Write command: ${inYaml(command)}, with a colon and a blank after the key.`
  return `Write ${name}: { command: ${Array.isArray(raw) ? '[…]' : inYaml(raw)} }.`
}

export function insteadOfSockets(): string {
  return 'Each socket stands below its name: sockets: { http: tcp://0.0.0.0:8080 }.'
}

const DECLARE_SOCKET =
  'Declare the address at the top of the file (sockets: { http: tcp://0.0.0.0:8080 }), and name it in the service: sockets: [http].'

/** An address or a port in a service's list of sockets; null: a name that is none. */
export function insteadOfSocketName(raw: unknown): string | null {
  return typeof plainValue(raw) === 'number' || isObject(raw) || /[:/]|^\d+$/.test(textOf(raw) ?? '')
    ? DECLARE_SOCKET
    : null
}

export function insteadOfSocketList(raw: unknown): string | null {
  return isObject(raw) ? DECLARE_SOCKET : insteadOfSocketName(raw)
}

/** `8080`, `http://…`, `3s`, `ipc` */
export function insteadOfReady(raw: unknown, fallback: string): string {
  const value = plainValue(raw)
  const text = textOf(raw) ?? ''
  if (typeof value === 'number' || /^[\w.[\]:-]*:\d{1,5}$/.test(text)) return `Write ready: { tcp: ${inYaml(raw)} }.`
  if (/^https?:/.test(text)) return `Write ready: { http: ${inYaml(raw)} }.`
  const time = durationOf(raw)
  if (time !== null) return `Write ready: { delay: ${time} }.`
  return text === 'ipc' ? 'Write ready: { ipc: true }.' : fallback
}

function durationOf(raw: unknown): string | null {
  const value = plainValue(raw)
  if (typeof value === 'number' && value > 0 && value < 1e9) return formatDuration(Math.round(value * 1000))
  const text = textOf(raw)
  return text !== null && parseDuration(text) !== null ? text : null
}
