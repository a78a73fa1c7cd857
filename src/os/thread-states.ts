// What the kernel knows of a process that does not answer: where its threads are, and whether a signal can be of use.
import { readdirSync, readlinkSync } from 'node:fs'
import { readProcFile } from './proc-file.ts'
import { statOf } from './process-identity.ts'

/**
 * `waits`: on events or a lock, where a signal with a handler does no harm. `in-call`: in another system call, which a signal
 * makes fail with EINTR. `unknown`: it sleeps, and we may not see in what.
 */
export type MainThreadState = 'gone' | 'runs' | 'waits' | 'in-call' | 'uninterruptible' | 'stopped' | 'unknown'

export interface ThreadState {
  readonly tid: number
  readonly name: string
  /** A letter as in /proc/<pid>/stat. */
  readonly state: string
  /** The function of the kernel in which it sleeps, empty where it does not or may not be seen. */
  readonly waitsIn: string
}

/** epoll_wait, epoll_pwait, epoll_pwait2, futex, futex_wait. */
const HARMLESS_CALLS: Readonly<Partial<Record<string, readonly number[]>>> = {
  x64: [232, 281, 441, 202, 455],
  arm64: [22, 441, 98, 455],
}
const HARMLESS_PLACE = /epoll|^ep_poll|futex/

export function mainThreadState(pid: number): MainThreadState {
  const stat = statOf(pid)
  switch (stat?.state) {
    case undefined:
    case 'Z':
    case 'X':
      return 'gone'
    case 'R':
      return 'runs'
    case 'T':
    case 't':
      return 'stopped'
    case 'D':
      return 'uninterruptible'
    default:
      return sleepingState(pid)
  }
}

function sleepingState(pid: number): MainThreadState {
  const call = textOf(`/proc/${pid}/syscall`)
  if (call === 'running') return 'runs'
  const place = textOf(`/proc/${pid}/wchan`) ?? ''
  if (HARMLESS_PLACE.test(place)) return 'waits'
  if (call === null) return place === '' || place === '0' ? 'unknown' : 'in-call'
  return HARMLESS_CALLS[process.arch]?.includes(Number.parseInt(call, 10)) ? 'waits' : 'in-call'
}

/** Whether the process has a handler for the signal: without one most signals would end it. */
export function catchesSignal(pid: number, signal: number): boolean {
  const mask = /^SigCgt:\s*([0-9a-f]+)$/m.exec(textOf(`/proc/${pid}/status`) ?? '')?.[1]
  return mask !== undefined && ((BigInt(`0x${mask}`) >> BigInt(signal - 1)) & 1n) === 1n
}

/** Whether the signal would do no harm now, and be of use. */
export function bearsSignal(pid: number, signal: number): boolean {
  const state = mainThreadState(pid)
  return (state === 'runs' || state === 'waits') && catchesSignal(pid, signal)
}

/** The file of its program, null when it is gone or may not be seen. One that was replaced meanwhile keeps its name. */
export function executableOf(pid: number): string | null {
  try {
    return readlinkSync(`/proc/${pid}/exe`).replace(/ \(deleted\)$/, '')
  } catch {
    return null
  }
}

/** Of the threads that are still there, the main thread first. */
export function threadStates(pid: number): ThreadState[] {
  return threadsOf(pid).flatMap((tid) => {
    const task = `/proc/${pid}/task/${tid}`
    const state = /^State:\s*(\S)/m.exec(textOf(`${task}/status`) ?? '')?.[1]
    if (state === undefined) return []
    const place = textOf(`${task}/wchan`) ?? ''
    return [{ tid, name: textOf(`${task}/comm`) ?? '', state, waitsIn: place === '0' ? '' : place }]
  })
}

/** A file of /proc/<pid> as text, null when it may not be read. */
export function procText(pid: number, file: 'status' | 'stack' | 'syscall' | 'wchan'): string | null {
  return textOf(`/proc/${pid}/${file}`)
}

function threadsOf(pid: number): number[] {
  try {
    return readdirSync(`/proc/${pid}/task`).map(Number)
  } catch {
    return []
  }
}

function textOf(path: string): string | null {
  return readProcFile(path)?.toString('utf8').trimEnd() ?? null
}
