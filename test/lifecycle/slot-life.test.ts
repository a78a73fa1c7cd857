import { describe, expect, it } from 'vitest'
import type { ProcessEvent } from '../../src/lifecycle/process-event.ts'
import { deadlineOfSlot, emptySlot, slotServes } from '../../src/lifecycle/slot-state.ts'
import { stepSlot } from '../../src/lifecycle/slot-transition.ts'
import { BOOTING, FINISHING, READY, SPAWNING, STOPPING, SWEEPING, WHY } from './representative-processes.ts'
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

describe('an empty slot', () => {
  it('starts', () => {
    const [slot, effects] = run(emptySlot(3, 0), contextOf(), { is: 'start', at, generation: 1, trial: false })
    expect(slot).toMatchObject({
      slot: 3,
      lastNumber: 1,
      phase: { is: 'starting', live: { number: 1, generation: 1, trial: false } },
    })
    expect(deeds(effects)).toEqual(['spawn 1 of generation 1'])
  })

  it('waits for others, and says for whom', () => {
    const [waiting, effects] = run(emptySlot(0, 0), contextOf(), { is: 'wait', at, on: ['db (ready)', 'mq (started)'] })
    expect(waiting.phase).toEqual({ is: 'waiting', since: at, on: ['db (ready)', 'mq (started)'] })
    expect(effects).toMatchObject([{ from: 'stopped', to: 'waiting', reason: 'waits for db (ready), mq (started)' }])
    const [less, told] = run(waiting, contextOf(), { is: 'wait', at: at + 1, on: ['mq (started)'] })
    expect(less.phase).toEqual({ is: 'waiting', since: at, on: ['mq (started)'] })
    expect(told).toMatchObject([{ from: 'waiting', to: 'waiting', reason: 'waits for mq (started)' }])
    const [stopped] = run(less, contextOf(), { is: 'stop', at: at + 2, why: WHY })
    expect(stopped.phase).toEqual({ is: 'stopped', since: at + 2, why: WHY.text })
  })

  it('sweeps what strayed from it when it is stopped, again too', () => {
    for (const phase of representativePhases().filter((phase) => !('live' in phase))) {
      const [slot, effects] = run(slotIn(phase, { failures: 4 }), contextOf(), { is: 'stop', at, why: WHY })
      expect(slot).toMatchObject({ phase: { is: 'stopped' }, failures: 0 })
      expect(deeds(effects)).toEqual(['end-strays'])
    }
  })
})

describe('a worker that becomes ready', () => {
  it('is running', () => {
    const [slot, effects] = run(slotIn(starting()), contextOf(), happens(1, { is: 'ready', at }))
    expect(slot.phase).toMatchObject({ is: 'running', since: at })
    expect(slotServes(slot)).toBe(true)
    expect(effects.at(-1)).toMatchObject({
      do: 'note',
      event: 'ready',
      from: 'starting',
      to: 'running',
      reason: 'ready',
      number: 1,
    })
  })

  it('is running since then, whatever it says later', () => {
    const [slot] = run(
      slotIn(running()),
      contextOf(),
      happens(1, { is: 'reloading', at }),
      happens(1, { is: 'ready', at: at + 5 }),
    )
    expect(slot.phase).toMatchObject({ is: 'running', since: 1_000 })
  })

  it('does not serve when it announces its end, and is not running when it was never ready', () => {
    const [ready] = run(slotIn(running()), contextOf(), happens(1, { is: 'finishing', at }))
    const [booting] = run(slotIn(starting()), contextOf(), happens(1, { is: 'finishing', at }))
    expect([ready, booting].map((slot) => [slot.phase.is, slotServes(slot)])).toEqual([
      ['running', false],
      ['starting', false],
    ])
  })

  it('is on trial no longer when it has proven itself', () => {
    const [slot] = run(slotIn(running({ trial: true }), { failures: 2 }), contextOf(), { is: 'settle', at })
    expect(slot).toMatchObject({ phase: { live: { trial: false } }, failures: 2 })
    const early = slotIn(starting({ trial: true }))
    expect(run(early, contextOf(), { is: 'settle', at })[0]).toBe(early)
  })
})

describe('a worker that dies by itself', () => {
  it('is back at once, from the generation in service', () => {
    const [slot, effects] = run(slotIn(running(), { restarts: 4 }), contextOf({}, 7), dies(1))
    expect(slot).toMatchObject({
      phase: { is: 'starting', live: { number: 3, generation: 7, trial: false } },
      restarts: 5,
      failures: 0,
    })
    expect(slot.lastExit).toMatchObject({ code: 1 })
    expect(deeds(effects)).toEqual(['1: forget-readiness', '1: release', 'spawn 3 of generation 7'])
    expect(effects.at(-1)).toMatchObject({
      from: 'running',
      to: 'starting',
      reason: 'exited with code 1; restarted at once',
    })
  })

  it('backs off when it keeps failing', () => {
    const [slot, effects] = run(slotIn(starting(), { failures: 3 }), contextOf(), dies(1))
    expect(slot).toMatchObject({ phase: { is: 'backoff', since: at, until: at + 100, crashLoop: false }, failures: 4 })
    expect(effects.at(-1)).toMatchObject({ reason: 'exited with code 1; 4 failures in a row, next try in 0.1s' })
    expect(deadlineOfSlot(slot)).toBe(at + 100)
    const [early] = run(slot, contextOf(), { is: 'tick', at: at + 99 })
    expect(early.phase.is).toBe('backoff')
    const [again, more] = run(slot, contextOf({}, 2), { is: 'tick', at: at + 100 })
    expect(again).toMatchObject({ phase: { is: 'starting', live: { generation: 2 } }, restarts: 1, failures: 4 })
    expect(more.at(-1)).toMatchObject({ reason: 'the back-off is over' })
  })

  it('says so when it is in a crash loop, or failed the first time', () => {
    const [, loop] = run(slotIn(starting(), { failures: 40 }), contextOf(), dies(1))
    expect(loop.at(-1)).toMatchObject({
      reason: 'crash loop: exited with code 1; 41 failures in a row, next try in 30s',
    })
    const [, first] = run(slotIn(starting()), contextOf({ restart: { immediate: 0 } }), dies(1))
    expect(first.at(-1)).toMatchObject({ reason: 'exited with code 1; 1 failure in a row, next try in 0.1s' })
  })

  it('is fatal after maxRetries', () => {
    const [slot, effects] = run(
      slotIn(starting({ generation: 3 }), { failures: 2 }),
      contextOf({ restart: { maxRetries: 2 } }),
      dies(1),
    )
    expect(slot.phase).toEqual({
      is: 'fatal',
      since: at,
      generation: 3,
      why: 'exited with code 1; failed 3 times in a row',
    })
    expect(deeds(effects)).toEqual(['1: forget-readiness', '1: release'])
  })

  it('stops all with it where that is asked for', () => {
    const context = contextOf({ restart: { unrecoverable: [78], stopAllOnUnrecoverable: true } })
    expect(deeds(run(slotIn(running()), context, dies(1, 78))[1]).at(-1)).toBe('stop-all')
    expect(
      deeds(run(slotIn(running()), contextOf({ restart: { unrecoverable: [78] } }), dies(1, 78))[1]),
    ).not.toContain('stop-all')
  })

  it('has ended when it is not wanted again', () => {
    const [slot, effects] = run(slotIn(running()), contextOf({ restart: { when: 'on-failure' } }), dies(1, 0))
    expect(slot.phase).toEqual({ is: 'exited', since: at, generation: 1, clean: true })
    expect(effects.at(-1)).toMatchObject({ to: 'exited', reason: 'exited with code 0' })
    expect(run(slotIn(running()), contextOf({ restart: { when: 'never' } }), dies(1, 3))[0].phase).toMatchObject({
      clean: false,
    })
  })

  it('waits for the rest of its group first', () => {
    const exited: ProcessEvent = { is: 'exited', at, code: 1, signal: null, leftover: true }
    const [slot, effects] = run(slotIn(running()), contextOf(), happens(1, exited))
    expect(slot.phase).toMatchObject({ is: 'stopping', next: 'decide' })
    expect(effects.at(-1)).toMatchObject({ reason: 'exited with code 1; its process group is not empty yet' })
    expect(deadlineOfSlot(slot)).toBe(at + 2_000)
    const [again, more] = run(slot, contextOf(), happens(1, { is: 'swept', at: at + 9 }))
    expect(again.phase.is).toBe('starting')
    expect(deeds(more)).toEqual(['1: release', 'spawn 3 of generation 1'])
  })

  it('leaves late news of itself without effect', () => {
    const [slot] = run(slotIn(running()), contextOf(), dies(1))
    for (const event of [dies(1), happens(1, { is: 'ready', at }), happens(99, { is: 'swept', at })]) {
      expect(stepSlot(slot, event, contextOf())).toEqual([slot, []])
    }
  })
})

describe('a worker of ours that a deadline ends', () => {
  it('is stopping, then decided as after a crash', () => {
    const [slot, effects] = run(slotIn(starting()), contextOf(), { is: 'tick', at: BOOTING.deadline })
    expect(slot.phase).toMatchObject({ is: 'stopping', next: 'decide' })
    expect(effects.at(-1)).toMatchObject({ event: 'tick', reason: 'not ready within 30s' })
    const [again] = run(slot, contextOf(), dies(1, 0, BOOTING.deadline + 5))
    expect(again).toMatchObject({ phase: { is: 'starting' }, failures: 1 })
  })
})

describe('stop', () => {
  it('brings the worker down and keeps it down', () => {
    const [slot, effects] = run(slotIn(running(), { failures: 2 }), contextOf(), { is: 'stop', at, why: WHY })
    expect(slot.phase).toMatchObject({ is: 'stopping', since: at, next: 'down' })
    expect(deeds(effects)).toEqual(['1: forget-readiness', '1: tell-stop', '1: signal TERM'])
    const [down, more] = run(slot, contextOf(), dies(1, 0))
    expect(down).toMatchObject({ phase: { is: 'stopped', why: WHY.text }, failures: 0 })
    expect(deeds(more)).toEqual(['1: forget-readiness', '1: release', 'end-strays'])
    expect(more.at(-1)).toMatchObject({ to: 'stopped', reason: `exited with code 0 (asked to stop: ${WHY.text})` })
  })

  it('takes over from a stop for another reason, and is not weakened by one', () => {
    const [slot] = run(
      slotIn(running()),
      contextOf(),
      { is: 'retire', at, why: REPLACE },
      { is: 'stop', at: at + 1, why: WHY },
    )
    expect(slot.phase).toMatchObject({ is: 'stopping', since: at, next: 'down' })
    expect(run(slot, contextOf(), { is: 'retire', at, why: REPLACE })[0].phase).toMatchObject({ next: 'down' })
    expect(run(slot, contextOf(), dies(1))[0].phase.is).toBe('stopped')
  })

  it('calls back a worker that has not been spawned yet', () => {
    const [slot, effects] = run(slotIn(starting({}, SPAWNING)), contextOf(), { is: 'stop', at, why: WHY })
    expect(slot.phase).toMatchObject({ is: 'stopping', next: 'down' })
    expect(deeds(effects)).toEqual(['1: cancel-spawn'])
    expect(effects.at(-1)).toMatchObject({
      from: 'starting',
      to: 'stopping',
      reason: 'called back before it was started',
    })
    const [down, more] = run(slot, contextOf(), happens(1, { is: 'spawn-cancelled', at }))
    expect(down).toMatchObject({ phase: { is: 'stopped', why: WHY.text }, lastExit: null })
    expect(deeds(more)).toEqual(['end-strays'])
    expect(more.at(-1)).toMatchObject({ to: 'stopped', reason: WHY.text })
  })

  it.each([
    ['a successor', coming(READY)],
    ['a predecessor that finishes', draining(FINISHING)],
    ['a predecessor that stops', draining(STOPPING)],
    ['what is left of a predecessor', draining(SWEEPING)],
  ])('reaches %s too, and sweeps when both are gone', (_, other) => {
    for (const order of [
      [1, 2],
      [2, 1],
    ]) {
      const [slot] = run(slotIn(running(), { other }), contextOf(), { is: 'stop', at, why: WHY })
      expect(slot.other?.is).toBe('draining')
      const ends = order.map((number) =>
        number === 2 && other.live.state.is === 'sweeping' ? happens(2, { is: 'swept', at }) : dies(number, 0),
      )
      const [down, effects] = run(slot, contextOf(), ...ends)
      expect(down).toMatchObject({ phase: { is: 'stopped' }, other: null })
      expect(deeds(effects).filter((deed) => deed === 'end-strays')).toHaveLength(1)
      expect(deeds(effects)).not.toContain('trial-failed')
    }
  })

  it('in back-off reaches the predecessor that still drains', () => {
    const phase = { is: 'backoff', since: 1, until: 9_000, crashLoop: false } as const
    const [slot] = run(slotIn(phase, { other: draining(FINISHING) }), contextOf(), { is: 'stop', at, why: WHY })
    expect(slot).toMatchObject({
      phase: { is: 'stopped' },
      other: { live: { state: { is: 'stopping', descent: { why: WHY } } } },
    })
  })
})

describe('kill and hurry', () => {
  it('reach both processes', () => {
    const both = slotIn(running(), { other: draining(STOPPING) })
    expect(deeds(run(both, contextOf(), { is: 'kill', at, why: WHY })[1])).toEqual([
      '1: forget-readiness',
      '1: tell-stop',
      '1: signal KILL',
      '2: signal KILL',
    ])
    const leaving = slotIn(stopping('down'), { other: draining(STOPPING) })
    expect(deeds(run(leaving, contextOf(), { is: 'hurry', at })[1])).toEqual(['1: signal KILL', '2: signal KILL'])
  })

  it('reach the one that drains beside an empty place', () => {
    const slot = slotIn({ is: 'fatal', since: 0, generation: 1, why: 'gave up' }, { other: draining(STOPPING) })
    expect(deeds(run(slot, contextOf(), { is: 'hurry', at })[1])).toEqual(['2: signal KILL'])
  })

  it('end a successor without failing its rollout', () => {
    const [killed] = run(slotIn(running(), { other: coming(READY) }), contextOf(), { is: 'kill', at, why: WHY })
    const [slot, effects] = run(killed, contextOf(), dies(2))
    expect(slot.other).toBeNull()
    expect(deeds(effects)).not.toContain('trial-failed')
  })
})

describe('reload', () => {
  it('reaches the worker in service', () => {
    const context = contextOf({ reload: { by: 'signal', signal: 'HUP', timeout: 1_000 } })
    expect(deeds(run(slotIn(running()), context, { is: 'reload', at })[1])).toEqual(['1: send-reload'])
    expect(run(slotIn(starting()), context, { is: 'reload', at })[1]).toEqual([])
  })
})

describe('a slot whose process got no lock', () => {
  const noLock = happens(1, { is: 'spawn-failed', at, error: 'the stop file is there', gotNoLock: true })
  const context = contextOf({ restart: { maxRetries: 1 } })

  it('goes on asking, and who dies later is the first to fail', () => {
    const waiting = slotIn(starting({}, SPAWNING), { failures: 9 })
    const [slot] = run(waiting, context, noLock)
    expect(slot).toMatchObject({ phase: { is: 'backoff' }, failures: 10, lastExit: { gotNoLock: true } })
    const [dead] = run({ ...slot, phase: starting({}, BOOTING) }, context, dies(1))
    expect(dead).toMatchObject({ phase: { is: 'starting' }, failures: 1 })
  })
})
