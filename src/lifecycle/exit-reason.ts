// How a process ended, in words, and whether that was clean.
import type { ProcessExit, StopReason } from './process-state.ts'

/** `exited with code 1`, `killed by SIGSEGV`, `killed: not ready within 30s (SIGKILL)`, `command not found: …`. */
export function describeExit(exit: ProcessExit): string {
  if (wasCalledBack(exit)) return `not started after all: ${exit.asked.text}`
  if (exit.spawnError !== null) return `could not be started: ${exit.spawnError}`
  const how =
    exit.signal !== null
      ? `killed by SIG${exit.signal}`
      : exit.code !== null
        ? `exited with code ${exit.code}`
        : 'ended, how is unknown'
  if (exit.asked === null) return exit.announced ? `${how} as it had announced` : how
  return isForced(exit.asked) ? `${exit.asked.text}: ${how}` : `${how} (asked to stop: ${exit.asked.text})`
}

/** There never was a process, and none was wanted any more: nothing to be remembered. */
export function wasCalledBack(exit: ProcessExit): exit is ProcessExit & { readonly asked: StopReason } {
  return exit.spawnError !== null && exit.asked !== null
}

/** A deadline of ours ended it, not a wish. */
export function isForced(why: StopReason): boolean {
  return why.kind !== 'stop' && why.kind !== 'replace'
}

/** Exit code 0, or death by TERM, INT or HUP after it was ready. */
export function isClean(exit: ProcessExit): boolean {
  if (exit.spawnError !== null || (exit.asked !== null && isForced(exit.asked))) return false
  if (exit.code === 0) return true
  return exit.readyAt !== null && (exit.signal === 'TERM' || exit.signal === 'INT' || exit.signal === 'HUP')
}

/** A death counts as a failure if the process never became ready, or died less than `resetAfter` after it did. */
export function isFailure(exit: Pick<ProcessExit, 'readyAt' | 'at'>, resetAfter: number): boolean {
  return exit.readyAt === null || exit.at - exit.readyAt < resetAfter
}
