import { describe, expect, it } from 'vitest'
import { freshVitals, heard, overdue, shifted } from '../../src/lifecycle/heartbeat.ts'
import { serviceSpec, step } from '../model/service-spec.ts'

const GAP = 120_000
const spec = serviceSpec({
  heartbeat: { interval: 1_000, timeout: 3_000, signals: [step('KILL', 1_000)] },
  requestTimeout: 30_000,
})
const start = 1_000_000
const fresh = freshVitals(start, spec)

describe('a heartbeat', () => {
  it('is due one timeout after ready, and late from then on', () => {
    expect(overdue(fresh, start + 3_000, spec)).toBeNull()
    expect(overdue(fresh, start + 3_001, spec)).toEqual({ which: 'heartbeat', late: 1 })
  })

  it('moves its deadline to what the worker wrote', () => {
    const beat = heard(fresh, start + 5_000, null)
    expect(overdue(beat, start + 5_000, spec)).toBeNull()
    expect(overdue(beat, start + 5_500, spec)).toEqual({ which: 'heartbeat', late: 500 })
  })

  it('is not moved back by an old word, or by none', () => {
    expect(heard(fresh, start + 10, null)).toBe(fresh)
    expect(heard(fresh, 0, 0)).toBe(fresh)
  })

  it('does not count where none is asked for', () => {
    const without = serviceSpec()
    const vitals = freshVitals(start, without)
    expect(overdue(heard(vitals, 1, 1), start + GAP, without)).toBeNull()
  })
})

describe('a request', () => {
  const alive = heard(fresh, start + GAP * 10, null)

  it('is late from its deadline on', () => {
    const working = heard(alive, 0, start + 30_000)
    expect(overdue(working, start + 30_000, spec)).toBeNull()
    expect(overdue(working, start + 30_001, spec)).toEqual({ which: 'request', late: 1 })
  })

  it('is over when the worker says so, as null or as 0', () => {
    for (const none of [null, 0]) {
      expect(overdue(heard(heard(alive, 0, start + 30_000), 0, none), start + GAP, spec)).toBeNull()
    }
  })

  it('yields to the heartbeat, which says more', () => {
    const both = heard(fresh, 0, start + 1)
    expect(overdue(both, start + GAP, spec)?.which).toBe('heartbeat')
  })
})

describe('when the supervisor did not run for a while', () => {
  it('all deadlines move by that', () => {
    const vitals = shifted(heard(fresh, 0, start + 2_000), GAP)
    expect(overdue(vitals, start + GAP + 2_000, spec)).toBeNull()
    expect(overdue(vitals, start + GAP + 2_001, spec)).toEqual({ which: 'request', late: 1 })
    expect(overdue(vitals, start + GAP + 3_001, spec)).toEqual({ which: 'heartbeat', late: 1 })
  })

  it('a word from before, read only afterwards, is not held against the worker', () => {
    // Worker and supervisor were stopped together, right after the worker had written and before anybody read it.
    const written = start + 1_000
    const back = heard(shifted(fresh, GAP), written + 3_000, written + 2_000)
    expect(overdue(back, written + GAP + 1_000, spec)).toBeNull()
    expect(overdue(back, written + GAP + 2_001, spec)).toEqual({ which: 'request', late: 1 })
    expect(overdue(heard(back, 0, null), written + GAP + 3_001, spec)).toEqual({ which: 'heartbeat', late: 1 })
  })

  it('a word written since counts as it stands', () => {
    const looked = heard(shifted(fresh, GAP), 0, null)
    const now = start + GAP + 10
    const beat = heard(looked, now + 3_000, now + 1_000)
    expect(overdue(beat, now + 1_001, spec)).toEqual({ which: 'request', late: 1 })
    expect(overdue(heard(beat, 0, null), now + 3_001, spec)).toEqual({ which: 'heartbeat', late: 1 })
  })

  it('two gaps without a word between them add up', () => {
    const vitals = shifted(shifted(fresh, GAP), GAP)
    expect(overdue(vitals, start + 2 * GAP + 3_000, spec)).toBeNull()
  })
})
