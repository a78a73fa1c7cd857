import { readdirSync, stat } from 'node:fs'
import { constants } from 'node:os'
import { libcFunction } from './libc.ts'

/** Four file calls that hang on a dead disk would use up libuv's four threads. */
const SIZE = 16
const SIGSET_SIZE = 128
const SIG_BLOCK = 0
const SIG_SETMASK = 2

const sigprocmask = libcFunction<[number, Buffer, Buffer | null], number>(
  'int sigprocmask(int how, void *set, void *old)',
)

let takesNoSigchld = false

/**
 * Starts libuv's threads, more than usual, and with SIGCHLD blocked: the kernel gives it to the thread that spawned the child,
 * unless it is blocked there, and when that one hangs in a file call on a dead disk, nobody hears of the death. Call it before the
 * first asynchronous file call of the process: later there are four threads, which take every signal. Sets UV_THREADPOOL_SIZE,
 * which must not reach the services: take a copy of the environment for them first.
 */
export function startThreadPool(): void {
  process.env.UV_THREADPOOL_SIZE = String(SIZE)
  const before = countThreads()
  const mask = Buffer.alloc(SIGSET_SIZE)
  const sigchld = Buffer.alloc(SIGSET_SIZE)
  sigchld.writeUInt32LE(1 << (constants.signals.SIGCHLD - 1))
  sigprocmask(SIG_BLOCK, sigchld, mask)
  // A thread inherits the mask of the one that makes it. They are made, all of them, before this returns.
  stat('/', () => {})
  sigprocmask(SIG_SETMASK, mask, null)
  takesNoSigchld = countThreads() >= before + SIZE
}

/** Whether a thread may spawn: SIGCHLD of its child goes to the main thread. */
export function poolTakesNoSigchld(): boolean {
  return takesNoSigchld
}

function countThreads(): number {
  return readdirSync('/proc/self/task').length
}
