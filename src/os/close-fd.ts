import { libcFunction } from './libc.ts'
import { checked } from './os-error.ts'

const close = libcFunction<[number], number>('int close(int fd)')

/** One that Node's own fs has not opened: in a thread it warns of each such fd that it is to close. @throws OsError */
export function closeFd(fd: number): void {
  checked(close(fd), 'close', `fd ${fd}`)
}
