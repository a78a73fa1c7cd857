// Listening sockets that belong to the supervisor. It never accepts: connections wait in the kernel for a worker.
import { chmodSync, chownSync, closeSync, lstatSync, unlinkSync } from 'node:fs'
import { constants } from 'node:os'
import { errno, libcFunction } from './libc.ts'
import { checked, OsError, withOsErrors } from './os-error.ts'
import { resolveHost } from './resolve-host.ts'
import { AF_INET, AF_INET6, AF_UNIX, encodeUnixAddress, type ListenAddress, withPort } from './socket-address.ts'
import { IPPROTO_IPV6, IPV6_V6ONLY, SO_REUSEADDR, SOL_SOCKET, setIntOption } from './socket-options.ts'
import { formatAddress, socketAddress } from './socket-query.ts'
import { isUnixListening } from './unix-listening.ts'
import { lookupGroup, lookupUser } from './users.ts'

export type { ListenAddress } from './socket-address.ts'
export { backlogLength, formatAddress, socketAddress } from './socket-query.ts'

export interface ListenSpec {
  readonly listen: ListenAddress
  /** Connections that may wait; the kernel takes net.core.somaxconn if that is less. */
  readonly backlog: number
  /** Permission bits of a unix socket, null: by umask. */
  readonly mode: number | null
  /** Owner of a unix socket: name or number, null: ours. */
  readonly user: string | null
  readonly group: string | null
  /** O_NONBLOCK belongs to all who share the socket, and breaks workers that wait in accept. */
  readonly nonblocking: boolean
  readonly v6only: boolean
}

export interface Listener {
  /** Close-on-exec. */
  readonly fd: number
  /** With the real port and the resolved host. */
  readonly address: ListenAddress
  /** Of a unix socket's file, to know later whether it still is ours; null for others. */
  readonly device: number | null
  readonly inode: number | null
}

const SHUT_RD = 0
const SOCK_STREAM = 1
const SOCK_DGRAM = 2
const SOCK_NONBLOCK = 0x800
const SOCK_CLOEXEC = 0x80000

const socket = libcFunction<[number, number, number], number>('int socket(int family, int type, int protocol)')
const bind = libcFunction<[number, Buffer, number], number>('int bind(int fd, void *address, uint32_t length)')
const connect = libcFunction<[number, Buffer, number], number>('int connect(int fd, void *address, uint32_t length)')
const shutdown = libcFunction<[number, number], number>('int shutdown(int fd, int how)')
const listen = libcFunction<[number, number], number>('int listen(int fd, int backlog)')

/**
 * Binds and listens (a datagram socket is only bound). Throws OsError with the call that failed: EADDRINUSE, EACCES,
 * EADDRNOTAVAIL, ENAMETOOLONG … A unix socket's file that nobody listens on any more is replaced.
 */
export function openListener(spec: ListenSpec): Listener {
  return spec.listen.family === 'unix'
    ? openUnixListener(spec, spec.listen.path)
    : openInternetListener(spec, spec.listen)
}

/** Sets the backlog again: a Node worker that listens on the shared fd has set it to 511 for everybody. */
export function relisten(fd: number, backlog: number): void {
  checked(listen(fd, backlog), 'listen', `fd ${fd}`)
}

/** For all who have the socket: nobody can connect to it any more, and its address is free. */
export function endListening(fd: number): void {
  // A datagram socket has nobody connected to it, and says so.
  shutdown(fd, SHUT_RD)
}

/** Closes our fd and, with `path`, removes the unix socket's file if it still is this listener's. */
export function closeListener(
  fd: number,
  path: string | null,
  file: { device: number | null; inode: number | null } | null = null,
): void {
  closeSync(fd)
  if (path !== null) removeSocketFile(path, file)
}

/** As closeListener, of a socket that other processes may have as well: the last one removes the file. */
export function closeSharedListener(
  fd: number,
  path: string,
  file: { device: number | null; inode: number | null },
): void {
  closeSync(fd)
  if (!isUnixListening(path)) removeSocketFile(path, file)
}

function removeSocketFile(path: string, file: { device: number | null; inode: number | null } | null): void {
  const stats = lstatSync(path, { throwIfNoEntry: false })
  if (stats === undefined || !stats.isSocket()) return
  if (file !== null && file.inode !== null && (stats.ino !== file.inode || stats.dev !== file.device)) return
  withOsErrors(() => unlinkSync(path))
}

type InternetAddress = Exclude<ListenAddress, { family: 'unix' }>

function openInternetListener(spec: ListenSpec, address: InternetAddress): Listener {
  const family = address.family.endsWith('6') ? AF_INET6 : AF_INET
  const type = address.family.startsWith('udp') ? SOCK_DGRAM : SOCK_STREAM
  const target = withPort(resolveHost(address.host, family), address.port)
  return withSocket(family, type, spec.nonblocking, (fd) => {
    // For udp it would let a second socket take over the port.
    if (type === SOCK_STREAM) setIntOption(fd, SOL_SOCKET, SO_REUSEADDR, 1)
    if (family === AF_INET6) setIntOption(fd, IPPROTO_IPV6, IPV6_V6ONLY, spec.v6only ? 1 : 0)
    const subject = formatAddress(address)
    checked(bind(fd, target, target.length), 'bind', subject)
    if (type === SOCK_STREAM) checked(listen(fd, spec.backlog), 'listen', subject)
    return { fd, address: socketAddress(fd).address ?? address, device: null, inode: null }
  })
}

function openUnixListener(spec: ListenSpec, path: string): Listener {
  const target = encodeUnixAddress(path, 'bind')
  const uid = spec.user === null ? null : ownerId(lookupUser(spec.user)?.uid, `user ${spec.user}`, path)
  const gid = spec.group === null ? null : ownerId(lookupGroup(spec.group)?.gid, `group ${spec.group}`, path)
  return withSocket(AF_UNIX, SOCK_STREAM, spec.nonblocking, (fd) => {
    if (bind(fd, target, target.length) === -1) {
      const number = errno()
      if (number !== constants.errno.EADDRINUSE || !removeStale(path, target))
        throw new OsError('bind', number, { subject: path })
      checked(bind(fd, target, target.length), 'bind', path)
    }
    try {
      withOsErrors(() => {
        if (uid !== null || gid !== null) chownSync(path, uid ?? -1, gid ?? -1)
        // Nobody can connect before listen(): no moment in which a wider mode is of use to anybody.
        if (spec.mode !== null) chmodSync(path, spec.mode)
      })
      checked(listen(fd, spec.backlog), 'listen', path)
      const stats = withOsErrors(() => lstatSync(path))
      return { fd, address: { family: 'unix', path }, device: stats.dev, inode: stats.ino }
    } catch (error) {
      unlinkSync(path)
      throw error
    }
  })
}

/** Removes the file of a socket whose owner is dead. Whether it did. */
function removeStale(path: string, target: Buffer): boolean {
  if (lstatSync(path, { throwIfNoEntry: false })?.isSocket() !== true) return false
  const refused = withSocket(AF_UNIX, SOCK_STREAM, true, (fd) => {
    const result = connect(fd, target, target.length)
    const number = errno()
    closeSync(fd)
    // EAGAIN is a full backlog, EPROTOTYPE a datagram socket: somebody lives there.
    return result === -1 && number === constants.errno.ECONNREFUSED
  })
  if (refused) withOsErrors(() => unlinkSync(path))
  return refused
}

function ownerId(id: number | undefined, who: string, path: string): number {
  if (id !== undefined) return id
  throw new OsError('chown', constants.errno.EINVAL, { subject: path, explanation: `there is no ${who}` })
}

/** Close-on-exec and, if `use` throws, closed. */
function withSocket<T>(family: number, type: number, nonblocking: boolean, use: (fd: number) => T): T {
  const fd = checked(socket(family, type | SOCK_CLOEXEC | (nonblocking ? SOCK_NONBLOCK : 0), 0), 'socket')
  try {
    return use(fd)
  } catch (error) {
    closeSync(fd)
    throw error
  }
}
