// One epoll fd for many fds, itself on the event loop: 12.7 MB for 2,000 FIFOs instead of 21.3 as net.Sockets.
import { closeSync } from 'node:fs'
import { constants } from 'node:os'
import { errno, libcFunction } from './libc.ts'
import { checked, lastOsError } from './os-error.ts'
import { type PollHandle, pollReadable } from './poll-handle.ts'

const EPOLL_CLOEXEC = 0x80000
const EPOLL_CTL_ADD = 1
const EPOLL_CTL_DEL = 2
const EPOLLIN = 1
const EPOLLONESHOT = 0x4000_0000

// struct epoll_event is packed on x86-64 only.
const EVENT_SIZE = process.arch === 'x64' ? 12 : 16
const DATA_OFFSET = process.arch === 'x64' ? 4 : 8
const EVENTS_AT_ONCE = 256

const epollCreate = libcFunction<[number], number>('int epoll_create1(int flags)')
const epollCtl = libcFunction<[number, number, number, Buffer], number>(
  'int epoll_ctl(int epfd, int operation, int fd, void *event)',
)
const epollWait = libcFunction<[number, Buffer, number, number], number>(
  'int epoll_wait(int epfd, void *events, int maximum, int timeout)',
)

/** Marks a registration in the kernel: an fd's number may be closed and used again within one pass. */
export interface Watch {
  readonly id: number
}

/** Who is told once. An object, not a function: that would be one more for each of thousands. */
export interface Sleeper {
  wake(): void
}

interface Registration extends Watch {
  readonly fd: number
  readonly onReadable: (() => void) | Sleeper
  paused: boolean
}

export class EpollLoop {
  readonly #epoll: number
  readonly #handle: PollHandle
  readonly #byFd = new Map<number, Registration>()
  readonly #byId = new Map<number, Registration>()
  readonly #event = Buffer.alloc(EVENT_SIZE)
  readonly #events = Buffer.alloc(EVENT_SIZE * EVENTS_AT_ONCE)
  #nextId = 1
  #closed = false

  constructor() {
    this.#epoll = checked(epollCreate(EPOLL_CLOEXEC), 'epoll_create1')
    this.#handle = pollReadable(this.#epoll, () => void this.drainNow())
  }

  /** Calls back as long as `fd` is readable, or its other side is closed (level-triggered). */
  add(fd: number, onReadable: () => void): void {
    if (this.#byFd.has(fd)) throw new Error(`fd ${fd} is in the epoll loop already`)
    const registration: Registration = { fd, id: this.#nextId++ % 0xffff_ffff, onReadable, paused: false }
    this.#control(EPOLL_CTL_ADD, registration)
    this.#byFd.set(fd, registration)
    this.#byId.set(registration.id, registration)
  }

  /**
   * Wakes the sleeper once, when it becomes readable. The fd may be closed meanwhile: the kernel watches the file, as long as that is
   * open somewhere (see FileParking). What is watched so can be forgotten, but not taken out.
   */
  addOnce(fd: number, sleeper: Sleeper): Watch {
    const registration: Registration = { fd, id: this.#nextId++ % 0xffff_ffff, onReadable: sleeper, paused: false }
    this.#control(EPOLL_CTL_ADD, registration, EPOLLIN | EPOLLONESHOT)
    this.#byId.set(registration.id, registration)
    return registration
  }

  /** Of addOnce: the sleeper is not told. */
  forget({ id }: Watch): void {
    this.#byId.delete(id)
  }

  /** No callbacks until `resume`. What arrives meanwhile stays in the pipe. */
  pause(fd: number): void {
    const registration = this.#byFd.get(fd)
    if (registration === undefined || registration.paused) return
    // Taken out, not just set to no events: a closed other side is reported even then, and would spin.
    this.#control(EPOLL_CTL_DEL, registration)
    registration.paused = true
  }

  resume(fd: number): void {
    const registration = this.#byFd.get(fd)
    if (registration === undefined || !registration.paused) return
    this.#control(EPOLL_CTL_ADD, registration)
    registration.paused = false
  }

  /** Call it before the fd is closed. Does nothing for an fd that was not added. */
  remove(fd: number): void {
    const registration = this.#byFd.get(fd)
    if (registration === undefined) return
    this.#byFd.delete(fd)
    this.#byId.delete(registration.id)
    if (!registration.paused) epollCtl(this.#epoll, EPOLL_CTL_DEL, fd, this.#event)
  }

  /**
   * One pass, now: callbacks of what is readable (at most 256). Exceptions come out on the event loop afterwards.
   * @returns whether there may be more
   */
  drainNow(): boolean {
    if (this.#closed) return false
    const count = epollWait(this.#epoll, this.#events, EVENTS_AT_ONCE, 0)
    if (count === -1) {
      if (errno() === constants.errno.EINTR) return true
      throw lastOsError('epoll_wait')
    }
    // Copied first: a callback may itself ask for a pass, which uses the same buffer.
    const ready: (Registration | undefined)[] = []
    for (let index = 0; index < count; index++) {
      ready.push(this.#byId.get(this.#events.readUInt32LE(index * EVENT_SIZE + DATA_OFFSET)))
    }
    for (const registration of ready) {
      if (registration === undefined || registration.paused || !this.#byId.has(registration.id)) continue
      try {
        this.#tell(registration)
      } catch (error) {
        setImmediate(() => {
          throw error
        })
      }
    }
    return count === EVENTS_AT_ONCE
  }

  #tell({ id, onReadable }: Registration): void {
    if (typeof onReadable === 'function') return onReadable()
    this.#byId.delete(id)
    onReadable.wake()
  }

  /** Lets the process end although fds are watched. */
  unref(): void {
    this.#handle.unref()
  }

  ref(): void {
    this.#handle.ref()
  }

  /** Leaves the fds open. */
  close(): void {
    if (this.#closed) return
    this.#closed = true
    this.#handle.close()
    closeSync(this.#epoll)
    this.#byFd.clear()
    this.#byId.clear()
  }

  #control(operation: number, registration: Registration, events = EPOLLIN): void {
    this.#event.writeUInt32LE(events, 0)
    this.#event.writeUInt32LE(registration.id, DATA_OFFSET)
    this.#event.writeUInt32LE(0, DATA_OFFSET + 4)
    checked(epollCtl(this.#epoll, operation, registration.fd, this.#event), 'epoll_ctl', `fd ${registration.fd}`)
  }
}
