import { constants } from 'node:os'
import { closeFd } from './close-fd.ts'
import { errno, libcFunction } from './libc.ts'
import { checked, OsError } from './os-error.ts'
import { AF_UNIX, encodeUnixAddress } from './socket-address.ts'

const SOCK_STREAM = 1
const SOCK_NONBLOCK = 0x800
const SOCK_CLOEXEC = 0x80000

const socket = libcFunction<[number, number, number], number>('int socket(int family, int type, int protocol)')
const connect = libcFunction<[number, Buffer, number], number>('int connect(int fd, void *address, uint32_t length)')

/**
 * A connection of our own to a unix socket, for what Node's sockets can not take (files). Non-blocking and close-on-exec. Null: too
 * many wait there to be accepted, try again in a moment.
 * @throws OsError ENOENT, ECONNREFUSED, EACCES, ENAMETOOLONG …
 */
export function connectUnix(path: string): number | null {
  const address = encodeUnixAddress(path, 'connect')
  const fd = checked(socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0), 'socket')
  if (connect(fd, address, address.length) === 0) return fd
  const number = errno()
  closeFd(fd)
  if (number === constants.errno.EAGAIN) return null
  throw new OsError('connect', number, { subject: path })
}
