// Open files that travel over a unix stream socket (SCM_RIGHTS). Neither call waits.
import { constants } from 'node:os'
import { closeFd } from './close-fd.ts'
import { addressOf, errno, libcFunction } from './libc.ts'
import { lastOsError, OsError } from './os-error.ts'

const SOL_SOCKET = 1
const SCM_RIGHTS = 1
const MSG_CTRUNC = 0x8
const MSG_DONTWAIT = 0x40
const MSG_NOSIGNAL = 0x4000
const MSG_CMSG_CLOEXEC = 0x4000_0000

// struct msghdr, then struct iovec, then the control message, then the bytes: all in one Buffer. An address does not keep what it
// points to alive, but the Buffer is an argument of the call.
const MSG_IOV = 16
const MSG_IOV_COUNT = 24
const MSG_CONTROL = 32
const MSG_CONTROL_LENGTH = 40
const MSG_FLAGS = 48
const VECTOR = 56
const CONTROL = 72
/** size_t length, int level, int type. */
const CONTROL_HEADER = 16
const FD_SIZE = 4

/** What the kernel takes in one message. */
const FDS_AT_MOST = 253
const BYTES_AT_ONCE = 16 * 1024

const sendmsg = libcFunction<[number, Buffer, number], number>('long sendmsg(int fd, void *message, int flags)')
const recvmsg = libcFunction<[number, Buffer, number], number>('long recvmsg(int fd, void *message, int flags)')

export interface ReceivedBytes {
  /** None: the other side has ended. */
  readonly bytes: Buffer
  /** Close-on-exec, and the caller's to close. */
  readonly fds: readonly number[]
}

/**
 * `fds` go with the first of the bytes; they stay open here. @returns how many bytes went: fewer than all, or 0, where the other side
 * does not read. @throws OsError EPIPE, ECONNRESET …
 */
export function sendWithFds(socketFd: number, bytes: Uint8Array, fds: readonly number[]): number {
  const message = newMessage(fds.length, bytes.length)
  if (fds.length > 0) {
    message.writeBigUInt64LE(BigInt(CONTROL_HEADER + fds.length * FD_SIZE), CONTROL)
    message.writeInt32LE(SOL_SOCKET, CONTROL + 8)
    message.writeInt32LE(SCM_RIGHTS, CONTROL + 12)
    for (const [index, fd] of fds.entries()) message.writeInt32LE(fd, CONTROL + CONTROL_HEADER + index * FD_SIZE)
  }
  message.set(bytes, message.length - bytes.length)
  const sent = sendmsg(socketFd, message, MSG_DONTWAIT | MSG_NOSIGNAL)
  if (sent !== -1) return sent
  if (errno() === constants.errno.EAGAIN) return 0
  throw lastOsError('sendmsg', `fd ${socketFd}`)
}

/** What lies there now, null: nothing. @throws OsError; EMFILE where files were on their way that this process has no room for */
export function receiveWithFds(socketFd: number): ReceivedBytes | null {
  const message = newMessage(FDS_AT_MOST, BYTES_AT_ONCE)
  const length = recvmsg(socketFd, message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC)
  if (length === -1) {
    if (errno() === constants.errno.EAGAIN) return null
    throw lastOsError('recvmsg', `fd ${socketFd}`)
  }
  const fds = fdsIn(message)
  if ((message.readInt32LE(MSG_FLAGS) & MSG_CTRUNC) !== 0) {
    for (const fd of fds) closeFd(fd)
    throw new OsError('recvmsg', constants.errno.EMFILE, { subject: `fd ${socketFd}` })
  }
  const start = message.length - BYTES_AT_ONCE
  return { bytes: message.subarray(start, start + length), fds }
}

function newMessage(fds: number, bytes: number): Buffer {
  // CMSG_SPACE: a multiple of 8.
  const control = fds === 0 ? 0 : (CONTROL_HEADER + fds * FD_SIZE + 7) & ~7
  const message = Buffer.alloc(CONTROL + control + bytes)
  const base = addressOf(message)
  message.writeBigUInt64LE(base + BigInt(VECTOR), MSG_IOV)
  message.writeBigUInt64LE(1n, MSG_IOV_COUNT)
  if (control > 0) message.writeBigUInt64LE(base + BigInt(CONTROL), MSG_CONTROL)
  message.writeBigUInt64LE(BigInt(control), MSG_CONTROL_LENGTH)
  message.writeBigUInt64LE(base + BigInt(CONTROL + control), VECTOR)
  message.writeBigUInt64LE(BigInt(bytes), VECTOR + 8)
  return message
}

/** There is one control message at most: the kernel ends a read behind the first that has files. */
function fdsIn(message: Buffer): number[] {
  const length = Number(message.readBigUInt64LE(MSG_CONTROL_LENGTH))
  if (length < CONTROL_HEADER) return []
  if (message.readInt32LE(CONTROL + 8) !== SOL_SOCKET || message.readInt32LE(CONTROL + 12) !== SCM_RIGHTS) return []
  const count = Math.floor((Number(message.readBigUInt64LE(CONTROL)) - CONTROL_HEADER) / FD_SIZE)
  return Array.from({ length: count }, (_, index) => message.readInt32LE(CONTROL + CONTROL_HEADER + index * FD_SIZE))
}
