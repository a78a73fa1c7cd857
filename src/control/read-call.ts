// From an HTTP request to a checked call: the route, its targets, its options. Everything unknown is refused by name.
import type { IncomingMessage } from 'node:http'
import { parseDuration } from '../config/values/duration.ts'
import { HoldfastError } from '../errors/holdfast-error.ts'
import { type Fields, type FieldType, matchRoute, type Route } from './routes.ts'

export type OptionValue = string | number | boolean | readonly string[]

export interface Call {
  readonly route: Route
  readonly targets: readonly string[]
  /** Query and body together; only fields that the route knows, each of its type, durations in milliseconds. */
  readonly options: Readonly<Record<string, OptionValue>>
  /** The client asked for server-sent events, by `Accept` or by `follow=1`. */
  readonly wantsEvents: boolean
}

/** @throws HoldfastError HF_NO_ROUTE, HF_BAD_REQUEST */
export async function readCall(request: IncomingMessage, maxBody: number): Promise<Call> {
  const method = request.method ?? 'GET'
  const [path = '/', search = ''] = splitOnce(request.url ?? '/', '?')
  const match = matchOrThrow(method, path)
  const query = checkQuery(match.route, search)
  const body = method === 'POST' ? checkBody(match.route.body, await readBody(request, maxBody)) : {}
  const accepted = String(request.headers.accept ?? '').includes('text/event-stream')
  return {
    route: match.route,
    targets: match.targets,
    options: { ...query, ...body },
    wantsEvents: match.route.events.length > 0 && (accepted || query.follow === true),
  }
}

function matchOrThrow(method: string, path: string) {
  let match: ReturnType<typeof matchRoute>
  try {
    match = matchRoute(method, path)
  } catch {
    throw badRequest('the path is not valid percent-encoding')
  }
  if (match === null) throw new HoldfastError('HF_NO_ROUTE', { method, path: path.slice(0, 200) })
  return match
}

function checkQuery(route: Route, search: string): Record<string, OptionValue> {
  const options: Record<string, OptionValue> = {}
  const given = new URLSearchParams(search)
  for (const name of new Set(given.keys())) {
    const field = known(route.query, name, 'query parameter')
    options[name] = field.type === 'strings' ? given.getAll(name) : fromText(name, field.type, given.get(name) ?? '')
  }
  return options
}

function fromText(name: string, type: FieldType, text: string): OptionValue {
  if (type === 'flag') {
    if (text === '1' || text === 'true' || text === '') return true
    if (text === '0' || text === 'false') return false
    throw badRequest(`${name} must be 1 or 0, not "${text.slice(0, 50)}"`)
  }
  if (type === 'integer') {
    if (/^\d{1,9}$/.test(text)) return Number(text)
    throw badRequest(`${name} must be a whole number, not "${text.slice(0, 50)}"`)
  }
  return type === 'duration' ? durationOf(name, text) : text
}

function checkBody(fields: Fields, text: string): Record<string, OptionValue> {
  if (text.trim() === '') return {}
  let body: unknown
  try {
    body = JSON.parse(text)
  } catch (error) {
    throw badRequest(`the body is not valid JSON: ${(error as Error).message.slice(0, 200)}`)
  }
  if (typeof body !== 'object' || body === null || Array.isArray(body)) {
    throw badRequest('the body must be a JSON object')
  }
  const options: Record<string, OptionValue> = {}
  for (const [name, value] of Object.entries(body)) {
    options[name] = fromJson(name, known(fields, name, 'option').type, value)
  }
  return options
}

function fromJson(name: string, type: FieldType, value: unknown): OptionValue {
  if (type === 'flag' && typeof value === 'boolean') return value
  if (type === 'integer' && Number.isSafeInteger(value) && Number(value) >= 0) return Number(value)
  if (type === 'duration' && (typeof value === 'string' || typeof value === 'number'))
    return durationOf(name, String(value))
  // `{"count": 4}` means what `{"count": "4"}` means.
  if (type === 'string' && (typeof value === 'string' || typeof value === 'number')) return String(value)
  if (type === 'strings' && Array.isArray(value) && value.every((item) => typeof item === 'string')) return value
  const wanted = { flag: 'true or false', integer: 'a whole number', duration: 'a duration such as 30s' }
  throw badRequest(`${name} must be ${type in wanted ? wanted[type as keyof typeof wanted] : `a ${type}`}`)
}

function durationOf(name: string, text: string): number {
  const millis = parseDuration(text)
  if (millis === null)
    throw badRequest(`${name} must be a duration such as 500ms, 10s or 5m, not "${text.slice(0, 50)}"`)
  return millis
}

function known(fields: Fields, name: string, what: string) {
  const field = Object.hasOwn(fields, name) ? fields[name] : undefined
  if (field) return field
  const names = Object.keys(fields)
  const list = names.length > 0 ? `known here: ${names.join(', ')}` : 'there are none here'
  throw badRequest(`unknown ${what} "${name.slice(0, 50)}"; ${list}`)
}

/** What is too much is read and thrown away: closing with unread data would reset the connection and lose the answer. */
function readBody(request: IncomingMessage, maxBody: number): Promise<string> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = []
    let size = 0
    request.on('data', (chunk: Buffer) => {
      size += chunk.length
      if (size <= maxBody) chunks.push(chunk)
      else {
        chunks.length = 0
        reject(badRequest(`the body is larger than ${maxBody} bytes`))
      }
    })
    request.on('end', () => resolve(Buffer.concat(chunks).toString('utf8')))
    request.on('error', reject)
    request.on('close', () => reject(badRequest('the connection ended within the body')))
  })
}

function badRequest(problem: string): HoldfastError {
  return new HoldfastError('HF_BAD_REQUEST', { problem })
}

function splitOnce(text: string, separator: string): [string, string] {
  const at = text.indexOf(separator)
  return at < 0 ? [text, ''] : [text.slice(0, at), text.slice(at + 1)]
}
