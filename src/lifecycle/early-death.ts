// A worker that dies before it was ready, or soon after: whether the whole service ends with it.
import type { EarlyDeathSpec, ServiceSpec } from '../config/effective.ts'
import { describeExit, isClean, isFailure } from './exit-reason.ts'
import type { ProcessExit } from './process-state.ts'

export type EarlyDeathCase = keyof EarlyDeathSpec

/** Why the service is shut down for this death, null: it is not. */
export function shutDownCause(
  exit: ProcessExit,
  { restart, earlyDeath }: Pick<ServiceSpec, 'restart' | 'earlyDeath'>,
  when: EarlyDeathCase,
): string | null {
  if (earlyDeath[when] === 'back-off' || !isFailure(exit, restart.resetAfter)) return null
  // Of those `restart.stopAllOnUnrecoverable` says what follows.
  if (exit.code !== null && restart.unrecoverable.includes(exit.code)) return null
  if (exit.gotNoLock) return null
  // A job that is done has not died.
  if (restart.when !== 'always' && !exit.announced && isClean(exit)) return null
  const early = exit.readyAt === null ? 'before it was ready' : 'too soon after it was ready'
  return `${describeExit(exit)}, ${early}; earlyDeath.${when} is shut-down`
}
