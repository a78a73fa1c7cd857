import { libcFunction } from './libc.ts'
import { checked } from './os-error.ts'

const O_CLOEXEC = 0x80000

const pipe2 = libcFunction<[Buffer, number], number>('int pipe2(void *fds, int flags)')

/** Both ends close-on-exec. @throws OsError */
export function openPipe(): { readonly read: number; readonly write: number } {
  const fds = Buffer.alloc(8)
  checked(pipe2(fds, O_CLOEXEC), 'pipe2')
  return { read: fds.readInt32LE(0), write: fds.readInt32LE(4) }
}
