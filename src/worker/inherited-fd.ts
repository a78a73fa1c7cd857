import { builtins } from './builtins.ts'

const lostOnTheWay =
  'A program between Holdfast and this one closed it (npm start does): make the program itself the command of the service.'

/**
 * Checks that `fd`, announced in the environment, really is what came from the supervisor: environment variables reach
 * grandchildren whose descriptors were closed on the way, and there the same number is something else, Node's own signal
 * pipe for instance, which a notification would wreck.
 * @throws Error saying what is wrong and how to mend it.
 */
export function inheritedFd(variable: string, fd: number, kind: 'socket' | 'fifo'): number {
  const problem = whatIsWrong(fd, kind)
  if (problem === null) return fd
  throw new Error(`${variable}=${fd}, but ${problem}. ${lostOnTheWay}`)
}

function whatIsWrong(fd: number, kind: 'socket' | 'fifo'): string | null {
  try {
    const stat = builtins.fs().fstatSync(fd)
    if (kind === 'socket') return stat.isSocket() ? null : 'that file descriptor is not a socket'
    if (!stat.isFIFO()) return stat.isSocket() ? null : 'that file descriptor is not a pipe'
    return isOwnPipe(fd) ? 'that file descriptor is a pipe of Node itself' : null
  } catch {
    return 'that file descriptor is not open'
  }
}

/** A nameless pipe of which this process holds both ends was made in this process, not inherited. */
function isOwnPipe(fd: number): boolean {
  const { readdirSync, readlinkSync } = builtins.fs()
  const target = readlinkSync(`/proc/self/fd/${fd}`)
  if (!target.startsWith('pipe:')) return false
  return readdirSync('/proc/self/fd').some((other) => {
    if (Number(other) === fd) return false
    try {
      return readlinkSync(`/proc/self/fd/${other}`) === target
    } catch {
      return false
    }
  })
}

/**
 * Opens what `fd` refers to once more, non-blocking: the descriptor we were given blocks, and its flags may be shared with
 * the supervisor. Where that is not possible (a socket), `fd` itself.
 */
export function reopenNonBlocking(fd: number, mode: 'write' | 'read-write'): number {
  const { openSync, constants } = builtins.fs()
  // Reading: open for writing too, so that the pipe never reaches its end while there is no supervisor.
  const flags = mode === 'write' ? constants.O_WRONLY : constants.O_RDWR
  try {
    return openSync(`/proc/self/fd/${fd}`, flags | constants.O_NONBLOCK)
  } catch {
    return fd
  }
}
