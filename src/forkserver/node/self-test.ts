// Forks one child before anything else is done, by the very sequence that workers are forked by, and lets it do what would hang or crash in a
// child that is not sound: collect garbage, use libuv's threads and V8's, and end by itself.
import { promises, writeSync } from 'node:fs'
import { promisify } from 'node:util'
import { gzip } from 'node:zlib'
import { renewEventLoop } from '../../os/event-loop.ts'
import { allowSignals } from '../../os/fork.ts'
import type { Outcome } from './birth.ts'
import { endWithTheLoop } from './end-of-worker.ts'

/** For tests: `fail` lets the child die before it has proved anything. */
const VARIABLE = 'HOLDFAST_FORK_SELF_TEST'
const MEGABYTE = 1024 * 1024

export interface SelfTestParts {
  readonly abandon: () => void
  readonly reviveThreads: () => void
  readonly collectGarbage: () => void
}

/** In the child. It says that it is sound at the very end. */
export function proveSoundness(birthFd: number, { abandon, reviveThreads, collectGarbage }: SelfTestParts): void {
  if (process.env[VARIABLE] === 'fail') process.abort()
  renewEventLoop()
  abandon()
  reviveThreads()
  allowSignals()
  endWithTheLoop()
  collectGarbage()
  void Promise.all([promises.readFile('/proc/self/stat'), promisify(gzip)(Buffer.alloc(MEGABYTE))]).then(() => {
    collectGarbage()
    process.once('exit', () => writeSync(birthFd, `${JSON.stringify({ sound: process.pid })}\n`))
  })
}

/** Null where all is well. */
export function verdictOf(outcome: Outcome): string | null {
  return outcome.is === 'sound' ? null : `the self-test failed: ${outcome.error}`
}
