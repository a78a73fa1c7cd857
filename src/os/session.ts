import { libcFunction } from './libc.ts'
import { checked } from './os-error.ts'

const setsid = libcFunction<[], number>('int setsid()')
const setpgid = libcFunction<[number, number], number>('int setpgid(int pid, int group)')

/** This process leads a session and a process group of its own from now on. @throws OsError where it leads a group already */
export function leadSession(): void {
  checked(setsid(), 'setsid')
}

/** This process leads a process group of its own, in the session that it is in. */
export function leadGroup(): void {
  checked(setpgid(0, 0), 'setpgid')
}
