import { libcFunction } from './libc.ts'
import { checked } from './os-error.ts'

const getrandom = libcFunction<[Buffer, number, number], number>(
  'long getrandom(void *buffer, size_t length, uint32_t flags)',
)

/** At most 256, which come at once. node:crypto would cost a server 2.4 MB. @throws OsError */
export function randomBytes(length: number): Buffer {
  const bytes = Buffer.alloc(length)
  checked(Number(getrandom(bytes, length, 0)), 'getrandom')
  return bytes
}
