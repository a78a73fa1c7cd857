// A message of one byte that carries one fd over a unix stream socket (SCM_RIGHTS).
import { constants } from 'node:os'
import { addressOf, libcFunction } from './libc.ts'
import { checked, lastOsError, OsError } from './os-error.ts'

const SOL_SOCKET = 1
const SCM_RIGHTS = 1
const SO_PEEK_OFF = 42
const MSG_PEEK = 0x2
const MSG_DONTWAIT = 0x40
const MSG_NOSIGNAL = 0x4000
const MSG_CMSG_CLOEXEC = 0x4000_0000

// struct msghdr, struct iovec, struct cmsghdr with an int, the byte: all in one Buffer, which their addresses do not keep alive.
const VECTOR = 56
const CONTROL = 72
const CONTROL_SIZE = 24
const DESCRIPTOR = CONTROL + 16
const BYTE = CONTROL + CONTROL_SIZE

const sendmsg = libcFunction<[number, Buffer, number], number>('long sendmsg(int fd, void *message, int flags)')
const recvmsg = libcFunction<[number, Buffer, number], number>('long recvmsg(int fd, void *message, int flags)')
const setsockopt = libcFunction<[number, number, number, Buffer, number], number>(
  'int setsockopt(int fd, int level, int name, void *value, uint32_t length)',
)

export class DescriptorMessage {
  readonly #message = Buffer.allocUnsafeSlow(BYTE + 1).fill(0)
  readonly #offset = Buffer.alloc(4)

  constructor() {
    const base = addressOf(this.#message)
    this.#message.writeBigUInt64LE(base + BigInt(VECTOR), 16)
    this.#message.writeBigUInt64LE(1n, 24)
    this.#message.writeBigUInt64LE(base + BigInt(CONTROL), 32)
    this.#message.writeBigUInt64LE(base + BigInt(BYTE), VECTOR)
    this.#message.writeBigUInt64LE(1n, VECTOR + 8)
  }

  /** False if the kernel does not take it: too many fds are under way, or the socket is full. */
  send(socket: number, fd: number): boolean {
    this.#prepare()
    this.#message.writeBigUInt64LE(20n, CONTROL)
    this.#message.writeInt32LE(SOL_SOCKET, CONTROL + 8)
    this.#message.writeInt32LE(SCM_RIGHTS, CONTROL + 12)
    this.#message.writeInt32LE(fd, DESCRIPTOR)
    return sendmsg(socket, this.#message, MSG_DONTWAIT | MSG_NOSIGNAL) === 1
  }

  /** An fd, close-on-exec, of the message with that place in the queue; the message stays. @throws OsError EMFILE */
  peek(socket: number, place: number): number {
    this.#offset.writeInt32LE(place)
    checked(setsockopt(socket, SOL_SOCKET, SO_PEEK_OFF, this.#offset, 4), 'setsockopt SO_PEEK_OFF')
    this.#prepare()
    this.#message.writeInt32LE(-1, DESCRIPTOR)
    if (recvmsg(socket, this.#message, MSG_PEEK | MSG_DONTWAIT | MSG_CMSG_CLOEXEC) === -1) throw lastOsError('recvmsg')
    const fd = this.#message.readInt32LE(DESCRIPTOR)
    // Without room in the fd table the message comes without its fd.
    if (fd === -1) throw new OsError('recvmsg', constants.errno.EMFILE)
    return fd
  }

  /** The kernel writes over these. */
  #prepare(): void {
    this.#message.writeBigUInt64LE(BigInt(CONTROL_SIZE), 40)
    this.#message.writeInt32LE(0, 48)
  }
}
