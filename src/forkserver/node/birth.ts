// One fork, as the forkserver sees it: the process between says who the worker is, and ends; the worker says that it is sound, and waits
// for leave to begin. One that was given up never gets it, nor does one whose forkserver is gone.
import { readSync, writeSync } from 'node:fs'
import { Socket } from 'node:net'
import { constants } from 'node:os'
import { closeFd } from '../../os/close-fd.ts'
import { BIRTH, hasEnded } from '../../os/fork.ts'
import { errorName } from '../../os/os-error.ts'
import { closePidfd, pidfdOpen, pidfdSendSignal } from '../../os/pidfd-syscalls.ts'
import { type Report, readReport } from './birth-report.ts'

export type Outcome =
  | { readonly is: 'sound'; readonly pid: number }
  | { readonly is: 'failed'; readonly error: string; readonly unsound: boolean }

export interface BirthParts {
  /** The reading end of what the two write; belongs to the birth from now on, as `leaveFd` does. */
  readonly reportFd: number
  /** The writing end of what the worker waits for. */
  readonly leaveFd: number
  /** Our own child: the process between, or the worker itself, whom somebody else reaps then. */
  readonly child: { readonly is: 'between' | 'worker'; readonly pid: number }
  /** Milliseconds until the worker must have said that it is sound. */
  readonly timeout: number
  readonly onOutcome: (outcome: Outcome) => void
}

const { SIGKILL } = constants.signals
const NEWLINE = 0x0a
const REAP_AGAIN_AFTER = 2
const KILL_BETWEEN_AFTER = 1000

export class Birth {
  readonly #parts: BirthParts
  readonly #socket: Socket
  readonly #deadline: NodeJS.Timeout
  #reaping: NodeJS.Timeout | null = null
  #childIsOurs: boolean
  #heard: Buffer = Buffer.alloc(0)
  #pid: number | null = null
  #forkError = 0
  #report: Report | null = null
  #over = false

  constructor(parts: BirthParts) {
    this.#parts = parts
    this.#childIsOurs = parts.child.is === 'between'
    if (parts.child.is === 'worker') this.#pid = parts.child.pid
    this.#socket = new Socket({ fd: parts.reportFd, readable: true, writable: false })
    this.#socket.on('data', (chunk) => this.#hear(chunk as Buffer))
    this.#socket.on('end', () => this.#finish())
    this.#socket.on('error', () => this.#finish())
    this.#deadline = setTimeout(() => this.#tooLate(), parts.timeout).unref()
    if (parts.child.is === 'between') this.#reap(Date.now() + KILL_BETWEEN_AFTER)
  }

  /** In a forked child: it is no business of the child's, and its worker is to hear of the forkserver's end. */
  abandon(): void {
    if (!this.#over) closeFd(this.#parts.leaveFd)
    this.#over = true
    clearTimeout(this.#deadline)
    if (this.#reaping !== null) clearTimeout(this.#reaping)
    this.#socket.removeAllListeners()
    this.#socket.destroy()
  }

  /** The two write in any order, each in one piece. */
  #hear(chunk: Buffer): void {
    this.#heard = Buffer.concat([this.#heard, chunk])
    for (let length = this.#nextPiece(); length > 0; length = this.#nextPiece()) {
      this.#heard = this.#heard.subarray(length)
    }
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
    if (end >= 0) this.#report = readReport(this.#heard.toString('utf8', 0, end))
    return end + 1
  }

  #finish(): void {
    const report = this.#report
    if (report !== null && 'sound' in report) this.#end(this.#giveLeave(report.sound))
    else if (report !== null) this.#end({ is: 'failed', error: report.error, unsound: false })
    else if (this.#pid === -1) {
      this.#end({ is: 'failed', error: `the second fork failed: ${errorName(this.#forkError)}`, unsound: false })
    } else {
      const who = this.#pid === null ? 'the process between' : `process ${this.#pid}`
      this.#end({ is: 'failed', error: `${who} died before there was a worker`, unsound: true })
    }
  }

  #giveLeave(pid: number): Outcome {
    try {
      writeSync(this.#parts.leaveFd, '\n')
      return { is: 'sound', pid }
    } catch {
      return { is: 'failed', error: `process ${pid} died before it began`, unsound: true }
    }
  }

  /** What has come while this process was busy counts. */
  #tooLate(): void {
    this.#readRest()
    if (this.#over) return
    if (this.#pid !== null) this.#killWorker(this.#pid)
    const who = this.#pid === null ? 'the process between' : `process ${this.#pid}`
    // Our own child, and not reaped: the pid is still its own.
    if (this.#childIsOurs) process.kill(this.#parts.child.pid, SIGKILL)
    const error = `${who} was not ready ${this.#parts.timeout} ms after the fork`
    this.#end({ is: 'failed', error, unsound: true })
  }

  /** As long as the writing end is open the pid is still the worker's. */
  #killWorker(pid: number): void {
    const pidfd = pidfdOpen(pid)
    if (pidfd === null) return
    try {
      if (this.#readRest() === 'open') pidfdSendSignal(pidfd, SIGKILL)
    } catch {
      // It has another user's rights by now. Without leave it ends by itself.
    } finally {
      closePidfd(pidfd)
    }
  }

  #readRest(): 'open' | 'ended' {
    const chunk = Buffer.alloc(1024)
    try {
      for (;;) {
        const length = this.#over ? 0 : readSync(this.#parts.reportFd, chunk, 0, chunk.length, null)
        if (length === 0) return 'ended'
        this.#hear(Buffer.from(chunk.subarray(0, length)))
      }
    } catch {
      return 'open' // EAGAIN
    }
  }

  #end(outcome: Outcome): void {
    if (this.#over) return
    this.#over = true
    clearTimeout(this.#deadline)
    this.#socket.destroy()
    closeFd(this.#parts.leaveFd)
    this.#parts.onOutcome(outcome)
  }

  #reap(killAt: number): void {
    const { pid } = this.#parts.child
    this.#childIsOurs = !hasEnded(pid)
    if (!this.#childIsOurs) return
    if (Date.now() > killAt) process.kill(pid, SIGKILL)
    this.#reaping = setTimeout(() => this.#reap(killAt), REAP_AGAIN_AFTER).unref()
  }
}
