import { constants } from 'node:os'
import { bytesAt, libcFunction } from './libc.ts'
import { OsError } from './os-error.ts'
import { type AF_INET, AF_INET6 } from './socket-address.ts'

const AI_PASSIVE = 1
const SOCK_STREAM = 1
const EAI_SYSTEM = -11

// struct addrinfo: flags, family, type, protocol, address length (ints), then pointers to address, name and next.
const ADDRINFO_SIZE = 48
const ADDRESS_LENGTH = 16
const ADDRESS_POINTER = 24

const getaddrinfo = libcFunction<[string, null, Buffer, Buffer], number>(
  'int getaddrinfo(const char *host, const char *service, void *hints, void *result)',
)
const freeaddrinfo = libcFunction<[bigint], void>('void freeaddrinfo(void *result)')
const gaiStrerror = libcFunction<[number], string>('const char *gai_strerror(int error)')

/**
 * The first address of a host as a sockaddr with port 0. Numbers and names of /etc/hosts answer at once; another name
 * asks DNS and blocks meanwhile, so use it before anything runs.
 */
export function resolveHost(host: string, family: typeof AF_INET | typeof AF_INET6): Buffer {
  const hints = Buffer.alloc(ADDRINFO_SIZE)
  hints.writeInt32LE(AI_PASSIVE, 0)
  hints.writeInt32LE(family, 4)
  hints.writeInt32LE(SOCK_STREAM, 8)
  const result = Buffer.alloc(8)
  const error = getaddrinfo(host, null, hints, result)
  if (error !== 0) throw resolveError(host, family, error)
  const list = result.readBigUInt64LE(0)
  try {
    const first = bytesAt(list, ADDRINFO_SIZE)
    return bytesAt(first.readBigUInt64LE(ADDRESS_POINTER), first.readUInt32LE(ADDRESS_LENGTH))
  } finally {
    freeaddrinfo(list)
  }
}

function resolveError(host: string, family: number, error: number): OsError {
  const version = family === AF_INET6 ? 'IPv6' : 'IPv4'
  const reason = error === EAI_SYSTEM ? 'the resolver failed' : gaiStrerror(error).toLowerCase()
  return new OsError('resolve', constants.errno.EADDRNOTAVAIL, {
    subject: host,
    explanation: `no ${version} address: ${reason}`,
  })
}
