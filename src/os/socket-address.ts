// sockaddr_in, sockaddr_in6 and sockaddr_un, as bytes.
import { constants } from 'node:os'
import { OsError } from './os-error.ts'

/** Where a listener is bound. */
export type ListenAddress =
  | { readonly family: 'tcp4' | 'tcp6' | 'udp4' | 'udp6'; readonly host: string; readonly port: number }
  | { readonly family: 'unix'; readonly path: string }

export const AF_UNIX = 1
export const AF_INET = 2
export const AF_INET6 = 10

/** struct sockaddr_storage. */
export const SOCKADDR_MAX = 128

/** sun_path has 108 bytes, the last one for NUL: without it some programs could not connect. */
export const UNIX_PATH_MAX = 107

export function encodeUnixAddress(path: string, call: string): Buffer {
  const bytes = Buffer.from(path)
  if (bytes.length > UNIX_PATH_MAX) {
    throw new OsError(call, constants.errno.ENAMETOOLONG, {
      subject: path,
      explanation: `the path has ${bytes.length} bytes, and a unix socket's may have ${UNIX_PATH_MAX} at most`,
    })
  }
  if (bytes.length === 0 || bytes.includes(0)) {
    throw new OsError(call, constants.errno.EINVAL, { subject: path, explanation: 'not a path for a unix socket' })
  }
  const address = Buffer.alloc(2 + bytes.length + 1)
  address.writeUInt16LE(AF_UNIX, 0)
  bytes.copy(address, 2)
  return address
}

/** Puts the port into an address that getaddrinfo returned. */
export function withPort(address: Buffer, port: number): Buffer {
  address.writeUInt16BE(port, 2)
  return address
}

export interface DecodedAddress {
  /** AF_UNIX, AF_INET or AF_INET6. */
  readonly family: number
  /** Of an IP address; `%3` for a link-local scope. */
  readonly host: string
  readonly port: number
  /** Of a unix socket; empty if it is not bound to a path, `@name` if abstract. */
  readonly path: string
}

/** null for a family that is not one of the three. */
export function decodeSocketAddress(address: Buffer): DecodedAddress | null {
  const family = address.length < 2 ? 0 : address.readUInt16LE(0)
  if (family === AF_UNIX) return { family, host: '', port: 0, path: unixPath(address) }
  if (family === AF_INET)
    return { family, host: [...address.subarray(4, 8)].join('.'), port: address.readUInt16BE(2), path: '' }
  if (family === AF_INET6) return { family, host: ipv6Text(address), port: address.readUInt16BE(2), path: '' }
  return null
}

function unixPath(address: Buffer): string {
  if (address.length <= 2) return ''
  if (address[2] === 0) return `@${address.toString('utf8', 3)}`
  const end = address.indexOf(0, 2)
  return address.toString('utf8', 2, end === -1 ? address.length : end)
}

/** RFC 5952: lower case, no leading zeros, the longest run of zero groups as `::`. */
function ipv6Text(address: Buffer): string {
  const groups = Array.from({ length: 8 }, (_, index) => address.readUInt16BE(8 + index * 2))
  const scope = address.readUInt32LE(24)
  const suffix = scope === 0 ? '' : `%${scope}`
  if (groups.slice(0, 5).every((group) => group === 0) && groups[5] === 0xffff) {
    return `::ffff:${[...address.subarray(20, 24)].join('.')}${suffix}`
  }
  const run = longestZeroRun(groups)
  const text = (from: number, to: number) =>
    groups
      .slice(from, to)
      .map((group) => group.toString(16))
      .join(':')
  return (run.length < 2 ? text(0, 8) : `${text(0, run.start)}::${text(run.start + run.length, 8)}`) + suffix
}

function longestZeroRun(groups: readonly number[]): { start: number; length: number } {
  let best = { start: 0, length: 0 }
  for (let start = 0; start < groups.length; start++) {
    let length = 0
    while (groups[start + length] === 0) length++
    if (length > best.length) best = { start, length }
  }
  return best
}
