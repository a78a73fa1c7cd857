// Forks one child before anything else is done, by the very sequence that workers are forked by, and lets it do what would hang or crash in a
// child that is not sound: collect garbage, use libuv's threads and V8's, and end by itself.
import { promises } from 'node:fs'
import { promisify } from 'node:util'
import { gzip } from 'node:zlib'
import { renewEventLoop } from '../../os/event-loop.ts'
import { allowSignals } from '../../os/fork.ts'
import type { NodeThreads } from '../../os/node-threads.ts'
import { type BirthPipes, saySoundAndWait } from './birth-report.ts'
import { endWithTheLoop } from './end-of-worker.ts'
import type { Forks } from './forks.ts'

/** For tests: `fail` lets the child die before it has proved anything. */
const VARIABLE = 'HOLDFAST_FORK_SELF_TEST'
const MEGABYTE = 1024 * 1024

/** Milliseconds. */
const TIMEOUT = 6000

export interface SelfTest {
  /** Resolves, in the parent only, when there is a child. */
  readonly forked: Promise<void>
  /** Null, or what went wrong. */
  readonly failure: Promise<string | null>
}

export interface SelfTestParts {
  readonly abandon: () => void
  readonly threads: NodeThreads
  readonly collectGarbage: () => void
}

/** Goes on beside whatever the parent does after `forked`. */
export function beginSelfTest(forks: Forks, parts: SelfTestParts): SelfTest {
  let onForked = (): void => {}
  const forked = new Promise<void>((resolve) => {
    onForked = resolve
  })
  const failure = new Promise<string | null>((resolve) => {
    forks.fork({
      timeout: TIMEOUT,
      childOf: 'supervisor',
      refusal: () => null,
      onward: () => onForked(),
      inChild: (pipes) => proveSoundness(pipes, parts),
      onOutcome: (outcome) => resolve(outcome.is === 'sound' ? null : `the self-test failed: ${outcome.error}`),
    })
  })
  return { forked, failure }
}

/** In the child. It says that it is sound at the very end. */
function proveSoundness(pipes: BirthPipes, { abandon, threads, collectGarbage }: SelfTestParts): void {
  if (process.env[VARIABLE] === 'fail') process.abort()
  renewEventLoop()
  abandon()
  threads.revive()
  allowSignals()
  endWithTheLoop()
  collectGarbage()
  void Promise.all([promises.readFile('/proc/self/stat'), promisify(gzip)(Buffer.alloc(MEGABYTE))]).then(() => {
    collectGarbage()
    process.once('exit', () => saySoundAndWait(pipes))
  })
}
