// One fork, as the forkserver sees it: the process between says who the worker is, and ends; the worker says that it is sound.

import { readSync } from 'node:fs'
import { Socket } from 'node:net'
import { constants } from 'node:os'
import { BIRTH, hasEnded } from '../../os/fork.ts'
import { errorName } from '../../os/os-error.ts'
import { closePidfd, pidfdOpen, pidfdSendSignal } from '../../os/pidfd-syscalls.ts'

export type Outcome =
  | { readonly is: 'sound'; readonly pid: number }
  | { readonly is: 'failed'; readonly error: string; readonly unsound: boolean }

/** What a worker writes, a line of JSON: `sound` is its pid. */
export type BirthReport = { readonly sound: number } | { readonly error: string }

const { SIGKILL } = constants.signals
const NEWLINE = 0x0a
const REAP_AGAIN_AFTER = 2
const KILL_BETWEEN_AFTER = 1000

export class Birth {
  readonly #fd: number
  readonly #socket: Socket
  readonly #onOutcome: (outcome: Outcome) => void
  readonly #deadline: NodeJS.Timeout
  #reaping: NodeJS.Timeout | null = null
  #heard: Buffer = Buffer.alloc(0)
  #pid: number | null = null
  #forkError = 0
  #report: BirthReport | null = null
  #over = false

  /** `fd` is the reading end, non-blocking, and belongs to this object. `timeout` in milliseconds. */
  constructor(fd: number, between: number, timeout: number, onOutcome: (outcome: Outcome) => void) {
    this.#fd = fd
    this.#onOutcome = onOutcome
    this.#socket = new Socket({ fd, readable: true, writable: false })
    this.#socket.on('data', (chunk) => this.#hear(chunk as Buffer))
    this.#socket.on('end', () => this.#finish())
    this.#socket.on('error', () => this.#finish())
    this.#deadline = setTimeout(() => this.#tooLate(timeout), timeout).unref()
    this.#reap(between, Date.now() + KILL_BETWEEN_AFTER)
  }

  /** In a forked child: it is no business of the child's. */
  abandon(): void {
    this.#over = true
    clearTimeout(this.#deadline)
    if (this.#reaping !== null) clearTimeout(this.#reaping)
    this.#socket.removeAllListeners()
    this.#socket.destroy()
  }

  /** The two write in any order, each in one piece. */
  #hear(chunk: Buffer): void {
    this.#heard = Buffer.concat([this.#heard, chunk])
    for (let length = this.#nextPiece(); length > 0; length = this.#nextPiece())
      this.#heard = this.#heard.subarray(length)
    if (this.#report !== null || this.#pid === -1) this.#finish()
  }

  /** Takes in what stands at the beginning; its length, 0 where it is not there yet. */
  #nextPiece(): number {
    if (this.#heard[0] === BIRTH.mark) {
      if (this.#heard.length < BIRTH.length) return 0
      this.#pid = this.#heard.readInt32LE(BIRTH.pid)
      this.#forkError = this.#heard.readInt32LE(BIRTH.errno)
      return BIRTH.length
    }
    const end = this.#heard.indexOf(NEWLINE)
    if (end >= 0) this.#report = JSON.parse(this.#heard.toString('utf8', 0, end)) as BirthReport
    return end + 1
  }

  #finish(): void {
    if (this.#over) return
    const report = this.#report
    const pid = this.#pid
    if (report !== null && 'sound' in report) this.#end({ is: 'sound', pid: report.sound })
    else if (report !== null) this.#end({ is: 'failed', error: report.error, unsound: false })
    else if (pid === -1) {
      this.#end({ is: 'failed', error: `the second fork failed: ${errorName(this.#forkError)}`, unsound: false })
    } else if (pid === null)
      this.#end({ is: 'failed', error: 'the process between died before it forked', unsound: true })
    else this.#end({ is: 'failed', error: `process ${pid} died before it was a worker`, unsound: true })
  }

  #tooLate(timeout: number): void {
    const pid = this.#pid
    if (pid !== null) this.#kill(pid)
    const who = pid === null ? 'the process between' : `process ${pid}`
    this.#end({ is: 'failed', error: `${who} was not ready ${timeout} ms after the fork`, unsound: true })
  }

  /** As long as the writing end is open the pid is still its own. */
  #kill(pid: number): void {
    const pidfd = pidfdOpen(pid)
    if (pidfd === null) return
    try {
      if (this.#isOpen()) pidfdSendSignal(pidfd, SIGKILL)
    } finally {
      closePidfd(pidfd)
    }
  }

  #isOpen(): boolean {
    try {
      return readSync(this.#fd, Buffer.alloc(256), 0, 256, null) > 0
    } catch {
      return true // EAGAIN
    }
  }

  #end(outcome: Outcome): void {
    if (this.#over) return
    this.#over = true
    clearTimeout(this.#deadline)
    this.#socket.destroy()
    this.#onOutcome(outcome)
  }

  #reap(between: number, killAt: number): void {
    if (hasEnded(between)) return
    // Our own child, and not reaped: the pid is still its own.
    if (Date.now() > killAt) process.kill(between, SIGKILL)
    this.#reaping = setTimeout(() => this.#reap(between, killAt), REAP_AGAIN_AFTER).unref()
  }
}
