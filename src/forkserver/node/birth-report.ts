// What a forked child says to the forkserver before it begins, and what it hears.
import { readSync, writeSync } from 'node:fs'
import { exitNow } from '../../os/exit-now.ts'

/** A line of JSON; `sound` is its pid. */
export type Report = { readonly sound: number } | { readonly error: string }

/** The two ends that a child has of the pipes between it and the forkserver. */
export interface BirthPipes {
  readonly report: number
  readonly leave: number
}

/** Waits until the forkserver has taken notice. Where that has given it up, or is gone, the process ends without a word. */
export function saySoundAndWait(pipes: BirthPipes): void {
  say(pipes, { sound: process.pid })
  try {
    if (readSync(pipes.leave, Buffer.alloc(1)) === 1) return
  } catch {
    // No leave either way.
  }
  exitNow(1)
}

export function sayErrorAndEnd(pipes: BirthPipes, error: string): never {
  say(pipes, { error })
  return exitNow(1)
}

/** What a child writes is nothing to rely on. */
export function readReport(line: string): Report {
  try {
    const report = JSON.parse(line) as Report
    if ('sound' in report ? Number.isInteger(report.sound) : typeof report.error === 'string') return report
  } catch {
    // Said below, with what it was.
  }
  return { error: `the worker said ${line.slice(0, 200)}` }
}

function say({ report }: BirthPipes, what: Report): void {
  try {
    writeSync(report, `${JSON.stringify(what)}\n`)
  } catch {
    // Nobody waits for it any more.
    exitNow(1)
  }
}
