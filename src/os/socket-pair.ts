import { libcFunction } from './libc.ts'
import { checked } from './os-error.ts'

const AF_UNIX = 1
const SOCK_STREAM = 1
const SOCK_CLOEXEC = 0x80000

const socketpair = libcFunction<[number, number, number, Buffer], number>(
  'int socketpair(int family, int type, int protocol, void *fds)',
)

/** Two connected unix stream sockets, blocking and close-on-exec: ours and the child's NODE_CHANNEL_FD. */
export function socketPair(): [number, number] {
  const fds = Buffer.alloc(8)
  checked(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 'socketpair')
  return [fds.readInt32LE(0), fds.readInt32LE(4)]
}
