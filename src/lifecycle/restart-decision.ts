// What a slot does after its process died by itself: again now, again later, or not again.
import type { Millis, RestartSpec } from '../config/effective.ts'
import { describeExit, isClean, isFailure } from './exit-reason.ts'
import type { ProcessExit } from './process-state.ts'

export type RestartDecision =
  | { readonly is: 'now'; readonly failures: number }
  /** `crashLoop`: the wait has reached its upper bound. */
  | { readonly is: 'later'; readonly failures: number; readonly wait: Millis; readonly crashLoop: boolean }
  | { readonly is: 'exited'; readonly failures: number }
  | { readonly is: 'fatal'; readonly failures: number; readonly why: string; readonly unrecoverable: boolean }

/**
 * @param failuresBefore failures in a row before this death
 * @param random from 0 to 1, for the jitter
 */
export function decideRestart(
  exit: ProcessExit,
  failuresBefore: number,
  restart: RestartSpec,
  random: number,
): RestartDecision {
  // However often: it goes on when the locks are to be had again.
  if (exit.gotNoLock) return afterWait(failuresBefore + 1, restart, random, false)
  const failed = isFailure(exit, restart.resetAfter)
  const failures = failed ? failuresBefore + 1 : 0
  if (exit.code !== null && restart.unrecoverable.includes(exit.code)) {
    return {
      is: 'fatal',
      failures,
      why: `${describeExit(exit)}, which restart.unrecoverable lists`,
      unrecoverable: true,
    }
  }
  // Who announces its end is being recycled, by its own wish: that is neither a crash nor the end of its work.
  if (!exit.announced) {
    if (restart.when === 'never') return { is: 'exited', failures }
    if (restart.when === 'on-failure' && isClean(exit)) return { is: 'exited', failures }
  }
  if (restart.maxRetries !== null && failures > restart.maxRetries) {
    return {
      is: 'fatal',
      failures,
      why: `${describeExit(exit)}; failed ${failures} times in a row`,
      unrecoverable: false,
    }
  }
  return afterWait(failures, restart, random, true)
}

function afterWait(failures: number, restart: RestartSpec, random: number, died: boolean): RestartDecision {
  const backOff = backOffAfter(failures, restart, random)
  const wait = Math.max(backOff, spreadDelay(restart, random))
  if (wait === 0) return { is: 'now', failures }
  const crashLoop = died && backOff > 0 && plainBackOff(failures, restart) >= restart.max
  return { is: 'later', failures, wait, crashLoop }
}

/** What was asked for is the least; the jitter lengthens it only, so that workers that fell together do not come back in step. */
function spreadDelay({ delay, jitter }: RestartSpec, random: number): Millis {
  return Math.round(delay * (1 + jitter * random))
}

/**
 * Nothing for the first `immediate` failures in a row, then initial, initial × factor, … up to max, each ± jitter; never
 * less than a millisecond, whatever the dice say.
 */
export function backOffAfter(failures: number, restart: RestartSpec, random: number): Millis {
  if (failures <= restart.immediate) return 0
  const spread = 1 + restart.jitter * (2 * random - 1)
  return Math.max(1, Math.round(plainBackOff(failures, restart) * spread))
}

function plainBackOff(failures: number, restart: RestartSpec): Millis {
  return Math.min(restart.max, restart.initial * restart.factor ** (failures - restart.immediate - 1))
}
