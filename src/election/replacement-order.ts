// Who may be stopped or replaced, and in which order, so that a main has somebody to follow it. Keeps no memory of its own: asked
// again after each event it converges, whatever died meanwhile.
//
// How the rollout planner asks, for a service with `slots`:
// - `replaceOutdated` walks `replaceableNow(…)` in place of all wanted slots: fresh standbys first, then the mains one by one,
//   each of them when a fresh standby waits and the main before it has a proven follower. maxSurge and maxUnavailable stay as
//   they are: with standbys a worker is retired and filled again, as a standby; without any (M = 0) `start-beside` makes the
//   one that follows, which is proven when it waits.
// - A cold restart (`mode: 'cold'`, all stop, then all start) and a stop need no leave: only whom first, by `stopOrder`.
// - A planned switch is `planSwitch`, and then the restart of that one worker. Its slot goes to the standby that waits longest.
// - Vacant workers are filled as ever, at once: that is how standbys are replenished. `isSettled` stands for "ready" there, since
//   a cold standby has no process.
import type { Instant } from '../lifecycle/process-state.ts'
import { type ContenderIn, gripOf } from './contender-state.ts'
import type { Contender, ElectionState } from './election-state.ts'

export interface ReplacementRules {
  /** Its process is to be replaced by one of the goal's generation. */
  readonly isOutdated: (worker: number, number: number) => boolean
  /** Milliseconds for which a main, or a standby in the queue, has to last. */
  readonly minReady: number
  /** False: no worker is wanted that could follow a main (the operator has stopped the standbys). */
  readonly expectsStandbys: boolean
}

/** Milliseconds after which a standby without a place is taken to have none for good: those of other supervisors have them all. */
const NO_PLACE_AFTER = 1_000

/** Workers that may be replaced at this moment, the first one first. Empty: something has to come to rest before. */
export function replaceableNow(election: ElectionState, rules: ReplacementRules, at: Instant): number[] {
  const outdated = election.contenders.filter(({ worker, number }) => rules.isOutdated(worker, number))
  const standbys = outdated.filter(({ state }) => gripOf(state) === null)
  if (standbys.length > 0) return workersOf(standbys)
  const mains = outdated.filter(({ state }) => state.is === 'main')
  const first = mains[0]
  if (first === undefined || !isAtRest(election, rules, at)) return []
  // Who waits for a place says that somebody waits in each of them.
  const hasFollower = election.contenders.some(({ state }) => state.is === 'waiting' || state.is === 'placing')
  // With none at all the planner makes it: `start-beside`, or the gap of one start.
  return hasFollower || !rules.expectsStandbys ? [first.worker] : []
}

/** Everybody is where it belongs, and has been for long enough. */
function isAtRest(election: ElectionState, rules: ReplacementRules, at: Instant): boolean {
  const since = restAt(election, rules)
  return since !== null && at >= since
}

/** When everybody will have been where it belongs for long enough; null: that takes an event. */
export function restAt({ contenders, vacated }: ElectionState, { minReady }: ReplacementRules): Instant | null {
  if (vacated.length > 0 || contenders.length === 0) return null
  let rest = 0
  for (const { state } of contenders) {
    if (state.is === 'main' || state.is === 'waiting') rest = Math.max(rest, state.since + minReady)
    else if (state.is === 'placing') rest = Math.max(rest, state.since + NO_PLACE_AFTER)
    else return null
  }
  return rest
}

/** Whom to tell first: a standby that is told last would be promoted for its last moments. */
export function stopOrder(election: ElectionState): number[] {
  const mains = election.contenders.filter(({ state }) => gripOf(state) !== null)
  const standbys = election.contenders.filter(({ state }) => gripOf(state) === null)
  return [...new Set([...workersOf(standbys), ...workersOf(mains)])]
}

export type SwitchPlan =
  | { readonly is: 'switch'; readonly worker: number; readonly follower: number; readonly slot: number }
  | { readonly is: 'refused'; readonly why: string }

/** A planned switch: this worker, or the main of the lowest slot that is ours, makes room for the standby that waits longest. */
export function planSwitch(election: ElectionState, worker: number | null): SwitchPlan {
  const mains = election.contenders
    .flatMap((one) => (isMain(one) ? [one] : []))
    .sort((a, b) => a.state.grip.slot - b.state.grip.slot)
  const main = worker === null ? mains[0] : mains.find((one) => one.worker === worker)
  if (main === undefined) {
    return { is: 'refused', why: worker === null ? 'no main works here' : `worker ${worker} is no main` }
  }
  const [follower] = queueOf(election)
  if (follower === undefined) return { is: 'refused', why: 'no standby of its own waits that could follow' }
  return { is: 'switch', worker: main.worker, follower: follower.worker, slot: main.state.grip.slot }
}

/** Ours in the queue, the one that waits longest first. */
export function queueOf(election: ElectionState): Contender[] {
  return election.contenders
    .flatMap((one) => (isWaiting(one) ? [one] : []))
    .sort((a, b) => a.state.ticket - b.state.ticket)
}

function isMain(one: Contender): one is Contender & { readonly state: ContenderIn<'main'> } {
  return one.state.is === 'main'
}

function isWaiting(one: Contender): one is Contender & { readonly state: ContenderIn<'waiting'> } {
  return one.state.is === 'waiting'
}

function workersOf(contenders: readonly Contender[]): number[] {
  return [...new Set(contenders.map(({ worker }) => worker))]
}
