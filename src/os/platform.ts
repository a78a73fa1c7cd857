// What this machine must have before a supervisor can run on it.
import { HoldfastError } from '../errors/holdfast-error.ts'
import { errno, hasFunction, koffi, libcFunction } from './libc.ts'

const NEEDED = [
  'posix_spawn',
  'posix_spawn_file_actions_addchdir_np',
  'waitid',
  'prctl',
  'prlimit64',
  'epoll_wait',
  'flock',
  'getgrouplist',
  'syscall',
] as const

const ENOSYS = 38
const SYS_PIDFD_OPEN = 434
const SYS_PIDFD_SEND_SIGNAL = 424

const syscall2 = libcFunction<[number, number, number, number, number], number>(
  'long syscall(long number, long a, long b, long c, long d)',
)

/** Throws HF_PLATFORM naming what is missing: another system than Linux, another C library than glibc, an old kernel. */
export function requirePlatform(): void {
  if (process.platform !== 'linux') missing(`Holdfast does not run on ${process.platform}`)
  if (koffi().sizeof('void *') !== 8) missing('Holdfast needs a 64-bit system')
  for (const name of NEEDED) {
    if (!hasFunction(name)) missing(`this system's C library has no ${name}`)
  }
  // With an impossible pid both fail, but not with ENOSYS where the kernel has them (5.3).
  requireSyscall('pidfd_open', SYS_PIDFD_OPEN)
  requireSyscall('pidfd_send_signal', SYS_PIDFD_SEND_SIGNAL)
}

function requireSyscall(name: string, number: number): void {
  if (syscall2(number, -1, 0, 0, 0) === -1 && errno() === ENOSYS) missing(`this kernel has no ${name}`)
}

function missing(problem: string): never {
  throw new HoldfastError('HF_PLATFORM', { problem })
}
