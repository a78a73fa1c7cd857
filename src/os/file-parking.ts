// Files that stay open without a place in the fd table. Each of our fds is copied at a spawn and closed again at its exec: with
// 3,000 FIFOs a restart took 1.2 ms longer. What holds them is a poll for nothing (io_submit(2), IOCB_CMD_POLL): the kernel keeps
// the file of a request open until it is answered, and this one never is. (Fds that are under way in a unix socket would do as well,
// but count for the whole user: beyond 1,024 of them no other program of that user could pass an fd.)
import { addressOf, libcFunction, libcFunctionInThread } from './libc.ts'

// The same in no two architectures.
const NUMBERS: Readonly<
  Record<string, { setup: number; destroy: number; getevents: number; submit: number; cancel: number }>
> = {
  x64: { setup: 206, destroy: 207, getevents: 208, submit: 209, cancel: 210 },
  arm64: { setup: 0, destroy: 1, getevents: 4, submit: 2, cancel: 3 },
}
const IOCB_CMD_POLL = 5
// struct iocb and struct io_event.
const REQUEST = 64
const EVENT = 32

/** Pairs in one context. */
const PAIRS = 128
/** fs.aio-max-nr is 65,536 requests for the whole machine, as a rule: databases want some, too. */
const CONTEXTS_AT_MOST = 64

const ioSetup = libcFunction<[number, number, Buffer], number>(
  'long syscall(long number, long requests, void *context)',
)
const ioCall = libcFunction<[number, number, number, Buffer], number>(
  'long syscall(long number, long context, long argument, void *pointers)',
)
const ioDestroy = libcFunctionInThread<[number, number], number>('long syscall(long number, unsigned long context)')
const ioCancel = libcFunction<[number, number, number, Buffer], number>(
  'long syscall(long number, long context, unsigned long request, void *event)',
)
const ioGetEvents = libcFunction<[number, number, number, number, Buffer, Buffer], number>(
  'long syscall(long number, long context, long least, long most, void *events, void *timeout)',
)

interface Context {
  readonly id: number
  /** Their addresses are the requests' names. */
  readonly requests: Buffer
  readonly base: number
  readonly free: number[]
  /** By pair: requests that are not answered. */
  readonly open: Uint8Array
  /** Pairs that are free when their last request is answered. */
  readonly leaving: Set<number>
}

/** Files that are kept open; `FileParking` knows how. */
export interface ParkedFiles {
  readonly context: Context
  readonly pair: number
}

export class FileParking {
  readonly #numbers = NUMBERS[process.arch] ?? null
  readonly #contexts: Context[] = []
  readonly #pointers = Buffer.alloc(16)
  readonly #events = Buffer.alloc(EVENT * PAIRS * 2)
  readonly #noTime = Buffer.alloc(16)
  #refused = false

  /**
   * Keeps the files of these fds open when the fds are closed: of a FIFO one that reads and one that writes, since one alone is
   * answered when the other side is gone. (O_RDWR will not do: a request can wait in one queue only.) Null where the kernel does
   * not: the caller keeps its fds.
   */
  park(reading: number, writing: number): ParkedFiles | null {
    const numbers = this.#numbers
    const context = this.#contextWithRoom()
    const pair = context?.free.pop()
    if (numbers === null || context === null || pair === undefined) return null
    for (const [index, fd] of [reading, writing].entries()) {
      const request = pair * 2 + index
      const at = request * REQUEST
      context.requests.fill(0, at, at + REQUEST)
      context.requests.writeUInt32LE(request, at)
      context.requests.writeUInt16LE(IOCB_CMD_POLL, at + 16)
      context.requests.writeUInt32LE(fd, at + 20)
      writeAddress(this.#pointers, context.base + at, index * 8)
    }
    const parked = { context, pair }
    context.open[pair] = Math.max(0, ioCall(numbers.submit, context.id, 2, this.#pointers))
    if (context.open[pair] === 2) return parked
    this.release(parked)
    return null
  }

  release({ context, pair }: ParkedFiles): void {
    const numbers = this.#numbers
    if (numbers === null || !this.#contexts.includes(context)) return
    context.leaving.add(pair)
    for (const request of [pair * 2, pair * 2 + 1]) {
      // One that was never taken, or is answered already, is refused.
      ioCancel(numbers.cancel, context.id, context.base + request * REQUEST, this.#events)
    }
    this.#collect(context)
  }

  /** Closes all that is parked, soon: the kernel takes 20 ms for 128 pairs (an RCU grace period), which is no time for this thread. */
  close(): void {
    for (const { id } of this.#contexts.splice(0)) {
      if (this.#numbers !== null) ioDestroy([this.#numbers.destroy, id], () => {})
    }
  }

  /** What was taken back is answered soon, not at once. */
  #collect(context: Context): void {
    const count =
      this.#numbers === null
        ? 0
        : ioGetEvents(this.#numbers.getevents, context.id, 0, PAIRS * 2, this.#events, this.#noTime)
    for (let index = 0; index < count; index++) {
      const pair = this.#events.readUInt32LE(index * EVENT) >> 1
      context.open[pair] = (context.open[pair] ?? 1) - 1
    }
    for (const pair of context.leaving) {
      if (context.open[pair] !== 0) continue
      context.leaving.delete(pair)
      context.free.push(pair)
    }
  }

  #contextWithRoom(): Context | null {
    for (const context of this.#contexts) {
      if (context.free.length === 0 && context.leaving.size > 0) this.#collect(context)
      if (context.free.length > 0) return context
    }
    return this.#newContext()
  }

  #newContext(): Context | null {
    if (this.#numbers === null || this.#refused || this.#contexts.length === CONTEXTS_AT_MOST) return null
    const cell = Buffer.alloc(8)
    // ENOSYS, EPERM of a sandbox, EAGAIN when the machine's are used up: then it goes without.
    this.#refused = ioSetup(this.#numbers.setup, PAIRS * 2, cell) === -1
    if (this.#refused) return null
    const requests = Buffer.allocUnsafeSlow(PAIRS * 2 * REQUEST)
    const context: Context = {
      id: Number(cell.readBigUInt64LE(0)),
      requests,
      base: Number(addressOf(requests)),
      free: Array.from({ length: PAIRS }, (_, pair) => PAIRS - 1 - pair),
      open: new Uint8Array(PAIRS),
      leaving: new Set(),
    }
    this.#contexts.push(context)
    return context
  }
}

/** User addresses have 47 bits: exact in a double, and cheaper as two halves than as a BigInt. */
function writeAddress(buffer: Buffer, address: number, offset: number): void {
  buffer.writeUInt32LE(address % 0x1_0000_0000, offset)
  buffer.writeUInt32LE(Math.floor(address / 0x1_0000_0000), offset + 4)
}
