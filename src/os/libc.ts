// glibc through koffi. Nothing is loaded before the first call, so that importing a module of this folder costs nothing.
import { HoldfastError } from '../errors/holdfast-error.ts'

type Koffi = typeof import('koffi')
type Library = ReturnType<Koffi['load']>

let loadedKoffi: Koffi | null = null
let loadedLibrary: Library | null = null
let loadedExecutable: Library | null = null

export function koffi(): Koffi {
  if (loadedKoffi === null) {
    try {
      loadedKoffi = require('koffi') as Koffi
    } catch (cause) {
      throw new HoldfastError('HF_PLATFORM', { problem: `koffi cannot be loaded: ${firstLine(cause)}` }, { cause })
    }
  }
  return loadedKoffi
}

function library(): Library {
  if (loadedLibrary === null) {
    try {
      loadedLibrary = koffi().load('libc.so.6')
    } catch (cause) {
      if (cause instanceof HoldfastError) throw cause
      throw new HoldfastError('HF_PLATFORM', { problem: 'libc.so.6 (glibc) is not there' }, { cause })
    }
  }
  return loadedLibrary
}

/**
 * A function of glibc, declared at its first call. `prototype` is C as koffi reads it: `int kill(int pid, int sig)`.
 * Write variadic functions with all their arguments; pass structs as `void *` with a Buffer that the caller keeps.
 * Never use it for a call that blocks: it would stop the event loop.
 */
export function libcFunction<A extends readonly (number | bigint | string | Uint8Array | null)[], R>(
  prototype: string,
): (...args: A) => R {
  let native: ((...args: A) => R) | null = null
  return (...args) => {
    native ??= declare(prototype) as (...args: A) => R
    return native(...args)
  }
}

/**
 * A function that the running program itself exports: of libuv, of Node, of V8. C++ ones by their mangled names.
 * @throws HoldfastError at the first call, where this Node has none of that name
 */
export function nodeFunction<A extends readonly (number | Uint8Array)[], R>(prototype: string): (...args: A) => R {
  let native: ((...args: A) => R) | null = null
  return (...args) => {
    loadedExecutable ??= koffi().load(null)
    native ??= declare(prototype, loadedExecutable, 'this Node') as (...args: A) => R
    return native(...args)
  }
}

const dlsym = libcFunction<[number, string], number>('size_t dlsym(size_t handle, const char *name)')

/** Where a function of the C library or of the running program lies. @throws HoldfastError where there is none of that name */
export function functionAddress(name: string): number {
  const address = dlsym(0, name)
  if (address === 0)
    throw new HoldfastError('HF_PLATFORM', { problem: `neither this system nor this Node has ${name}` })
  return address
}

/** Machine code as a function: `prototype` as for libcFunction, without the name. */
export function functionAt<A extends readonly (number | Uint8Array)[], R>(
  address: number,
  prototype: string,
): (...args: A) => R {
  const type = koffi().proto(prototype)
  return (...args) => koffi().call(BigInt(address), type, ...args) as R
}

/**
 * As libcFunction, but one of libuv's threads makes the call. Buffers among the arguments are the caller's to keep until it is
 * done. For calls that return soon: there are few threads, and the file system needs them too.
 */
export function libcFunctionInThread<A extends readonly (number | string | Uint8Array)[], R>(
  prototype: string,
): (args: A, onDone: (result: R) => void) => void {
  type InThread = { async: (...args: [...A, (error: unknown, result: R) => void]) => void }
  let native: InThread | null = null
  return (args, onDone) => {
    native ??= declare(prototype) as InThread
    native.async(...args, (_, result) => onDone(result))
  }
}

function declare(prototype: string, from = library(), whose = "this system's C library"): unknown {
  try {
    return from.func(prototype)
  } catch (cause) {
    if (!isMissing(cause)) throw cause
    throw new HoldfastError('HF_PLATFORM', { problem: `${whose} has no ${functionName(prototype)}` }, { cause })
  }
}

/** errno of the last call. Read it at once: whatever Node does in between may change it. */
export function errno(): number {
  return koffi().errno()
}

/** Whether this C library has a function of that name. */
export function hasFunction(name: string): boolean {
  try {
    library().func(`int ${name}()`)
    return true
  } catch (error) {
    if (isMissing(error)) return false
    throw error
  }
}

/**
 * Numeric address of a Buffer, to be written into a struct. It does not keep the Buffer alive: hold a reference
 * to it until the call that uses the address has returned.
 */
export function addressOf(buffer: Uint8Array): bigint {
  return koffi().address(buffer)
}

/** Copies `length` bytes from a C address. */
export function bytesAt(address: bigint, length: number): Buffer {
  return Buffer.from(koffi().decode(address, koffi().array('uint8_t', length, 'Typed')) as Uint8Array)
}

function isMissing(error: unknown): boolean {
  return error instanceof Error && error.message.startsWith('Cannot find function')
}

function functionName(prototype: string): string {
  return /(\w+)\s*\(/.exec(prototype)?.[1] ?? prototype
}

function firstLine(cause: unknown): string {
  return String(cause instanceof Error ? cause.message : cause).split('\n')[0] ?? ''
}

// What a machine must have before a supervisor can run on it.
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

const syscall = libcFunction<[number, number, number, number, number], number>(
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
  if (syscall(number, -1, 0, 0, 0) === -1 && errno() === ENOSYS) missing(`this kernel has no ${name}`)
}

function missing(problem: string): never {
  throw new HoldfastError('HF_PLATFORM', { problem })
}
