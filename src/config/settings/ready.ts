// The union `ready`: exactly one way to know that a worker serves.
import type { ReadySpec } from '../effective.ts'
import { type Sparse, setting, type Written } from '../setting.ts'
import { Refusal, reportRefusal, scalar, type ValueType, wrongType, wrongValue } from '../value-type.ts'
import { objectOf } from '../values/collections.ts'
import { command } from '../values/command.ts'
import { duration, formatDuration } from '../values/duration.ts'
import { oneOf, readText } from '../values/scalars.ts'
import { isObject, plainValue, shorten, textOf } from '../written-scalar.ts'
import { insteadOfReady } from './instead.ts'

const endpoint: ValueType<{ host: string; port: number }, string | number> = scalar(
  'port or host:port',
  {
    anyOf: [
      { type: 'integer', minimum: 1, maximum: 65535 },
      { type: 'string', pattern: ':[0-9]{1,5}$|^[0-9]{1,5}$|\\$\\{' },
    ],
  },
  (raw) => {
    const value = plainValue(raw)
    const text = typeof value === 'number' ? String(value) : textOf(raw)
    if (text === null) return wrongType('a port or HOST:PORT', raw, 'Write 8080 or 127.0.0.1:8080.')
    const match = /^(?:tcp:\/\/)?(?:(.*):)?(\d{1,5})\/?$/.exec(text)
    const port = Number(match?.[2])
    if (match === null || port < 1 || port > 65535) {
      return wrongValue(`"${shorten(text)}" is not a port or HOST:PORT`, 'Write 8080 or 127.0.0.1:8080.')
    }
    return { host: (match[1] ?? '').replace(/^\[(.*)\]$/, '$1') || '127.0.0.1', port }
  },
)

const httpUrl: ValueType<string, string> = scalar('URL', { type: 'string', pattern: '^http://|\\$\\{' }, (raw) => {
  const text = readText(raw, 'a URL')
  if (text instanceof Refusal) return text
  const hint = 'Write http://HOST:PORT/PATH; the probe speaks plain HTTP only.'
  if (!text.startsWith('http://')) return wrongValue(`"${shorten(text)}" does not start with http://`, hint)
  const url = URL.canParse(text) ? new URL(text) : null
  return url !== null && url.username === '' ? url.href : wrongValue(`"${shorten(text)}" is not a URL`, hint)
})

const regularExpression: ValueType<string, string> = scalar(
  'regular expression',
  { type: 'string', format: 'regex' },
  (raw) => {
    const text = readText(raw, 'a regular expression')
    if (text instanceof Refusal) return text
    if (text === '') return wrongValue('it is empty', 'An empty pattern matches the first line; say what to wait for.')
    try {
      new RegExp(text)
      return text
    } catch (error) {
      return wrongValue(`not a regular expression: ${reason(error)}`, 'JavaScript syntax, without slashes around it.')
    }
  },
)

/** `Invalid regular expression: /(/: Unterminated group` → `Unterminated group` */
function reason(error: unknown): string {
  const message = error instanceof Error ? error.message : String(error)
  return message.slice(message.lastIndexOf(': ') + 1).trim()
}

const onlyTrue: ValueType<true, true> = scalar('true', { const: true }, (raw) =>
  plainValue(raw) === true ? true : wrongType('true', raw, 'Write ready: { ipc: true }.'),
)

export const readySettings = {
  delay: setting(duration, { doc: 'Ready when the process has lived this long.' }),
  tcp: setting(endpoint, { doc: 'Ready when this port (`8080`, `127.0.0.1:8080`) accepts a connection.' }),
  http: setting(httpUrl, { doc: 'Ready when `GET` of this `http://` URL answers with a status from 200 to 399.' }),
  exec: setting(command, { doc: 'Ready when this command exits 0.' }),
  log: setting(regularExpression, { doc: 'Ready when a line on stdout or stderr matches this regular expression.' }),
  ipc: setting(onlyTrue, { doc: "Ready at Node's `process.send('ready')`. Does not survive the supervisor." }),
} as const

type ReadyInput = 'notify' | Written<typeof readySettings>

const WAYS = Object.keys(readySettings)
const HINT = `Write notify, or an object with one of ${WAYS.join(', ')}.`
const notify = oneOf(['notify'])
const object = objectOf(readySettings)

export const ready: ValueType<ReadySpec, ReadyInput> = {
  name: '`notify` or object with one key',
  get schema() {
    return { anyOf: [notify.schema, { ...object.schema, minProperties: 1, maxProperties: 1 }] }
  },
  table: readySettings,
  read(raw, path, context) {
    if (textOf(raw) === 'notify') return { by: 'notify' }
    if (!isObject(raw)) {
      reportRefusal(wrongType('a way to become ready', raw, insteadOfReady(raw, HINT)), path, context)
      return undefined
    }
    const given = object.read(raw, path, context)
    const known = Object.keys(raw).filter((key) => Object.hasOwn(readySettings, key))
    if (known.length > 1) {
      reportRefusal(wrongValue(`${known.join(' and ')} can not be used together`, HINT), path, context)
      return undefined
    }
    if (known.length === 0 && Object.keys(raw).length === 0)
      reportRefusal(wrongValue('it says nothing', HINT), path, context)
    return given === undefined ? undefined : readinessOf(given)
  },
}

function readinessOf(given: Sparse<typeof readySettings>): ReadySpec | undefined {
  if (given.delay !== undefined) return { by: 'delay', delay: given.delay }
  if (given.tcp !== undefined) return { by: 'tcp', ...given.tcp }
  if (given.http !== undefined) return { by: 'http', url: given.http }
  if (given.exec !== undefined) return { by: 'exec', command: given.exec }
  if (given.log !== undefined) return { by: 'log', pattern: given.log }
  return given.ipc ? { by: 'ipc' } : undefined
}

/** `ready` as a user would write it. */
export function writeReady(ready: ReadySpec): ReadyInput {
  switch (ready.by) {
    case 'notify':
      return 'notify'
    case 'ipc':
      return { ipc: true }
    case 'delay':
      return { delay: formatDuration(ready.delay) }
    case 'tcp':
      return { tcp: ready.host.includes(':') ? `[${ready.host}]:${ready.port}` : `${ready.host}:${ready.port}` }
    case 'http':
      return { http: ready.url }
    case 'exec':
      return { exec: ready.command }
    case 'log':
      return { log: ready.pattern }
  }
}
