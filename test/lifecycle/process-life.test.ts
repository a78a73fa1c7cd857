import { describe, expect, it } from 'vitest'
import { SWEEP_GRACE } from '../../src/lifecycle/process-death.ts'
import type { ProcessEvent } from '../../src/lifecycle/process-event.ts'
import type { ProcessExit } from '../../src/lifecycle/process-state.ts'
import { serviceSpec, step } from '../model/service-spec.ts'
import { at, expectState, run, spec } from './process-run.ts'
import {
  BOOTING,
  CANCELLING,
  EXIT,
  FINISHING,
  PROCESS,
  READY,
  RELOADING,
  SPAWNING,
  STOPPING,
  SWEEPING,
  WHY,
} from './representative-processes.ts'

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

    it('has no longer than any stop, once it is to stop for good', () => {
      const slow = serviceSpec({ stop: { drainTimeout: 60_000 } })
      const replaced = { is: 'stop', at, why: { kind: 'replace', text: 'new' } } as const
      const stopped = { is: 'stop', at, why: WHY } as const
      const waits = (...events: ProcessEvent[]) => {
        const [state] = run(SPAWNING, slow, ...events)
        return expectState(state, 'cancelling').rungs.map(({ wait }) => wait)
      }
      expect(waits(replaced)).toEqual([60_000, expect.any(Number)])
      expect(waits(replaced, stopped)).toEqual(waits(stopped))
      const kill = { ...replaced, is: 'kill' } as const
      expect(waits(replaced, kill, stopped)).toEqual(waits(kill))
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
    expect(effects).toEqual([{ do: 'forget-readiness' }, { do: 'announced-end' }])
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
