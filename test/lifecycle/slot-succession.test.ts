import { describe, expect, it } from 'vitest'
import type { SlotEvent } from '../../src/lifecycle/slot-event.ts'
import type { SlotContext, SlotPhaseName, SlotState } from '../../src/lifecycle/slot-state.ts'
import { BOOTING, EXIT, FINISHING, READY, SPAWNING, STOPPING, SWEEPING, WHY } from './representative-processes.ts'
import {
  coming,
  contextOf,
  draining,
  REPLACE,
  representativePhases,
  running,
  slotIn,
  starting,
  stopping,
} from './representative-slots.ts'
import { at, deeds, dies, happens, run } from './slot-run.ts'

describe('retire', () => {
  it('makes room for the planner to fill', () => {
    const [slot] = run(slotIn(running(), { failures: 2 }), contextOf(), { is: 'retire', at, why: REPLACE })
    expect(slot.phase).toMatchObject({ is: 'stopping', next: 'vacant' })
    const [empty, effects] = run(slot, contextOf(), dies(1, 0))
    expect(empty).toMatchObject({ phase: { is: 'stopped', why: 'makes room for its successor' }, failures: 0 })
    expect(deeds(effects)).toEqual(['1: forget-readiness', '1: release'])
  })

  it('keeps the failures of one that was not sound', () => {
    const [slot] = run(slotIn(starting(), { failures: 2 }), contextOf(), { is: 'retire', at, why: REPLACE }, dies(1))
    expect(slot).toMatchObject({ phase: { is: 'stopped' }, failures: 2 })
  })

  it('lets a predecessor drain on, and drops a successor', () => {
    const [drains] = run(slotIn(running(), { other: draining(FINISHING) }), contextOf(), {
      is: 'retire',
      at,
      why: REPLACE,
    })
    expect(drains.other?.live.state).toEqual(FINISHING)
    const [dropped] = run(slotIn(running(), { other: coming(READY) }), contextOf(), { is: 'retire', at, why: REPLACE })
    expect(dropped.other).toMatchObject({ is: 'draining', live: { state: { is: 'stopping' } } })
  })

  it('turns a hung worker into room', () => {
    const [slot] = run(slotIn(stopping('decide')), contextOf(), { is: 'retire', at, why: REPLACE }, dies(1))
    expect(slot.phase.is).toBe('stopped')
  })

  it('empties what has ended or waits, and keeps the count', () => {
    for (const phase of representativePhases().filter(({ is }) => ['backoff', 'exited', 'fatal'].includes(is))) {
      const [slot] = run(slotIn(phase, { failures: 3 }), contextOf(), { is: 'retire', at, why: REPLACE })
      expect(slot).toMatchObject({ phase: { is: 'stopped', why: REPLACE.text }, failures: 3 })
    }
  })
})

describe('a successor beside the worker in service', () => {
  const beside = (state = coming(READY)) => slotIn(running(), { other: state })

  it('starts on trial, one at a time', () => {
    const [slot, effects] = run(slotIn(running()), contextOf(), { is: 'start-beside', at, generation: 2 })
    expect(slot.other).toEqual({
      is: 'coming',
      live: { number: 3, generation: 2, trial: true, state: { is: 'spawning' } },
    })
    expect(deeds(effects)).toEqual(['spawn 3 of generation 2'])
    expect(effects.at(-1)).toMatchObject({
      from: 'none',
      to: 'coming',
      reason: 'generation 2 starts beside the worker in service',
    })
    expect(run(slot, contextOf(), { is: 'start-beside', at, generation: 3 })[0]).toBe(slot)
  })

  it('takes over when it has proven itself', () => {
    const [slot, effects] = run(slotIn(running(), { other: coming(READY), failures: 2 }), contextOf(), {
      is: 'swap',
      at,
      why: REPLACE,
    })
    expect(slot).toMatchObject({
      phase: { is: 'running', since: at, live: { number: 2, generation: 2, trial: false } },
      other: { is: 'draining', live: { number: 1, state: { is: 'stopping' } } },
      failures: 0,
    })
    expect(deeds(effects)).toEqual(['1: forget-readiness', '1: tell-stop', '1: signal TERM'])
    expect(effects.at(-1)).toMatchObject({ reason: 'generation 2 takes over' })
    const [alone, more] = run(slot, contextOf(), dies(1, 0))
    expect(alone).toMatchObject({ phase: { is: 'running' }, other: null })
    expect(more.at(-1)).toMatchObject({ from: 'draining', to: 'gone', number: 1 })
  })

  it('takes over from one that hangs, or still boots, or is only swept', () => {
    for (const phase of [stopping('decide'), starting(), stopping('decide', SWEEPING)]) {
      const [slot] = run(slotIn(phase, { other: coming(READY), failures: 2 }), contextOf(), {
        is: 'swap',
        at,
        why: REPLACE,
      })
      expect(slot).toMatchObject({
        phase: { is: 'running', live: { number: 2 } },
        other: { is: 'draining', live: { number: 1 } },
      })
    }
  })

  it('keeps the failures of a predecessor that was not sound', () => {
    const young = slotIn(running({}, { ...READY, readyAt: at - 10 }), { other: coming(READY), failures: 2 })
    expect(run(young, contextOf(), { is: 'swap', at, why: REPLACE })[0].failures).toBe(2)
  })

  it('is not swapped in where there is none', () => {
    for (const slot of [slotIn(running()), slotIn(running(), { other: draining(STOPPING) })]) {
      expect(run(slot, contextOf(), { is: 'swap', at, why: REPLACE })[0]).toBe(slot)
    }
  })

  it.each<[string, SlotEvent]>([
    ['dies', dies(2)],
    ['ends cleanly', dies(2, 0)],
    ['does not come to be', happens(2, { is: 'spawn-failed', at, error: 'no such file' })],
  ])('fails the rollout when it %s', (_, event) => {
    const state = event.is === 'process' && event.event.is === 'spawn-failed' ? SPAWNING : BOOTING
    const [slot, effects] = run(beside(coming(state)), contextOf({ restart: { when: 'on-failure' } }), event)
    expect(slot).toMatchObject({ phase: { is: 'running', live: { number: 1 } }, other: null })
    expect(deeds(effects).at(-1)).toBe('trial-failed')
  })

  it('fails the rollout when it announces its end and then does not go', () => {
    const finishing = coming(FINISHING)
    const [slot, effects] = run(beside(finishing), contextOf(), { is: 'tick', at: FINISHING.deadline }, dies(2))
    expect(slot.other).toBeNull()
    expect(deeds(effects).at(-1)).toBe('trial-failed')
  })

  it('becomes ready with a note, and without one when it is only ended', () => {
    const [, ready] = run(beside(coming(BOOTING)), contextOf(), happens(2, { is: 'ready', at }))
    expect(ready.at(-1)).toMatchObject({ do: 'note', reason: 'ready beside the worker in service' })
    const [, late] = run(beside(coming(BOOTING)), contextOf(), { is: 'tick', at: BOOTING.deadline })
    expect(late).not.toContainEqual(expect.objectContaining({ do: 'note' }))
  })

  it('is dropped when it is not wanted any more', () => {
    const [slot] = run(beside(), contextOf(), { is: 'drop-coming', at, why: REPLACE })
    expect(slot).toMatchObject({ phase: { is: 'running' }, other: { is: 'draining', live: { number: 2 } } })
    const [alone, effects] = run(slot, contextOf(), dies(2))
    expect(alone.other).toBeNull()
    expect(deeds(effects)).toEqual(['2: forget-readiness', '2: release'])
    expect(run(alone, contextOf(), { is: 'drop-coming', at, why: REPLACE })[0]).toBe(alone)
  })

  it.each([
    ['spawning', SPAWNING, 'starting', 'its successor takes over while it boots'],
    ['booting', BOOTING, 'starting', 'its successor takes over while it boots'],
    ['ready', READY, 'running', 'generation 2 takes over'],
    ['hung', STOPPING, 'stopping', 'no heartbeat'],
    ['dead but for its group', SWEEPING, 'stopping', 'its process group is not empty yet'],
  ] as const)('that is %s takes the place of a predecessor that dies', (_, state, phase: SlotPhaseName, reason) => {
    const [slot, effects] = run(beside(coming(state)), contextOf(), dies(1))
    expect(slot).toMatchObject({ phase: { is: phase, live: { number: 2, trial: true } }, other: null })
    expect(effects.at(-1)).toMatchObject({ reason: expect.stringContaining(reason) })
  })
})

describe('a worker on trial without a predecessor', () => {
  const onTrial = slotIn(starting({ generation: 2, trial: true }))
  const failing = (slot: SlotState, context: SlotContext, ...events: SlotEvent[]) => {
    const [next, effects] = run(slot, context, ...events)
    expect(deeds(effects).at(-1)).toBe('trial-failed')
    expect(next.phase).toMatchObject({ is: 'stopped', why: 'its new generation failed' })
  }
  const job = contextOf({ restart: { when: 'on-failure' } })

  it('fails the rollout by its death, and is not restarted', () => failing(onTrial, contextOf(), dies(1)))
  it('fails it also by a clean end, where a service is meant to run', () => failing(onTrial, contextOf(), dies(1, 0)))
  it('fails it by an end that it announces', () =>
    failing(onTrial, job, happens(1, { is: 'finishing', at }), dies(1, 0)))
  it('fails it by an unclean end of a job', () => failing(onTrial, job, dies(1)))

  it('has proven itself when it is a job that ran to its end', () => {
    for (const when of ['on-failure', 'never'] as const) {
      const [slot, effects] = run(onTrial, contextOf({ restart: { when } }), dies(1, 0))
      expect(slot.phase).toEqual({ is: 'exited', since: at, generation: 2, clean: true })
      expect(deeds(effects)).not.toContain('trial-failed')
    }
  })

  it('has not when it took the place of one that was in service, and might be a server', () => {
    const replaced = { ...onTrial, lastExit: { ...EXIT, asked: REPLACE } }
    failing(replaced, job, dies(1, 0))
    expect(run(replaced, contextOf({ restart: { when: 'never' } }), dies(1, 0))[0].phase.is).toBe('exited')
    for (const lastExit of [{ ...EXIT, asked: WHY }, { ...EXIT, asked: REPLACE, readyAt: null }, EXIT]) {
      expect(run({ ...onTrial, lastExit }, job, dies(1, 0))[0].phase.is).toBe('exited')
    }
  })
})

describe('a spare', () => {
  it.each([
    ['leaves', running({}, FINISHING), 'it announced its end'],
    ['hangs', stopping('decide'), 'no heartbeat'],
  ])('starts beside a worker that %s', (_, phase, why) => {
    const slot = slotIn(phase, { restarts: 1, failures: 2 })
    const [next, effects] = run(slot, contextOf({}, 2), { is: 'spare', at })
    expect(next).toMatchObject({
      phase: { is: 'starting', live: { number: 3, generation: 2, trial: false } },
      other: { is: 'draining', live: { number: 1 } },
      restarts: 2,
      failures: 0,
    })
    expect(deeds(effects)).toEqual(['spawn 3 of generation 2'])
    expect(effects.at(-1)).toMatchObject({ reason: `${why}; its successor starts beside it` })
  })

  it('is not taken for the end of a back-off when a deadline of the dead brought it', () => {
    const [, effects] = run(slotIn(stopping('decide', { ...SWEEPING, step: 'kill' })), contextOf(), {
      is: 'tick',
      at: 9_000,
    })
    expect(effects.at(-1)).toMatchObject({ reason: 'exited with code 1; restarted at once' })
  })

  it('does not start beside two, nor where nobody is to follow', () => {
    const two = slotIn(running({}, FINISHING), { other: draining(STOPPING) })
    expect(run(two, contextOf(), { is: 'spare', at })[0]).toBe(two)
    const leaving = slotIn(stopping('down'))
    expect(run(leaving, contextOf(), { is: 'spare', at })[0]).toBe(leaving)
  })

  it('that fails does not touch the one that drains', () => {
    const [slot] = run(
      slotIn(running({}, FINISHING)),
      contextOf(),
      { is: 'spare', at },
      happens(3, { is: 'spawn-failed', at, error: 'no memory' }),
    )
    expect(slot).toMatchObject({
      phase: { is: 'starting', live: { number: 4 } },
      other: { live: { number: 1 } },
      failures: 1,
    })
  })
})
