// A real fork of this very process. What has to hold before and after it is in inherit-memory.ts and node-threads.ts.
import { writeSync } from 'node:fs'
import { exitNow } from './exit-now.ts'
import { BETWEEN_DIED, FORK_CODE, FORK_FAILED, PLAN } from './fork-code.ts'
import { inheritableStretches } from './inherit-memory.ts'
import { errno, functionAddress, functionAt, libcFunction } from './libc.ts'
import { checked, OsError } from './os-error.ts'
import { forbidPage, newCodePage, newPages, PAGE, readMemory, writeMemory } from './own-memory.ts'

const SIG_SETMASK = 2
const SIGSET_SIZE = 128
const WNOHANG = 1
const STDERR = 2
/** They lie in this order. Nothing may lie in `guard`: what runs out of the stack is to crash. */
const PAGES = { plan: 1, stretches: 4, guard: 1, stack: 32 } as const
const ALL_PAGES = PAGES.plan + PAGES.stretches + PAGES.guard + PAGES.stack
/** What rseq(2) has taken from its beginning on. */
const RSEQ_LENGTH = 32

const waitpid = libcFunction<[number, Buffer | null, number], number>('int waitpid(int pid, void *status, int options)')
const sigmask = libcFunction<[number, Buffer, Buffer | null], number>(
  'int pthread_sigmask(int how, void *set, void *old)',
)

const everySignal = Buffer.alloc(SIGSET_SIZE, 0xff)
const noSignal = Buffer.alloc(SIGSET_SIZE)
const maskBefore = Buffer.alloc(SIGSET_SIZE)
const rawStatus = Buffer.alloc(4)

interface Prepared {
  readonly forkFrom: (plan: number) => number
  readonly plan: number
}

let prepared: Prepared | null = null

/** Needs memory, and looks functions up: have that behind us before the first fork. @throws Error where this system is not as we know it */
export function prepareFork(): void {
  const plan = newPages(ALL_PAGES)
  forbidPage(plan + (PAGES.plan + PAGES.stretches) * PAGE)
  prepared = { forkFrom: functionAt(newCodePage(FORK_CODE), 'int (size_t plan)'), plan }
  const { offset, length } = restartableSequences()
  setPlan(PLAN.stretches, plan + PAGES.plan * PAGE)
  setPlan(PLAN.fork, functionAddress('fork'))
  setPlan(PLAN.rseqOffset, offset)
  setPlan(PLAN.rseqLength, length)
  checked(sigmask(SIG_SETMASK, everySignal, maskBefore), 'pthread_sigmask')
  checked(sigmask(SIG_SETMASK, maskBefore, null), 'pthread_sigmask')
  waitpid(-1, null, WNOHANG)
}

/**
 * Forks a child that is nobody's: who adopts orphans is its parent. Returns its pid, and in it 0, with every signal blocked until
 * allowSignals: libuv's handlers would write into the parent's pipes before uv_loop_fork.
 * @throws OsError
 */
export function forkOrphan(): number {
  return fork('orphan')
}

/** As forkOrphan, but the child is our own, to be reaped by rawStatusOf. */
export function forkChild(): number {
  return fork('child')
}

function fork(whose: 'orphan' | 'child'): number {
  if (prepared === null) throw new Error('prepareFork was not called (bug)')
  const { forkFrom, plan } = prepared
  planStretches(plan)
  setPlan(PLAN.stackBetween, whose === 'child' ? 0 : plan + ALL_PAGES * PAGE)
  sigmask(SIG_SETMASK, everySignal, maskBefore)
  const pid = forkFrom(plan)
  if (pid === 0) return 0
  const error = pid === -FORK_FAILED ? errno() : -pid
  sigmask(SIG_SETMASK, maskBefore, null)
  if (pid > 0) return pid
  if (pid === -BETWEEN_DIED) endWithoutLocks()
  throw new OsError('fork', error)
}

/** What the C library had locked in our memory when the one between was killed stays locked. */
function endWithoutLocks(): never {
  writeSync(STDERR, 'somebody has killed the process that was to fork a worker: the forkserver can not go on\n')
  return exitNow(1)
}

function planStretches(plan: number): void {
  const words = inheritableStretches().flatMap(({ start, length }) => [BigInt(start), BigInt(length)])
  const bytes = Buffer.from(BigUint64Array.from(words).buffer)
  if (bytes.length > PAGES.stretches * PAGE)
    throw new OsError('fork', 12, { explanation: 'too many shared areas of memory' })
  writeMemory(plan + PAGES.plan * PAGE, bytes)
  setPlan(PLAN.count, words.length / 2)
}

function setPlan(place: number, value: number): void {
  const bytes = Buffer.alloc(8)
  bytes.writeBigInt64LE(BigInt(value))
  writeMemory((prepared?.plan ?? 0) + place, bytes)
}

/** glibc has registered an area of each thread's record since 2.35. */
function restartableSequences(): { readonly offset: number; readonly length: number } {
  let places: readonly number[]
  try {
    places = [functionAddress('__rseq_offset'), functionAddress('__rseq_size')]
  } catch {
    return { offset: 0, length: 0 }
  }
  const [offset = 0, size = 0] = places
  const registered = readMemory(size, 4).readUInt32LE(0) > 0
  return { offset: Number(readMemory(offset, 8).readBigInt64LE(0)), length: registered ? RSEQ_LENGTH : 0 }
}

/** For the child, as soon as it can handle them: none is blocked then, whatever the parent blocked. */
export function allowSignals(): void {
  sigmask(SIG_SETMASK, noSignal, null)
}

/** Waits for the end of this child of ours, which has been killed. */
export function reap(pid: number): void {
  waitpid(pid, null, 0)
}

/** How this child of ours has ended, as wait(2) says it: it is reaped. Null while it lives. */
export function rawStatusOf(pid: number): number | null {
  return waitpid(pid, rawStatus, WNOHANG) === pid ? rawStatus.readInt32LE(0) : null
}
