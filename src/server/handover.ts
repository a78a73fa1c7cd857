// How `up --detach` talks to the supervisor that it starts: over a socket pair, on the supervisor's fd 3. Down goes the
// parsed config, so that it is not read twice; up comes one line, that it runs or why not.
import { closeSync, fstatSync, readSync, writeSync } from 'node:fs'
import { Socket } from 'node:net'
import type { SupervisorSpec } from '../config/effective.ts'
import { formatDuration } from '../config/values/duration.ts'
import { errorBody } from '../control/reply.ts'
import { HoldfastError } from '../errors/holdfast-error.ts'
import type { Hook } from './hook-failure.ts'

export const HANDOVER_FD = 3
const BY_HAND = 'this is for holdfast itself; run holdfast up --detach'

export interface Handover {
  readonly spec: SupervisorSpec
  readonly clean: boolean
  /** For the supervisor of a server made with the library. */
  readonly library?: {
    /** Of the supervisor. */
    readonly log: string
    readonly pidFile: string | null
    /** Signals that it hands on, and the service that gets them. */
    readonly forwards: { readonly signals: readonly NodeJS.Signals[]; readonly to: string }
    /** Signals at which it stops everything, gracefully or at once, as the program's map has them. */
    readonly stopsAt: readonly NodeJS.Signals[]
    readonly stopsNowAt: readonly NodeJS.Signals[]
    /** Signals, handed on or not, at which it opens its own logs anew. */
    readonly reopensAt: readonly NodeJS.Signals[]
    /** Signals at which it ends and leaves its servers to themselves. */
    readonly letsGoAt: readonly NodeJS.Signals[]
    /** What ps shows of it. */
    readonly title: string | null
  }
}

export type StartReport = { readonly up: true } | { readonly error: ReturnType<typeof errorBody> }

/** Before the report: it calls that hook of the program, which may take so many milliseconds, or (null) has come back from it. */
interface HookReport {
  readonly calls: Hook | null
  readonly limit: number
}

/** In the detached supervisor. Blocks until all is there; null when it will not come. */
export function readHandover(): Handover | null {
  if (!isSocket(HANDOVER_FD)) throw new HoldfastError('HF_USAGE', { problem: BY_HAND, verb: ' up' })
  const chunks: Buffer[] = []
  for (;;) {
    const chunk = Buffer.alloc(64 * 1024)
    const bytes = readSync(HANDOVER_FD, chunk)
    if (bytes === 0) break
    chunks.push(chunk.subarray(0, bytes))
    if (chunk[bytes - 1] === 10) break
  }
  const text = Buffer.concat(chunks).toString('utf8')
  return text.endsWith('\n') ? JSON.parse(text) : null
}

function isSocket(fd: number): boolean {
  try {
    return fstatSync(fd).isSocket()
  } catch {
    return false
  }
}

/** In the detached supervisor, once: who started it then stops listening here. */
export function reportStart(report: StartReport): void {
  try {
    writeSync(HANDOVER_FD, `${JSON.stringify(report)}\n`)
  } catch {
    // Who started us is gone. That must not end the supervisor.
  }
  closeSync(HANDOVER_FD)
}

/** In the detached process, before it reports. */
export function reportHook(hook: Hook | null, limit: number): void {
  try {
    writeSync(HANDOVER_FD, `${JSON.stringify({ calls: hook, limit } satisfies HookReport)}\n`)
  } catch {
    // Who started us is gone.
  }
}

/** In the process that starts it: hands over, and resolves to the report; null if the supervisor died without one. */
export function handOver(fd: number, handover: Handover): Promise<StartReport | null> {
  return awaitReport(fd, `${JSON.stringify(handover)}\n`)
}

/** For a process that needs no handover: resolves to its report; null if it died without one. */
export function awaitReport(fd: number, handover = ''): Promise<StartReport | null> {
  return new Promise((resolve) => {
    const socket = new Socket({ fd, readable: true, writable: true })
    let text = ''
    socket.setEncoding('utf8')
    socket.on('data', (piece: string) => {
      text += piece
    })
    socket.on('error', () => {})
    socket.on('close', () => resolve(lastWord(text)))
    if (handover !== '') socket.write(handover)
  })
}

function lastWord(text: string): StartReport | null {
  const [last = '', end] = text.split('\n').slice(-2)
  if (end !== '') return null
  const word = JSON.parse(last) as StartReport | HookReport
  if (!('calls' in word)) return word
  return word.calls === null ? null : { error: errorBody(endedInHook(word.calls, word.limit)) }
}

function endedInHook(hook: Hook, limit: number): HoldfastError {
  const problem = `the process of the server ended in it: it ends its process, or computes for longer than ${formatDuration(limit)} (startTimeout)`
  return new HoldfastError('HF_HOOK_FAILED', { hook, problem, mend: 'Mend it, then start again.', stack: '' })
}
