// One fork, as the forkserver sees it: the worker says that it is sound, and waits for leave to begin. One that was given up never gets
// it, nor does one whose forkserver is gone.
import { readSync, writeSync } from 'node:fs'
import { Socket } from 'node:net'
import { constants } from 'node:os'
import { closeFd } from '../../os/close-fd.ts'
import { closePidfd, pidfdOpen, pidfdSendSignal } from '../../os/pidfd-syscalls.ts'
import { type Report, readReport } from './birth-report.ts'

export type Outcome =
  | { readonly is: 'sound'; readonly pid: number }
  | { readonly is: 'failed'; readonly error: string; readonly unsound: boolean }

export interface BirthParts {
  /** The reading end of what the worker writes; belongs to the birth from now on, as `leaveFd` does. */
  readonly reportFd: number
  /** The writing end of what the worker waits for. */
  readonly leaveFd: number
  /** The worker's. */
  readonly pid: number
  /** Milliseconds until the worker must have said that it is sound. */
  readonly timeout: number
  readonly onOutcome: (outcome: Outcome) => void
}

const { SIGKILL } = constants.signals

export class Birth {
  readonly #parts: BirthParts
  readonly #socket: Socket
  readonly #deadline: NodeJS.Timeout
  #heard = ''
  #report: Report | null = null
  #over = false

  constructor(parts: BirthParts) {
    this.#parts = parts
    this.#socket = new Socket({ fd: parts.reportFd, readable: true, writable: false })
    this.#socket.on('data', (chunk) => this.#hear(chunk as Buffer))
    this.#socket.on('end', () => this.#finish())
    this.#socket.on('error', () => this.#finish())
    this.#deadline = setTimeout(() => this.#tooLate(), parts.timeout).unref()
  }

  /** In a forked child: it is no business of the child's, and its worker is to hear of the forkserver's end. */
  abandon(): void {
    if (!this.#over) closeFd(this.#parts.leaveFd)
    this.#over = true
    clearTimeout(this.#deadline)
    this.#socket.removeAllListeners()
    this.#socket.destroy()
  }

  /** What was made is of no use: nobody is to hear of it. */
  revoke(): void {
    this.#killWorker()
    this.abandon()
  }

  #hear(chunk: Buffer): void {
    this.#heard += chunk.toString('utf8')
    const end = this.#heard.indexOf('\n')
    if (end === -1) return
    this.#report = readReport(this.#heard.slice(0, end))
    this.#finish()
  }

  #finish(): void {
    const report = this.#report
    if (report !== null && 'sound' in report) this.#end(this.#giveLeave(report.sound))
    else if (report !== null) this.#end({ is: 'failed', error: report.error, unsound: false })
    else
      this.#end({
        is: 'failed',
        error: `process ${this.#parts.pid} died before there was a worker`,
        unsound: true,
      })
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
    this.#readRest((chunk) => this.#hear(chunk))
    if (this.#over) return
    const { pid, timeout } = this.#parts
    this.#killWorker()
    this.#end({ is: 'failed', error: `process ${pid} was not ready ${timeout} ms after the fork`, unsound: true })
  }

  /** As long as the writing end is open the pid is still the worker's. */
  #killWorker(): void {
    const pidfd = pidfdOpen(this.#parts.pid)
    if (pidfd === null) return
    try {
      if (this.#readRest(() => {}) === 'open') pidfdSendSignal(pidfd, SIGKILL)
    } catch {
      // It has another user's rights by now. Without leave it ends by itself.
    } finally {
      closePidfd(pidfd)
    }
  }

  #readRest(onChunk: (chunk: Buffer) => void): 'open' | 'ended' {
    const chunk = Buffer.alloc(1024)
    try {
      for (;;) {
        const length = this.#over ? 0 : readSync(this.#parts.reportFd, chunk, 0, chunk.length, null)
        if (length === 0) return 'ended'
        onChunk(chunk.subarray(0, length))
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
}
