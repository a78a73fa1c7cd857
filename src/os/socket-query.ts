// What an open socket says about itself.
import { libcFunction } from './libc.ts'
import { checked } from './os-error.ts'
import { AF_INET6, AF_UNIX, decodeSocketAddress, type ListenAddress, SOCKADDR_MAX } from './socket-address.ts'
import { IPPROTO_TCP, intOption, SO_ACCEPTCONN, SO_TYPE, SOL_SOCKET, socketOption, TCP_INFO } from './socket-options.ts'

export interface SocketAddress {
  /** `other` is a family or type that Holdfast has no name for. */
  readonly family: 'tcp4' | 'tcp6' | 'udp4' | 'udp6' | 'unix' | 'other'
  readonly type: 'stream' | 'datagram' | 'other'
  readonly listening: boolean
  /** Empty and 0 for a unix socket. */
  readonly host: string
  readonly port: number
  /** Of a unix socket, `@name` if abstract; empty for others. */
  readonly path: string
  /** The same as an address to listen on; null for `other`. */
  readonly address: ListenAddress | null
}

const SOCK_STREAM = 1
const SOCK_DGRAM = 2
const TCPI_UNACKED = 24
const TCPI_STATE_LISTEN = 10

const getsockname = libcFunction<[number, Buffer, Buffer], number>(
  'int getsockname(int fd, void *address, void *length)',
)

/** Where a socket is bound. Throws OsError ENOTSOCK or EBADF for what is none. */
export function socketAddress(fd: number): SocketAddress {
  const buffer = Buffer.alloc(SOCKADDR_MAX)
  const length = Buffer.alloc(4)
  length.writeUInt32LE(buffer.length, 0)
  checked(getsockname(fd, buffer, length), 'getsockname', `fd ${fd}`)
  const decoded = decodeSocketAddress(buffer.subarray(0, length.readUInt32LE(0)))
  const number = intOption(fd, SOL_SOCKET, SO_TYPE)
  const type = number === SOCK_STREAM ? 'stream' : number === SOCK_DGRAM ? 'datagram' : 'other'
  const listening = intOption(fd, SOL_SOCKET, SO_ACCEPTCONN) !== 0
  if (decoded === null || type === 'other') {
    return { family: 'other', type, listening, host: '', port: 0, path: '', address: null }
  }
  const { host, port, path } = decoded
  if (decoded.family === AF_UNIX) {
    return { family: 'unix', type, listening, host, port, path, address: { family: 'unix', path } }
  }
  const version = decoded.family === AF_INET6 ? '6' : '4'
  const family = type === 'stream' ? (`tcp${version}` as const) : (`udp${version}` as const)
  return { family, type, listening, host, port, path, address: { family, host, port } }
}

/** Connections that wait to be accepted, null for anything but a listening TCP socket. */
export function backlogLength(fd: number): number | null {
  try {
    const info = socketOption(fd, IPPROTO_TCP, TCP_INFO, 104)
    return info[0] === TCPI_STATE_LISTEN ? info.readUInt32LE(TCPI_UNACKED) : null
  } catch {
    return null
  }
}

/** `127.0.0.1:80`, `[::1]:80`, `/run/app.sock`. */
export function formatAddress(address: ListenAddress): string {
  if (address.family === 'unix') return address.path
  return address.host.includes(':') ? `[${address.host}]:${address.port}` : `${address.host}:${address.port}`
}
