import { describe, expect, it } from 'vitest'
import type { ServiceSpec } from '../../src/config/effective.ts'
import { SWEEP_GRACE } from '../../src/lifecycle/process-death.ts'
import type { ProcessEffect } from '../../src/lifecycle/process-effect.ts'
import type { ProcessEvent, ProcessEventName } from '../../src/lifecycle/process-event.ts'
import {
  deadlineOfProcess,
  identityOf,
  isAskedToStop,
  isServing,
  type ProcessExit,
  type ProcessState,
  type ProcessStateName,
  type ProcessStateOf,
} from '../../src/lifecycle/process-state.ts'
import { PROCESS_TABLE, RELOAD_ANSWER, seconds, stepProcess } from '../../src/lifecycle/process-transition.ts'
import { serviceSpec, step } from '../model/service-spec.ts'
import {
  allEvents,
  BOOTING,
  CANCELLING,
  EXIT,
  FINISHING,
  GONE,
  PROCESS,
  READY,
  RELOADING,
  representatives,
  SPAWNING,
  STOPPING,
  SWEEPING,
  WHY,
} from './representative-processes.ts'

function run(state: ProcessState, spec: ServiceSpec, ...events: ProcessEvent[]): [ProcessState, ProcessEffect[]] {
  const effects: ProcessEffect[] = []
  let now = state
  for (const event of events) {
    const [next, more] = stepProcess(now, event, spec)
    now = next
    effects.push(...more)
  }
  return [now, effects]
}

function expectState<S extends ProcessStateName>(state: ProcessState, is: S): ProcessStateOf<S> {
  expect(state.is).toBe(is)
  return state as ProcessStateOf<S>
}

const at = 5_000
const spec = serviceSpec()

describe('the table of a process', () => {
  const rows = Object.entries(PROCESS_TABLE)

  it('has a written answer for every state and event', () => {
    const events = new Set(allEvents(at).map(({ is }) => is))
    expect(rows.map(([name]) => name).sort()).toEqual([...new Set(representatives().map(({ is }) => is))].sort())
    for (const [, row] of rows) {
      expect(new Set(Object.keys(row))).toEqual(events)
      for (const answer of Object.values(row)) {
        if (typeof answer !== 'function') expect(answer.ignored).toMatch(/\w/)
      }
    }
  })

  it('never throws, and leaves the state as it is where it says so', () => {
    for (const state of representatives()) {
      for (const event of allEvents(at)) {
        const frozen = JSON.stringify(state)
        const [next, effects] = stepProcess(state, event, spec)
        const answer = PROCESS_TABLE[state.is][event.is]
        if (typeof answer !== 'function') {
          expect(next).toBe(state)
          expect(effects).toEqual([])
        }
        expect(JSON.stringify(state)).toBe(frozen)
        expect(JSON.parse(JSON.stringify(next))).toEqual(next)
      }
    }
  })

  it('takes an event that it does not know as none', () => {
    for (const state of representatives()) {
      expect(stepProcess(state, { is: 'unheard-of', at } as unknown as ProcessEvent, spec)).toEqual([state, []])
    }
  })

  it('has a deadline, or waits for what must come', () => {
    const waits: Partial<Record<ProcessStateName, ProcessEventName>> = {
      cancelling: 'spawn-cancelled',
      spawning: 'spawned',
      ready: 'exited',
      gone: 'exited',
    }
    for (const state of representatives()) {
      if (deadlineOfProcess(state) === null) expect(Object.keys(waits)).toContain(state.is)
    }
  })
})

describe('what a state says of itself', () => {
  it('serves when it takes new clients', () => {
    const serving = representatives().filter(isServing)
    expect(new Set(serving.map(({ is }) => is))).toEqual(new Set(['ready', 'reloading']))
  })

  it('has an identity from the spawn to the end', () => {
    expect(identityOf(SPAWNING)).toBeNull()
    expect(identityOf(GONE)).toBeNull()
    for (const state of [BOOTING, READY, RELOADING, FINISHING, STOPPING, SWEEPING])
      expect(identityOf(state)).toEqual(PROCESS)
  })

  it('knows whether it was asked to stop for good', () => {
    const [replaced] = run(READY, spec, { is: 'stop', at, why: { kind: 'replace', text: 'new generation' } })
    const [stopped] = run(replaced, spec, { is: 'stop', at, why: WHY })
    const [swept] = run(stopped, spec, { is: 'exited', at, code: 0, signal: null, leftover: true })
    expect([READY, CANCELLING, SWEEPING, GONE, replaced, stopped, swept].map(isAskedToStop)).toEqual([
      false,
      false,
      false,
      false,
      false,
      true,
      true,
    ])
  })
})

describe('start', () => {
  const spawned: ProcessEvent = { is: 'spawned', at, process: PROCESS }

  it('waits for readiness until the boot deadline', () => {
    const [state, effects] = run(SPAWNING, spec, spawned)
    expect(state).toEqual({ is: 'booting', process: PROCESS, since: at, deadline: at + 30_000 })
    expect(effects).toEqual([{ do: 'watch-readiness', process: PROCESS }])
  })

  it('is ready when it says so', () => {
    const [state, effects] = run(BOOTING, spec, { is: 'ready', at })
    expect(state).toEqual({ is: 'ready', process: PROCESS, readyAt: at })
    expect(effects).toEqual([{ do: 'forget-readiness' }, { do: 'became-ready' }])
  })

  it('is stopped when it never says so', () => {
    const { deadline } = BOOTING
    expect(run(BOOTING, spec, { is: 'tick', at: deadline - 1 })).toEqual([BOOTING, []])
    const [state, effects] = run(BOOTING, spec, { is: 'tick', at: deadline })
    expect(expectState(state, 'stopping').descent.why).toEqual({ kind: 'boot-timeout', text: 'not ready within 30s' })
    expect(effects.map((effect) => effect.do)).toEqual(['forget-readiness', 'tell-stop', 'signal'])
  })

  it('has more time when it asks for it', () => {
    const { deadline } = BOOTING
    const [more] = run(BOOTING, spec, { is: 'extend', at: deadline - 10, by: 500 })
    expect(expectState(more, 'booting').deadline).toBe(deadline + 490)
    const [less] = run(BOOTING, spec, { is: 'extend', at: at, by: 1 })
    expect(expectState(less, 'booting').deadline).toBe(deadline)
  })

  describe('with a delay instead of readiness', () => {
    const delayed = serviceSpec({ ready: { by: 'delay', delay: 1_000 } })

    it('is ready when it has lived so long', () => {
      const [booting, effects] = run(SPAWNING, delayed, spawned)
      expect(effects).toEqual([])
      expect(expectState(booting, 'booting').deadline).toBe(at + 1_000)
      const [state] = run(booting, delayed, { is: 'tick', at: at + 1_000 })
      expect(expectState(state, 'ready').readyAt).toBe(at + 1_000)
    })

    it('is not ready later for having asked for more time', () => {
      const [booting] = run(SPAWNING, delayed, spawned)
      expect(run(booting, delayed, { is: 'extend', at, by: 60_000 })).toEqual([booting, []])
    })

    it('is ready at once without a delay', () => {
      const [state, effects] = run(SPAWNING, serviceSpec({ ready: { by: 'delay', delay: 0 } }), spawned)
      expect(expectState(state, 'ready').readyAt).toBe(at)
      expect(effects).toEqual([{ do: 'became-ready' }])
    })
  })

  it('ends where it fails', () => {
    const [state, effects] = run(SPAWNING, spec, { is: 'spawn-failed', at, error: 'command not found' })
    expect(expectState(state, 'gone').exit).toMatchObject({
      spawnError: 'command not found',
      readyAt: null,
      asked: null,
    })
    expect(effects).toEqual([{ do: 'release' }])
  })

  describe('that is called back', () => {
    it.each([
      ['stop', 'TERM'],
      ['kill', 'KILL'],
    ] as const)('by %s ends, or takes the ladder if it came too late', (is, signal) => {
      const [state, effects] = run(SPAWNING, spec, { is, at, why: WHY })
      expect(state).toMatchObject({ is: 'cancelling', why: WHY })
      expect(effects).toEqual([{ do: 'cancel-spawn' }])
      const [gone, none] = run(state, spec, { is: 'spawn-cancelled', at })
      expect(expectState(gone, 'gone').exit).toMatchObject({ asked: WHY, spawnError: 'called back', readyAt: null })
      expect(none).toEqual([])
      const [stopping, more] = run(state, spec, spawned)
      expect(expectState(stopping, 'stopping').descent.why).toEqual(WHY)
      expect(more.at(-1)).toMatchObject({ do: 'signal', signal, process: PROCESS })
      const [failed] = run(state, spec, { is: 'spawn-failed', at, error: 'no such file' })
      expect(expectState(failed, 'gone').exit).toMatchObject({ asked: WHY, spawnError: 'no such file' })
    })

    it('may be called back for a graver reason, or harder', () => {
      const [stopped] = run(CANCELLING, spec, { is: 'stop', at, why: WHY })
      expect(stopped).toEqual({ ...CANCELLING, why: WHY })
      const [killed] = run(stopped, spec, { is: 'kill', at, why: { kind: 'replace', text: '' } })
      expect(killed).toMatchObject({ why: WHY, rungs: [{ signal: 'KILL' }] })
    })
  })
})

describe('death', () => {
  const exited: ProcessEvent = { is: 'exited', at, code: 1, signal: null, leftover: false }

  it.each([
    ['booting', BOOTING, { readyAt: null, announced: false, asked: null }],
    ['ready', READY, { readyAt: READY.readyAt, announced: false, asked: null }],
    ['reloading', RELOADING, { readyAt: RELOADING.readyAt, announced: false, asked: null }],
    ['finishing', FINISHING, { readyAt: FINISHING.readyAt, announced: true, asked: null }],
    ['stopping', STOPPING, { readyAt: STOPPING.readyAt, announced: false, asked: STOPPING.descent.why }],
  ] as const)('of one that is %s is remembered with its circumstances', (_, state, known) => {
    const [next, effects] = run(state, spec, exited)
    expect(expectState(next, 'gone').exit).toEqual({ at, code: 1, signal: null, spawnError: null, ...known })
    expect(effects.slice(-2)).toEqual([{ do: 'forget-readiness' }, { do: 'release' }])
  })

  describe('that leaves members of the group behind', () => {
    const leftover: ProcessEvent = { is: 'exited', at, code: null, signal: 'SEGV', leftover: true }

    it('waits until they are gone', () => {
      const [sweeping, effects] = run(READY, spec, leftover)
      expect(expectState(sweeping, 'sweeping')).toMatchObject({ step: 'term', deadline: at + SWEEP_GRACE })
      expect(effects).toEqual([{ do: 'forget-readiness' }, { do: 'watch-group', process: PROCESS }])
      const [gone, more] = run(sweeping, spec, { is: 'swept', at: at + 10 })
      expect(expectState(gone, 'gone').exit).toMatchObject({ at, signal: 'SEGV', readyAt: READY.readyAt })
      expect(more).toEqual([{ do: 'release' }])
    })

    it('kills them, and goes on without those that even so remain', () => {
      const [sweeping] = run(READY, spec, leftover)
      expect(run(sweeping, spec, { is: 'tick', at: at + SWEEP_GRACE - 1 })).toEqual([sweeping, []])
      const [killed, effects] = run(sweeping, spec, { is: 'tick', at: at + SWEEP_GRACE })
      expect(effects).toEqual([
        expect.objectContaining({ do: 'signal', signal: 'KILL', scope: 'group', process: PROCESS }),
      ])
      const [gone, more] = run(killed, spec, { is: 'tick', at: at + 2 * SWEEP_GRACE })
      expect(gone.is).toBe('gone')
      expect(more).toEqual([expect.objectContaining({ do: 'note', event: 'group-left-over' }), { do: 'release' }])
    })

    it.each(['hurry', 'kill'] as const)('kills them at once at %s', (is) => {
      const event: ProcessEvent = is === 'kill' ? { is, at, why: WHY } : { is, at }
      const [state, effects] = run(SWEEPING, spec, event)
      expect(expectState(state, 'sweeping').step).toBe('kill')
      expect(effects).toEqual([expect.objectContaining({ do: 'signal', signal: 'KILL' })])
    })

    it('does not care with `stop.group: false`', () => {
      const [state] = run(READY, serviceSpec({ stop: { group: false } }), leftover)
      expect(state.is).toBe('gone')
    })

    it('remembers a stop that comes meanwhile', () => {
      const exit: ProcessExit = { ...EXIT, asked: { kind: 'heartbeat', text: 'hung' } }
      for (const before of [SWEEPING, { ...SWEEPING, exit }]) {
        const [state] = run(before, spec, { is: 'stop', at, why: WHY })
        expect(expectState(state, 'sweeping').exit.asked).toEqual(WHY)
      }
    })
  })
})

describe('the end that a worker announces', () => {
  it('has the time that a stop would give it', () => {
    const [state, effects] = run(READY, spec, { is: 'finishing', at })
    expect(state).toEqual({ is: 'finishing', process: PROCESS, readyAt: READY.readyAt, deadline: at + 10_000 })
    expect(effects).toEqual([{ do: 'forget-readiness' }])
  })

  it('has the stop timeout where the ladder waits without end', () => {
    const never = serviceSpec({ stop: { signals: [step('TERM', null)], timeout: 7_000 } })
    const [state] = run(READY, never, { is: 'finishing', at })
    expect(expectState(state, 'finishing').deadline).toBe(at + 7_000)
  })

  it.each(['tick', 'hurry'] as const)('is shown the way at %s', (is) => {
    const event: ProcessEvent = { is, at: FINISHING.deadline }
    const [state] = run(FINISHING, spec, event)
    expect(expectState(state, 'stopping')).toMatchObject({ announced: true, descent: { why: { kind: 'replace' } } })
  })

  it('has more time when it asks for it, and none before', () => {
    expect(run(FINISHING, spec, { is: 'tick', at: FINISHING.deadline - 1 })[0]).toBe(FINISHING)
    const [state] = run(FINISHING, spec, { is: 'extend', at, by: 60_000 })
    expect(expectState(state, 'finishing').deadline).toBe(at + 60_000)
  })

  it('may come while it is asked to stop, or while it boots', () => {
    expect(expectState(run(STOPPING, spec, { is: 'finishing', at })[0], 'stopping').announced).toBe(true)
    expect(expectState(run(BOOTING, spec, { is: 'finishing', at })[0], 'finishing').readyAt).toBeNull()
  })

  it('is remembered when a stop, a kill or a hang ends it', () => {
    const hanging = serviceSpec({ heartbeat: { interval: 1, timeout: 10, signals: [step('KILL', 10)] } })
    const overdue: ProcessEvent = { is: 'overdue', at, which: 'heartbeat', late: 1 }
    for (const event of [{ is: 'stop', at, why: WHY }, { is: 'kill', at, why: WHY }, overdue] as const) {
      expect(expectState(run(FINISHING, hanging, event)[0], 'stopping').announced).toBe(true)
    }
  })
})

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

describe('a time for people', () => {
  it.each([
    [30_000, '30s'],
    [1_540, '1.5s'],
    [40, '0s'],
  ])('%i ms is %s', (millis, text) => {
    expect(seconds(millis)).toBe(text)
  })
})
