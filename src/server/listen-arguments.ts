// What `ctx.listenTcp` and its like are given, before the server is asked. An option that nobody knows would do nothing: who passes
// the server itself in place of `{ server }` would wait for clients for ever.
import type * as dgram from 'node:dgram'
import { nearestName } from '../config/did-you-mean.ts'

export type ListenMethod = 'listenTcp' | 'listenUdp' | 'listenUnix'

const KNOWN: Readonly<Record<ListenMethod, readonly string[]>> = {
  listenTcp: ['server', 'name', 'backlog'],
  listenUdp: ['socket', 'name'],
  listenUnix: ['server', 'mode', 'backlog'],
}

const NAME_MOST = 255
/** Of listen(2), whatever the kernel makes of it. */
const BACKLOG_MOST = 2 ** 31 - 1
const MODE_MOST = 0o777

/** @throws TypeError, RangeError */
export function checkListenOptions(method: ListenMethod, options: unknown): void {
  const known = KNOWN[method]
  if (typeof options !== 'object' || options === null || Array.isArray(options))
    throw new TypeError(`${method}: its options are an object, { ${known.join(', ')} }`)
  const given = options as Readonly<Record<string, unknown>>
  if (isServer(given) || isDatagramSocket(given))
    throw new TypeError(`${method}: write { ${known[0]} } around what is to listen`)
  for (const key of Object.keys(given)) {
    if (known.includes(key)) continue
    const near = nearestName(key, known)
    const advice = near === null ? `it knows ${known.join(', ')}` : `did you mean ${near}?`
    throw new TypeError(`${method}: there is no option "${key}"; ${advice}`)
  }
  checkValues(method, given)
}

function checkValues(method: ListenMethod, { server, socket, name, backlog, mode }: Record<string, unknown>): void {
  if (server === null || isDatagramSocket(server))
    throw new TypeError(`${method}: server: give it a server of node:net, node:http …, or leave it out`)
  if (socket !== undefined && !isDatagramSocket(socket))
    throw new TypeError(`${method}: socket: give it a socket of node:dgram, or leave it out`)
  if (name !== undefined && (typeof name !== 'string' || name.length > NAME_MOST))
    throw new TypeError(`${method}: name: a text of at most ${NAME_MOST} characters`)
  if (backlog !== undefined && !isNumber(backlog, BACKLOG_MOST))
    throw new RangeError(`${method}: backlog: a whole number from 0 to ${BACKLOG_MOST}`)
  if (mode !== undefined && !isNumber(mode, MODE_MOST))
    throw new RangeError(`${method}: mode: permission bits, from 0 to 0o777`)
}

/** @throws TypeError */
export function checkListenPath(path: unknown): void {
  if (typeof path !== 'string' || path === '') throw new TypeError('path: give the path of a unix socket')
}

/** A udp6 socket sends to IPv6 addresses alone, whatever it is bound to. @throws TypeError */
export function checkVersion(socket: dgram.Socket | undefined, ip: string, version: 4 | 6): void {
  if (socket === undefined || versionOf(socket) === version) return
  throw new TypeError(`listenUdp: socket: ${ip} needs createSocket('udp${version}')`)
}

export function versionOf(socket: dgram.Socket): 4 | 6 {
  return (socket as unknown as { readonly type?: string }).type === 'udp6' ? 6 : 4
}

function isServer(value: unknown): boolean {
  return typeof (value as { readonly listen?: unknown }).listen === 'function'
}

function isDatagramSocket(value: unknown): boolean {
  return typeof (value as { readonly addMembership?: unknown } | null | undefined)?.addMembership === 'function'
}

function isNumber(value: unknown, most: number): boolean {
  return typeof value === 'number' && Number.isInteger(value) && value >= 0 && value <= most
}
