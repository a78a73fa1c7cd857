// What a worker that is a thread is given, in place of the descriptors and the environment of a process.
import type { MessagePort } from 'node:worker_threads'

/** Key in the thread's `workerData`. */
export const THREAD_GIFT = 'holdfast'

export interface ThreadGift {
  /**
   * To the thread: lines as on the command FIFO, and `{ signal: 'TERM' }` for what a signal would tell a process.
   * From it: lines as on the notification fd.
   */
  readonly port: MessagePort
  readonly heartbeat: SharedArrayBuffer
  readonly sockets: readonly SocketGift[]
  /** A byte for each socket: see `takeSocket`. */
  readonly taken: SharedArrayBuffer
}

/** A duplicate of the listener's descriptor, for one worker alone. */
export interface SocketGift {
  readonly name: string
  readonly fd: number
  readonly backlog: number
}

/**
 * From now on the descriptor is the worker's, which closes it; until then it is the supervisor's to close. Said in shared memory,
 * since a message of a thread that is ended may never arrive, and a number that is closed twice is by then somebody else's file.
 * @returns false: it was taken already
 */
export function takeSocket(taken: SharedArrayBuffer, index: number): boolean {
  return Atomics.exchange(new Uint8Array(taken), index, 1) === 0
}

export function isTaken(taken: SharedArrayBuffer, index: number): boolean {
  return Atomics.load(new Uint8Array(taken), index) === 1
}

export interface ThreadSignal {
  /** `TERM`, without SIG. */
  readonly signal: string
}

export function isThreadSignal(message: unknown): message is ThreadSignal {
  return (
    typeof message === 'object' && message !== null && typeof (message as Partial<ThreadSignal>).signal === 'string'
  )
}
