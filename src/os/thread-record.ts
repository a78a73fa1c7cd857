// What glibc knows of a thread: the function that it was started with, and its argument. Both lie in `struct pthread`, at the top of
// the thread's stack, at places that differ from one glibc to the next. A thread that we start ourselves shows where.
import { readdirSync } from 'node:fs'
import { functionAddress, libcFunction } from './libc.ts'
import { OsError } from './os-error.ts'
import { areaAt, type MemoryArea, memoryAreas, newPages, readMemory } from './own-memory.ts'
import { readProcFile } from './proc-file.ts'

export interface ThreadRecord {
  readonly tid: number
  /** Address of the function it runs. */
  readonly start: number
  readonly argument: number
}

interface Places {
  readonly tid: number
  /** The argument stands behind it. */
  readonly start: number
}

/** More than struct pthread has in any glibc so far (2,304 bytes in 2.36), and less than lies between it and the end of the stack. */
const RECORD_SIZE = 2048
const ALIGNMENT = 16
/** tcbhead_t of x86-64: the third word points to the structure itself. */
const SELF = 16

const pthreadCreate = libcFunction<[Buffer, number, number, number], number>(
  'int pthread_create(void *thread, size_t attributes, size_t start, size_t argument)',
)
const pthreadJoin = libcFunction<[number, number], number>('int pthread_join(size_t thread, size_t result)')
const semPost = libcFunction<[number], number>('int sem_post(size_t semaphore)')

const schedYield = libcFunction<[], number>('int sched_yield()')

const newThread = Buffer.alloc(8)
let places: Places | null = null

/** Starts a thread that nobody will join. It inherits the signal mask of the caller. @returns where its record lies */
export function startThread(start: number, argument: number): number {
  const error = pthreadCreate(newThread, 0, start, argument)
  if (error !== 0) throw new OsError('pthread_create', error)
  return address(newThread, 0)
}

/** Of a thread that lives, by its record. Once others were looked up: they show where it is. */
export function tidOf(record: number): number {
  if (places === null) throw new Error('no thread was looked up yet (bug)')
  return readMemory(record + places.tid, 4).readUInt32LE(0)
}

/** Lets other threads of this process go on first. */
export function yieldProcessor(): void {
  schedYield()
}

export function threadIds(): number[] {
  return readdirSync('/proc/self/task').map(Number)
}

/** Records of these threads of ours, which must stand in a system call. @throws Error naming what cannot be made out */
export function threadRecords(tids: readonly number[]): ThreadRecord[] {
  const found = findPlaces()
  places = found
  const areas = memoryAreas()
  return tids.map((tid) => recordOf(tid, found, areas))
}

function recordOf(tid: number, places: Places, areas: readonly MemoryArea[]): ThreadRecord {
  const stackPointer = Number(systemCallOf(tid)?.[7])
  const stack = areaAt(areas, stackPointer)
  if (stack === null) throw new Error(`the stack of thread ${tid} is not to be found`)
  const from = stackPointer - (stackPointer % 4096)
  const bytes = readMemory(from, stack.end - from)
  for (let at = 0; at + RECORD_SIZE <= bytes.length; at += ALIGNMENT) {
    if (bytes.readUInt32LE(at + places.tid) !== tid || address(bytes, at + SELF) !== from + at) continue
    return { tid, start: address(bytes, at + places.start), argument: address(bytes, at + places.start + 8) }
  }
  throw new Error(`the C library's record of thread ${tid} is not where it should be`)
}

/** Number and arguments of the system call that the thread stands in, its stack pointer at 7; null when it runs. */
export function systemCallOf(tid: number): readonly string[] | null {
  const text = readProcFile(`/proc/self/task/${tid}/syscall`)?.toString('latin1')
  return text === undefined || text.startsWith('running') ? null : text.trimEnd().split(' ')
}

/** How often the thread has stopped running so far, by itself and against its will. */
export function contextSwitchesOf(tid: number): string {
  const text = readProcFile(`/proc/self/task/${tid}/status`)?.toString('latin1') ?? ''
  return text.slice(text.indexOf('voluntary_ctxt_switches'))
}

function findPlaces(): Places {
  const semaphore = newPages(1)
  const semWait = functionAddress('sem_wait')
  const before = new Set(threadIds())
  const thread = startThread(semWait, semaphore)
  const tid = threadIds().find((id) => !before.has(id))
  const record = readMemory(thread, RECORD_SIZE)
  semPost(semaphore)
  pthreadJoin(thread, 0)
  const found = { tid: -1, start: -1 }
  for (let at = RECORD_SIZE - 16; at >= 0; at -= 4) {
    if (record.readUInt32LE(at) === tid) found.tid = at
    if (at % 8 === 0 && address(record, at) === semWait && address(record, at + 8) === semaphore) found.start = at
  }
  if (found.tid === -1 || found.start === -1) throw new Error("the C library's record of a thread has an unknown form")
  return found
}

function address(bytes: Buffer, at: number): number {
  return Number(bytes.readBigUInt64LE(at))
}
