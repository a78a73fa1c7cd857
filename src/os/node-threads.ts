// A fork copies the memory of all threads, and one thread. Node's own (V8's workers, the one for delayed tasks, the one that starts the
// inspector) are missing in the child, which waits for them sooner or later. They all stand idle most of the time: in the child the
// same functions are started again, with the same arguments, and go on with what lies in their queues.
import { closeSync, readdirSync, readFileSync, readlinkSync } from 'node:fs'
import { areaAt, memoryAreas, newPages, readMemory, writeMemory, zeroMemory } from './own-memory.ts'
import {
  contextSwitchesOf,
  startThread,
  systemCallOf,
  type ThreadRecord,
  threadIds,
  threadRecords,
  tidOf,
} from './thread-record.ts'
import { prepareThreadStart } from './thread-start.ts'

type NodeThread = ThreadRecord &
  (
    | { readonly is: 'worker'; readonly wakeUp: number }
    | { readonly is: 'scheduler'; readonly fds: readonly number[] }
    | { readonly is: 'inspector' }
  )

const FUTEX = '202'
const EPOLL = ['281', '232', '441']
const CONDITION_SIZE = 48
const MUTEX_SIZE = 40
/** Behind the queue, its first member, a worker is given mutex, condition and counter of the function that started it. */
const START_POINTERS = 3
const POINTER = 8

export class NodeThreads {
  #threads: readonly NodeThread[]
  /** A mutex, a condition and a counter which nobody else uses, for the start of the workers. */
  readonly #atStart = newPages(1)
  /** Its object begins with the semaphore by which it tells Node that its loop is there. */
  readonly #startScheduler = prepareThreadStart()

  private constructor(threads: readonly NodeThread[]) {
    this.#threads = threads
  }

  /**
   * Finds the threads of a Node that has just started. @throws Error saying what is not as it is in the Nodes that we know
   */
  static find(): NodeThreads {
    const records = threadRecords(threadIds().filter((tid) => tid !== process.pid))
    const threads = records.map(recognize)
    const count = (what: NodeThread['is']): number => threads.filter(({ is }) => is === what).length
    if (count('worker') === 0) throw new Error('V8 has no worker threads')
    if (count('scheduler') > 1 || count('inspector') > 1) throw new Error('there are threads that Node has not started')
    return new NodeThreads(threads)
  }

  get tids(): number[] {
    return this.#threads.map(({ tid }) => tid)
  }

  /** Whether each of them waits for work: what one is in the middle of would stay half done in a child. */
  areIdle(): boolean {
    return this.#threads.every((thread) => {
      const call = systemCallOf(thread.tid)
      if (thread.is === 'scheduler') return EPOLL.includes(call?.[0] ?? '')
      if (call?.[0] !== FUTEX) return false
      return thread.is === 'inspector' || liesIn(Number(call[1]), thread.wakeUp)
    })
  }

  /** Changes whenever one of them stops running: with areIdle before and after, it tells whether one has run in between. */
  runs(): string {
    return this.#threads.map(({ tid }) => contextSwitchesOf(tid)).join()
  }

  /** In the child, at once: the conditions still count the threads that waited on them, and a signal would wait for those. */
  forget(): void {
    for (const thread of this.#threads) if (thread.is === 'worker') zeroMemory(thread.wakeUp, CONDITION_SIZE)
  }

  /**
   * In the child: starts them anew. The descriptors of the old scheduler stay open until the new one has its own: until then a write to
   * them wakes the forkserver's, which finds nothing to do. @throws OsError
   */
  revive(): void {
    this.#threads = this.#threads.map((thread) => {
      if (thread.is === 'scheduler') return this.#reviveScheduler(thread)
      if (thread.is === 'worker') writeMemory(thread.argument + POINTER, this.#startPointers())
      return { ...thread, tid: tidOf(startThread(thread.start, thread.argument)) }
    })
  }

  #reviveScheduler(thread: NodeThread & { readonly is: 'scheduler' }): NodeThread {
    const before = new Set(nameless())
    const tid = tidOf(this.#startScheduler(thread.start, thread.argument))
    const opened = nameless().filter((fd) => !before.has(fd))
    for (const fd of thread.fds) closeSync(fd)
    return { ...thread, tid, fds: opened }
  }

  #startPointers(): Buffer {
    const pointers = Buffer.alloc(START_POINTERS * POINTER)
    for (let index = 0; index < START_POINTERS; index++) {
      pointers.writeBigUInt64LE(BigInt(this.#atStart + index * 64), index * POINTER)
    }
    return pointers
  }
}

function recognize(thread: ThreadRecord): NodeThread {
  const areas = memoryAreas()
  if (areaAt(areas, thread.start)?.access[2] !== 'x')
    throw new Error(`thread ${thread.tid} runs nothing that can be found`)
  const call = systemCallOf(thread.tid)
  if (EPOLL.includes(call?.[0] ?? '')) return { is: 'scheduler', ...thread, fds: descriptorsOfLoop(Number(call?.[1])) }
  if (call?.[0] !== FUTEX) throw new Error(`thread ${thread.tid} does not wait as Node's threads do`)
  if (thread.argument === 0) return { is: 'inspector', ...thread }
  const given = readMemory(thread.argument, (1 + START_POINTERS) * POINTER)
  const [queue = 0, ...pointers] = Array.from(
    new BigUint64Array(given.buffer, given.byteOffset, 1 + START_POINTERS),
    Number,
  )
  const wakeUp = queue + MUTEX_SIZE
  const onStack = pointers.every((pointer) => areaAt(areas, pointer)?.name === '[stack]')
  if (!onStack || !liesIn(Number(call[1]), wakeUp)) throw new Error(`thread ${thread.tid} is none that Node starts`)
  return { is: 'worker', ...thread, wakeUp }
}

function liesIn(address: number, condition: number): boolean {
  return condition <= address && address < condition + CONDITION_SIZE
}

/** The loop of the delayed tasks: its epoll instance, what is watched in it, and its io_uring, which libuv opens right after. */
function descriptorsOfLoop(epoll: number): number[] {
  const watched = [...readFileSync(`/proc/self/fdinfo/${epoll}`, 'latin1').matchAll(/^tfd:\s*(\d+)/gm)]
  const ring = epoll + 1
  return [epoll, ...watched.map((match) => Number(match[1])), ...(isRing(ring) ? [ring] : [])]
}

function isRing(fd: number): boolean {
  return linkOf(fd)?.includes('[io_uring]') ?? false
}

/** Epoll instances, eventfds, rings. */
function nameless(): number[] {
  return readdirSync('/proc/self/fd')
    .map(Number)
    .filter((fd) => linkOf(fd)?.startsWith('anon_inode:'))
}

function linkOf(fd: number): string | null {
  try {
    return readlinkSync(`/proc/self/fd/${fd}`)
  } catch {
    return null
  }
}
