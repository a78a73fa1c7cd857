import { describe, expect, it } from 'vitest'
import type { ProcessEffect } from '../../src/lifecycle/process-effect.ts'
import type { ProcessEvent } from '../../src/lifecycle/process-event.ts'
import type { ProcessState } from '../../src/lifecycle/process-state.ts'
import { RELOAD_ANSWER } from '../../src/lifecycle/process-transition.ts'
import { serviceSpec, step } from '../model/service-spec.ts'
import { at, expectState, run, spec } from './process-run.ts'
import { BOOTING, FINISHING, PROCESS, READY, RELOADING, STOPPING, WHY } from './representative-processes.ts'

describe('a worker that hangs', () => {
  const hanging = serviceSpec({
    heartbeat: { interval: 1_000, timeout: 5_000, signals: [step('ABRT', 1_000), step('KILL', 1_000)] },
    requestTimeout: 30_000,
  })

  it('gets the signals of its heartbeat', () => {
    const [state, effects] = run(READY, hanging, { is: 'overdue', at, which: 'heartbeat', late: 250 })
    expect(expectState(state, 'stopping').descent.why).toEqual({
      kind: 'heartbeat',
      text: 'no heartbeat for 5.3s (timeout 5s)',
    })
    expect(effects.at(-1)).toMatchObject({ do: 'signal', signal: 'ABRT' })
  })

  it('is ended for a request that takes too long', () => {
    const [state] = run(READY, hanging, { is: 'overdue', at, which: 'request', late: 1 })
    expect(expectState(state, 'stopping').descent.why).toEqual({
      kind: 'request',
      text: 'a request took longer than 30s',
    })
  })

  it('ends a reload with that', () => {
    const [state, effects] = run(RELOADING, hanging, { is: 'overdue', at, which: 'heartbeat', late: 1 })
    expect(state.is).toBe('stopping')
    expect(effects[0]).toEqual({ do: 'reload-done', error: 'it hung' })
  })

  it.each(['heartbeat', 'request'] as const)(
    'is left alone when the %s deadline was switched off meanwhile',
    (which) => {
      for (const state of [READY, RELOADING, FINISHING]) {
        expect(run(state, spec, { is: 'overdue', at, which, late: 1 })).toEqual([state, []])
      }
    },
  )
})

describe('reload', () => {
  const bySignal = serviceSpec({ reload: { by: 'signal', signal: 'HUP', timeout: 20_000 } })
  const byCommand = serviceSpec({ reload: { by: 'command', command: ['reload'], timeout: 20_000 } })
  const sent: ProcessEvent = { is: 'reload-sent', at: at + 5, error: null }

  it('begins when it is asked, and fails at its deadline', () => {
    const [state, effects] = run(READY, byCommand, { is: 'reload', at })
    expect(state).toMatchObject({ is: 'reloading', readyAt: READY.readyAt, deadline: at + 20_000 })
    expect(effects).toEqual([{ do: 'send-reload', process: PROCESS }])
    expect(run(state, byCommand, { is: 'tick', at: at + 19_999 })).toEqual([state, []])
    const [ready, more] = run(state, byCommand, { is: 'tick', at: at + 20_000 })
    expect(ready).toEqual(READY)
    expect(more).toEqual([{ do: 'reload-done', error: 'not done within 20s' }])
  })

  it('is done when its command has ended', () => {
    const [state, effects] = run(READY, byCommand, { is: 'reload', at }, sent)
    expect(state).toEqual(READY)
    expect(effects.at(-1)).toEqual({ do: 'reload-done', error: null })
  })

  it('fails with its command', () => {
    const [, effects] = run(READY, byCommand, { is: 'reload', at }, { ...sent, error: 'exited with code 1' })
    expect(effects.at(-1)).toEqual({ do: 'reload-done', error: 'exited with code 1' })
  })

  it('by signal is done at once with workers that answer nothing', () => {
    const silent = serviceSpec({ reload: bySignal.reload, ready: { by: 'delay', delay: 0 } })
    const [state, effects] = run(READY, silent, { is: 'reload', at }, sent)
    expect(state).toEqual(READY)
    expect(effects.at(-1)).toEqual({ do: 'reload-done', error: null })
  })

  it('by signal waits a moment for RELOADING=1', () => {
    const [state] = run(READY, bySignal, { is: 'reload', at }, sent)
    expect(expectState(state, 'reloading').deadline).toBe(at + 5 + RELOAD_ANSWER)
    const [ready, effects] = run(state, bySignal, { is: 'tick', at: at + 5 + RELOAD_ANSWER })
    expect(ready).toEqual(READY)
    expect(effects).toEqual([{ do: 'reload-done', error: null }])
  })

  it('that was announced waits for READY=1', () => {
    for (const events of [
      [sent, { is: 'reloading', at: at + 6 }],
      [{ is: 'reloading', at: at + 4 }, sent],
    ] as ProcessEvent[][]) {
      const [state] = run(READY, bySignal, { is: 'reload', at }, ...events)
      expect(expectState(state, 'reloading').deadline).toBeGreaterThan(at + 20_000)
      const [ready, effects] = run(state, bySignal, { is: 'ready', at: at + 50 })
      expect(ready).toEqual(READY)
      expect(effects).toEqual([{ do: 'reload-done', error: null }])
      const [, late] = run(state, bySignal, { is: 'tick', at: at + 30_000 })
      expect(late).toEqual([{ do: 'reload-done', error: 'not done within 20s' }])
    }
  })

  it('may be the wish of the worker itself', () => {
    const [state, effects] = run(READY, spec, { is: 'reloading', at })
    expect(state).toMatchObject({ is: 'reloading', announced: true, deadline: at + 30_000 })
    expect(effects).toEqual([])
    const [longer] = run(state, spec, { is: 'extend', at, by: 40_000 })
    expect(expectState(longer, 'reloading').deadline).toBe(at + 40_000)
  })

  it.each<[string, ProcessEvent]>([
    ['a stop', { is: 'stop', at, why: WHY }],
    ['a kill', { is: 'kill', at, why: WHY }],
    ['its end', { is: 'finishing', at }],
    ['its death', { is: 'exited', at, code: 1, signal: null, leftover: false }],
  ])('is over with %s', (_, event) => {
    const [, effects] = run(RELOADING, spec, event)
    expect(effects[0]).toEqual({ do: 'reload-done', error: expect.any(String) })
  })
})

describe('stop', () => {
  it('tells the worker, then takes the ladder', () => {
    const [state, effects] = run(READY, spec, { is: 'stop', at, why: WHY })
    expect(state).toMatchObject({
      is: 'stopping',
      readyAt: READY.readyAt,
      announced: false,
      descent: { rung: 0, rungEndsAt: at + 10_000 },
    })
    expect(effects).toEqual([
      { do: 'forget-readiness' },
      { do: 'tell-stop', reason: WHY.text, deadlineIn: 10_000 },
      { do: 'signal', process: PROCESS, signal: 'TERM', scope: 'group', why: WHY.text },
    ])
  })

  it('steps down with time, or when it is hurried', () => {
    for (const event of [
      { is: 'tick', at: at + 10_000 },
      { is: 'hurry', at: at + 1 },
    ] as const) {
      const [state] = run(READY, spec, { is: 'stop', at, why: WHY })
      const [, effects] = run(state, spec, event)
      expect(effects).toEqual([expect.objectContaining({ do: 'signal', signal: 'KILL' })])
    }
  })

  it('gives more time when it is asked for it, but not in overtime or where there is no end', () => {
    const [longer] = run(STOPPING, spec, { is: 'extend', at, by: 60_000 })
    expect(expectState(longer, 'stopping').descent.rungEndsAt).toBe(at + 60_000)
    const { descent } = STOPPING
    for (const change of [{ rungEndsAt: null }, { overtime: 1 }]) {
      const state: ProcessState = { ...STOPPING, descent: { ...descent, ...change } }
      expect(run(state, spec, { is: 'extend', at, by: 60_000 })).toEqual([state, []])
    }
  })

  it('for good outranks a replacement, and that a deadline', () => {
    const hung = { kind: 'heartbeat', text: 'hung' } as const
    const replace = { kind: 'replace', text: 'new' } as const
    const why = (...reasons: (typeof WHY | typeof hung | typeof replace)[]) => {
      const [state] = run(READY, spec, ...reasons.map((reason) => ({ is: 'stop', at, why: reason }) as const))
      return expectState(state, 'stopping').descent.why
    }
    expect(why(hung, replace)).toEqual(replace)
    expect(why(replace, hung)).toEqual(replace)
    expect(why(replace, WHY)).toEqual(WHY)
    expect(why(WHY, replace)).toEqual(WHY)
  })

  it('of one that drains is no longer than any stop', () => {
    const replace = { kind: 'replace', text: 'new' } as const
    const signals = [step('TERM', 5_000), step('KILL', 1_000)]
    const descents = (stop: Parameters<typeof serviceSpec>[0] & object, ticks: number, wait: number) => {
      const slow = serviceSpec(stop)
      const [drains] = run(
        READY,
        slow,
        { is: 'stop', at, why: replace },
        ...Array.from({ length: ticks }, (_, count) => ({ is: 'tick', at: at + wait * (count + 1) }) as const),
      )
      const [stops] = run(drains, slow, { is: 'stop', at: at + wait * ticks + 100, why: WHY })
      return [drains, stops].map((state) => expectState(state, 'stopping').descent)
    }
    const [drains, stops] = descents({ stop: { drainTimeout: 60_000, signals } }, 0, 0)
    expect(drains).toMatchObject({ rungEndsAt: at + 60_000 })
    expect(stops).toMatchObject({ why: WHY, rungEndsAt: at + 5_100, rungs: [{ wait: 5_000 }, { wait: 1_000 }] })
    // Still at the file: what follows is shortened. At KILL: that was no longer anyway.
    const withFile = { stop: { drainTimeout: 60_000, signals, file: '/run/stop', fileTimeout: 9_000 } }
    expect(descents(withFile, 0, 0)[1]).toMatchObject({ rungEndsAt: at + 9_000, rungs: [{}, { wait: 5_000 }, {}] })
    const atKill = descents({ stop: { drainTimeout: 60_000, signals } }, 1, 60_000)
    expect(atKill[1]).toMatchObject({ rung: 1, rungEndsAt: atKill[0]?.rungEndsAt })
    // Draining is not longer: nothing changes but the reason.
    const [usual, same] = descents({ stop: { signals } }, 0, 0)
    expect(same).toEqual({ ...usual, why: WHY })
  })

  it.each([
    ['booting', BOOTING],
    ['ready', READY],
    ['finishing', FINISHING],
    ['stopping', STOPPING],
  ] as const)('at once kills one that is %s', (_, before) => {
    const [state, effects] = run(before, spec, { is: 'kill', at, why: WHY })
    expect(expectState(state, 'stopping').descent).toMatchObject({ why: WHY, rung: 0, rungs: [{ signal: 'KILL' }] })
    expect(effects.at(-1)).toMatchObject({ do: 'signal', signal: 'KILL' })
  })

  describe('with a stop file', () => {
    const withFile = serviceSpec({ stop: { file: '/run/stop-%p', fileTimeout: 2_000 } })
    const removed: ProcessEffect = { do: 'remove-stop-file', process: PROCESS, path: '/run/stop-%p' }

    it('removes it when the process is dead', () => {
      const [, effects] = run(
        READY,
        withFile,
        { is: 'stop', at, why: WHY },
        { is: 'exited', at, code: 0, signal: null, leftover: false },
      )
      expect(effects.filter(({ do: what }) => what.endsWith('stop-file'))).toEqual([
        { ...removed, do: 'make-stop-file' },
        removed,
      ])
    })

    it('removes it once, also when the process was killed', () => {
      const exited: ProcessEvent = { is: 'exited', at, code: null, signal: 'KILL', leftover: false }
      const [, effects] = run(READY, withFile, { is: 'stop', at, why: WHY }, { is: 'kill', at, why: WHY }, exited)
      expect(effects.filter(({ do: what }) => what === 'remove-stop-file')).toEqual([removed])
    })
  })
})
