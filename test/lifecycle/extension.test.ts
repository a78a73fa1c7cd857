// EXTEND_TIMEOUT_USEC, with the semantics of systemd and an upper bound: nothing hangs unseen.
import { describe, expect, it } from 'vitest'
import { deadlineOfProcess } from '../../src/lifecycle/process-state.ts'
import { LONGEST_EXTENSION } from '../../src/lifecycle/process-transition.ts'
import { at, run, spec } from './process-run.ts'
import { BOOTING, FINISHING, RELOADING, STOPPING } from './representative-processes.ts'

const TEN_YEARS = 10 * 365 * 86_400_000

describe.each([
  ['booting', BOOTING],
  ['reloading', RELOADING],
  ['finishing', FINISHING],
  ['stopping', STOPPING],
] as const)('a worker that is %s and asks for more time', (_, state) => {
  it('gets no more than an hour at once, whatever it asks for', () => {
    const [longer] = run(state, spec, { is: 'extend', at, by: TEN_YEARS })
    expect(deadlineOfProcess(longer)).toBe(at + LONGEST_EXTENSION)
  })

  it('gets as much again each time it asks', () => {
    const later = at + LONGEST_EXTENSION - 1
    const [longer] = run(state, spec, { is: 'extend', at, by: TEN_YEARS }, { is: 'extend', at: later, by: TEN_YEARS })
    expect(deadlineOfProcess(longer)).toBe(later + LONGEST_EXTENSION)
  })

  it('is dealt with as soon as it has stopped asking for that long', () => {
    const [longer] = run(state, spec, { is: 'extend', at, by: 60_000 })
    const [before, none] = run(longer, spec, { is: 'tick', at: at + 59_999 })
    expect([before, none]).toEqual([longer, []])
    const [after] = run(longer, spec, { is: 'tick', at: at + 60_000 })
    expect(after).not.toEqual(longer)
  })
})
