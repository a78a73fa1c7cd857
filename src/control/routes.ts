// The control API as data: what the server dispatches on, what docs/control-api.md is checked against.
import type { OperationVerb } from '../supervisor/engine-api.ts'

/** `flag` is 1/true or 0/false in a query, a boolean in a body. `strings` may be given several times in a query. */
export type FieldType = 'string' | 'strings' | 'integer' | 'flag' | 'duration'

export interface Field {
  readonly type: FieldType
  readonly doc: string
}
export type Fields = Readonly<Record<string, Field>>

/**
 * `owner`: the supervisor's own user and root. `drive`: also the users of `control.allow`, who may drive what is declared
 * but neither change what is run nor end the supervisor nor read environments.
 */
export type Access = 'drive' | 'owner'

export type RouteName =
  | OperationVerb
  | 'status'
  | 'settled'
  | 'apply'
  | 'down'
  | 'events'
  | 'logs'
  | 'why'
  | 'dump'
  | 'config'

export interface Route {
  readonly name: RouteName
  readonly method: 'GET' | 'POST'
  /** `{target}` matches one segment: one target, or several with commas between. */
  readonly path: string
  readonly access: Access
  readonly query: Fields
  readonly body: Fields
  /** The events of `text/event-stream`, none if the route only answers with JSON. */
  readonly events: readonly string[]
  readonly summary: string
}

const wait: Field = { type: 'flag', doc: 'false: answer 202 at once, the operation goes on. Default true.' }
const operationEvents = ['progress', 'done', 'error'] as const

const OPERATIONS: Readonly<Record<OperationVerb, { summary: string; body: Fields }>> = {
  start: { summary: 'Start what is not running; backoff ends now, fatal and exited start over.', body: { wait } },
  stop: {
    summary: 'Stop by the stop ladder.',
    body: { wait, withDependents: { type: 'flag', doc: 'Stop the services that depend on it too, first.' } },
  },
  restart: {
    summary: "Rolling restart by the service's `rollout`.",
    body: {
      wait,
      cold: { type: 'flag', doc: 'Stop all workers, then start.' },
      replace: { type: 'flag', doc: 'Supersede a rollout in progress.' },
    },
  },
  reload: { summary: "Reload by the service's `reload`.", body: { wait } },
  scale: {
    summary: 'Set or change the number of workers.',
    body: { wait, count: { type: 'string', doc: '`4`, `+1` or `-2`. Required.' } },
  },
  failover: { summary: 'Planned switch: the main makes room for the standby that waits longest.', body: { wait } },
  signal: {
    summary: "Send a signal to the workers' processes, after the identity check.",
    body: {
      wait,
      signal: { type: 'string', doc: '`HUP`, `SIGHUP` or a number. Required.' },
      group: { type: 'flag', doc: 'To the whole process group.' },
    },
  },
}
export const OPERATION_VERBS = Object.keys(OPERATIONS) as OperationVerb[]

const eventFields: Fields = {
  last: { type: 'integer', doc: 'How many of the latest entries; default 50.' },
  target: { type: 'strings', doc: 'Only of these targets.' },
  follow: { type: 'flag', doc: '1: server-sent events, the latest entries first, then each new one.' },
}

export const ROUTES: readonly Route[] = [
  {
    name: 'status',
    method: 'GET',
    path: '/v1/status',
    access: 'drive',
    query: {
      target: { type: 'strings', doc: 'Only these targets; may be given several times.' },
      memory: { type: 'flag', doc: '1: with `pss` of each worker (slower).' },
      table: {
        type: 'flag',
        doc: '1: `{ text, notReady }`, the table of `holdfast status` and the services without a ready worker.',
      },
      color: { type: 'flag', doc: '1: the table with ANSI colours.' },
      width: { type: 'integer', doc: 'Of the table, in characters; default: no limit.' },
    },
    body: {},
    events: [],
    summary: 'State of the supervisor, its services, workers and sockets.',
  },
  ...OPERATION_VERBS.map(
    (verb): Route => ({
      name: verb,
      method: 'POST',
      path: `/v1/targets/{target}/${verb}`,
      access: 'drive',
      query: {},
      body: OPERATIONS[verb].body,
      events: operationEvents,
      summary: OPERATIONS[verb].summary,
    }),
  ),
  {
    name: 'settled',
    method: 'GET',
    path: '/v1/settled',
    access: 'drive',
    query: {},
    body: {},
    events: ['done', 'error'],
    summary: 'Waits until every autostart service is ready or ended as allowed; names those that are not.',
  },
  {
    name: 'apply',
    method: 'POST',
    path: '/v1/apply',
    access: 'owner',
    query: {},
    body: {
      dryRun: { type: 'flag', doc: 'Only report what would change.' },
      replace: { type: 'flag', doc: 'Supersede a rollout in progress.' },
    },
    events: operationEvents,
    summary: 'Read the config file again and converge to it; touches only what changed.',
  },
  {
    name: 'down',
    method: 'POST',
    path: '/v1/down',
    access: 'owner',
    query: {},
    body: {
      timeout: { type: 'duration', doc: 'What still runs after it is killed: `30s`, or seconds.' },
      immediate: { type: 'flag', doc: 'Kill at once.' },
    },
    events: operationEvents,
    summary: 'Stop every service in reverse dependency order, then the supervisor. A second call hurries the first.',
  },
  {
    name: 'events',
    method: 'GET',
    path: '/v1/events',
    access: 'drive',
    query: eventFields,
    body: {},
    events: ['entry', 'error'],
    summary: 'State changes with their causes, oldest first.',
  },
  {
    name: 'logs',
    method: 'GET',
    path: '/v1/logs/{target}',
    access: 'drive',
    query: {
      lines: { type: 'integer', doc: 'How many of the latest lines, of all targets together; default 50.' },
      since: {
        type: 'duration',
        doc: 'Only lines younger than this: `5m`, or seconds. All of them, unless `lines` is given.',
      },
      stream: { type: 'string', doc: '`out` or `err`.' },
      follow: { type: 'flag', doc: '1: server-sent events, the latest lines first, then each new one.' },
    },
    body: {},
    events: ['line', 'done', 'error'],
    summary: 'Captured output, oldest first, across rotated files.',
  },
  {
    name: 'why',
    method: 'GET',
    path: '/v1/why/{target}',
    access: 'drive',
    query: {},
    body: {},
    events: [],
    summary: 'Why each worker is in the state it is in: one sentence, then the chain of events.',
  },
  {
    name: 'dump',
    method: 'GET',
    path: '/v1/dump',
    access: 'owner',
    query: { target: { type: 'string', doc: 'Only this target.' } },
    body: {},
    events: [],
    summary: 'The internal state, for a bug report.',
  },
  {
    name: 'config',
    method: 'GET',
    path: '/v1/config',
    access: 'owner',
    query: {},
    body: {},
    events: [],
    summary: 'The effective config that the supervisor runs.',
  },
]

export interface RouteMatch {
  readonly route: Route
  /** Targets of the path, percent-decoded; a comma that belongs to a target is written `%2C`. */
  readonly targets: readonly string[]
}

/** @throws URIError when a segment is not valid percent-encoding. */
export function matchRoute(method: string, path: string): RouteMatch | null {
  const segments = path.split('/')
  for (const route of ROUTES) {
    if (route.method !== method) continue
    const pattern = route.path.split('/')
    if (pattern.length !== segments.length) continue
    const targetAt = pattern.indexOf('{target}')
    if (!pattern.every((part, i) => i === targetAt || part === segments[i])) continue
    const given = targetAt < 0 ? '' : (segments[targetAt] ?? '')
    return { route, targets: given === '' ? [] : given.split(',').map(decodeURIComponent) }
  }
  return null
}
