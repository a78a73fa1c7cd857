import { describe, expect, it } from 'vitest'
import type { ProcessEffect } from '../../src/lifecycle/process-effect.ts'
import type { Descent, StopReason } from '../../src/lifecycle/process-state.ts'
import {
  beginDescent,
  continueDescent,
  drainsLonger,
  killLadder,
  ladderFor,
  OVERTIME,
  type Rung,
  stepDown,
  timeUntilKill,
} from '../../src/lifecycle/stop-ladder.ts'
import { serviceSpec, step } from '../model/service-spec.ts'
import { PROCESS, WHY } from './representative-processes.ts'

const HUNG: StopReason = { kind: 'heartbeat', text: 'no heartbeat' }

function signalRung(signal: string, wait: number | null, more: Partial<Rung & { by: 'signal' }> = {}): Rung {
  return { by: 'signal', scope: 'group', ...step(signal, wait), ...more }
}

/** What happens until `end`, each moment with what is sent: `[0, 'TERM'], [10000, 'KILL'] …`. */
function climbDown(rungs: readonly Rung[], end: number, hurryAt: readonly number[] = []): [number, string][] {
  const seen: [number, string][] = []
  const note = (at: number, effects: readonly ProcessEffect[]) => {
    for (const effect of effects) seen.push([at, 'signal' in effect ? effect.signal : effect.do])
  }
  let [descent, effects] = beginDescent(PROCESS, WHY, rungs, 0)
  note(0, effects)
  const hurries = [...hurryAt]
  for (;;) {
    const hurry = hurries[0] ?? Number.POSITIVE_INFINITY
    const at = Math.min(descent.rungEndsAt ?? end + 1, descent.resend?.at ?? end + 1, hurry)
    if (at > end) return seen
    if (at === hurry) hurries.shift()
    ;[descent, effects] = at === hurry ? stepDown(descent, PROCESS, at) : continueDescent(descent, PROCESS, at)
    note(at, effects)
  }
}

describe('the ladder of a service', () => {
  it('is file, command, signals, each with its own wait', () => {
    const spec = serviceSpec({
      stop: {
        file: '/stop',
        fileTimeout: 3_000,
        command: ['bye'],
        timeout: 4_000,
        signals: [step('QUIT', 5_000), step('KILL', 1_000)],
      },
    })
    expect(ladderFor(WHY, spec)).toEqual([
      { by: 'file', path: '/stop', wait: 3_000 },
      { by: 'command', command: ['bye'], wait: 4_000 },
      signalRung('QUIT', 5_000),
      signalRung('KILL', 1_000),
    ])
  })

  it('is of signals alone where nobody will take the second step', () => {
    const spec = serviceSpec({
      stop: { file: '/stop', fileTimeout: 3_000, command: ['bye'], signals: [step('QUIT', 5)] },
    })
    const onlySignals = true as const
    expect(ladderFor({ ...WHY, onlySignals, longer: 10 }, spec)).toEqual([signalRung('QUIT', 15)])
    expect(ladderFor({ ...WHY, onlySignals }, spec)).toEqual([signalRung('QUIT', 5)])
  })

  it('has another first wait for one that is replaced, and a longer or shorter one where that is asked', () => {
    const signals = [step('QUIT', 5_000), step('TERM', 2_000), step('KILL', 1_000)]
    const spec = serviceSpec({ stop: { drainTimeout: 60_000, signals } })
    const waits = (why: StopReason, of = spec) => ladderFor(why, of).map(({ wait }) => wait)
    const replaced = { kind: 'replace', text: '' } as const
    expect(waits(WHY)).toEqual([5_000, 2_000, 1_000])
    expect(waits(replaced)).toEqual([60_000, 2_000, 1_000])
    expect(waits(replaced, serviceSpec({ stop: { signals } }))).toEqual([5_000, 2_000, 1_000])
    expect(waits({ ...WHY, longer: 500 })).toEqual([5_500, 2_000, 1_000])
    expect(waits({ ...WHY, longer: -6_000 })).toEqual([0, 2_000, 1_000])
    const patient = serviceSpec({ stop: { drainTimeout: 60_000, signals: [step('TERM', null)] } })
    expect(waits({ ...WHY, longer: 500 }, patient)).toEqual([null])
    expect([spec, patient, serviceSpec({ stop: { signals } })].map(drainsLonger)).toEqual([55_000, 0, 0])
  })

  it('goes to the process alone with `stop.group: false`', () => {
    const spec = serviceSpec({ stop: { group: false } })
    for (const rung of [...ladderFor(WHY, spec), ...killLadder(spec)]) expect(rung).toMatchObject({ scope: 'process' })
  })

  it('is the one of the heartbeat for a worker that hangs, where there is one', () => {
    const heartbeat = { interval: 1, timeout: 3, signals: [step('ABRT', 100)] }
    expect(ladderFor(HUNG, serviceSpec({ heartbeat }))).toEqual([signalRung('ABRT', 100)])
    expect(ladderFor({ kind: 'request', text: '' }, serviceSpec({ heartbeat }))).toEqual([signalRung('ABRT', 100)])
    expect(ladderFor({ kind: 'request', text: '' }, serviceSpec())).toMatchObject([
      { signal: 'TERM' },
      { signal: 'KILL' },
    ])
    expect(ladderFor({ kind: 'boot-timeout', text: '' }, serviceSpec({ heartbeat }))).toMatchObject([
      { signal: 'TERM' },
      { signal: 'KILL' },
    ])
  })

  it('is KILL alone where nothing else is wanted', () => {
    expect(killLadder(serviceSpec())).toEqual([signalRung('KILL', OVERTIME)])
  })
})

describe('the time until KILL', () => {
  it.each<[string, Rung[], number | null]>([
    [
      'adds up what comes before',
      [{ by: 'file', path: '/stop', wait: 100 }, signalRung('TERM', 1_000), signalRung('KILL', 7)],
      1_100,
    ],
    ['is none for KILL at once', [signalRung('KILL', 7)], 0],
    ['has no end with `never`', [signalRung('TERM', null), signalRung('KILL', 7)], null],
    ['is all of it without KILL', [signalRung('TERM', 1_000), signalRung('INT', 1)], 1_001],
  ])('%s', (_, rungs, expected) => {
    expect(timeUntilKill(rungs)).toBe(expected)
  })
})

describe('the way down', () => {
  it('takes every rung in its time, then the last again and again', () => {
    const rungs: Rung[] = [
      { by: 'file', path: '/stop', wait: 100 },
      { by: 'command', command: ['bye'], wait: 200 },
      signalRung('TERM', 300),
      signalRung('KILL', 400),
    ]
    expect(climbDown(rungs, 1_000 + 2 * OVERTIME)).toEqual([
      [0, 'make-stop-file'],
      [100, 'run-stop-command'],
      [300, 'TERM'],
      [600, 'KILL'],
      [1_000, 'KILL'],
      [1_000, 'note'],
      [1_000 + OVERTIME, 'KILL'],
      [1_000 + OVERTIME, 'note'],
      [1_000 + 2 * OVERTIME, 'KILL'],
      [1_000 + 2 * OVERTIME, 'note'],
    ])
  })

  it('sends again and again, at growing intervals, until the rung ends', () => {
    const rungs = [signalRung('TERM', 100, { every: 10, increment: 20 }), signalRung('KILL', 1_000)]
    expect(climbDown(rungs, 500)).toEqual([
      [0, 'TERM'],
      [10, 'TERM'],
      [40, 'TERM'],
      [90, 'TERM'],
      [100, 'KILL'],
    ])
  })

  it('sends for ever on a rung without end', () => {
    const rungs = [signalRung('TERM', null, { every: 100 })]
    expect(climbDown(rungs, 350)).toEqual([
      [0, 'TERM'],
      [100, 'TERM'],
      [200, 'TERM'],
      [300, 'TERM'],
    ])
  })

  it('waits for ever where it is told to, and only a hurry goes on', () => {
    const rungs = [signalRung('TERM', null), signalRung('QUIT', null)]
    expect(climbDown(rungs, 1_000_000)).toEqual([[0, 'TERM']])
    expect(climbDown(rungs, 1_000_000, [500, 600])).toEqual([
      [0, 'TERM'],
      [500, 'QUIT'],
      [600, 'QUIT'],
      [600, 'note'],
    ])
  })

  it('is shortened by a hurry', () => {
    const rungs = [signalRung('TERM', 10_000), signalRung('KILL', 10_000)]
    expect(climbDown(rungs, 9_000, [50])).toEqual([
      [0, 'TERM'],
      [50, 'KILL'],
    ])
  })

  it('says on the journal that a signal is sent again', () => {
    const [descent] = beginDescent(PROCESS, WHY, [signalRung('TERM', 100, { every: 10 })], 0)
    expect(continueDescent(descent, PROCESS, 10)[1]).toEqual([
      expect.objectContaining({ why: 'stopped by the operator, again' }),
    ])
  })

  it('does nothing before its time', () => {
    const [descent] = beginDescent(PROCESS, WHY, [signalRung('TERM', 100, { every: 50 })], 0)
    expect(continueDescent(descent, PROCESS, 49)).toEqual([descent, []])
  })

  it('ends in KILL where nobody gave a ladder', () => {
    expect(beginDescent(PROCESS, WHY, [], 0)[1]).toEqual([expect.objectContaining({ do: 'signal', signal: 'KILL' })])
    const lost: Descent = { why: WHY, rungs: [], rung: 0, rungEndsAt: null, resend: { at: 1, every: 1 }, overtime: 0 }
    expect(continueDescent(lost, PROCESS, 5)).toEqual([lost, []])
  })
})
