// A contender in each of its states, and one event of each kind.
import type { ContenderEvent } from '../../src/election/contender-event.ts'
import type { ContenderContext, ContenderState } from '../../src/election/contender-state.ts'

export const at = 10_000
export const GRIP = { slot: 0, token: '1000000007' }
const since = 1_000
const why = 'because'

export const WARM: ContenderContext = { warm: true, hasPlaces: true, ticket: 3 }
export const COLD: ContenderContext = { warm: false, hasPlaces: true, ticket: 3 }
export const ALONE: ContenderContext = { warm: true, hasPlaces: false, ticket: 3 }

export function allStates(): ContenderState[] {
  return [
    { is: 'acquiring', since, deadline: 6_000 },
    { is: 'acquiring', since, deadline: 20_000 },
    { is: 'placing', since },
    { is: 'booting', since },
    { is: 'waiting', since, ticket: 1, warm: true },
    { is: 'waiting', since, ticket: 2, warm: false },
    { is: 'promoting', since, grip: GRIP },
    { is: 'main', since, grip: GRIP },
    { is: 'draining', since, grip: GRIP, why },
    { is: 'lost', since, grip: GRIP, why },
    { is: 'releasing', since, grip: GRIP, why },
    { is: 'leaving', since, why },
    { is: 'ended', since, why },
  ]
}

export function allEvents(): ContenderEvent[] {
  const grip = { slot: 0, token: '1000000008' }
  const stranger = { pid: 77, command: 'sleep 1000' }
  return [
    { is: 'acquired', at, grip, told: true },
    { is: 'acquired', at, grip, told: false },
    { is: 'busy', at, heldBy: [] },
    { is: 'busy', at, heldBy: [stranger] },
    { is: 'placed', at },
    { is: 'wait-failed', at, why, mistaken: false },
    { is: 'wait-failed', at, why, mistaken: true },
    { is: 'spawned', at },
    { is: 'ready', at },
    { is: 'exited', at, why },
    { is: 'reaped', at, why },
    { is: 'stop', at, why },
    { is: 'lost', at, why },
    { is: 'released', at, heldBy: [] },
    { is: 'released', at, heldBy: [stranger] },
    { is: 'tick', at },
  ]
}
