import { describe, expect, it } from 'vitest'
import type { ProcessEvent } from '../../src/lifecycle/process-event.ts'
import type { SlotEffect, SlotEvent } from '../../src/lifecycle/slot-event.ts'
import {
  currentOf,
  deadlineOfSlot,
  emptySlot,
  type SlotContext,
  type SlotPhaseName,
  type SlotState,
  slotServes,
} from '../../src/lifecycle/slot-state.ts'
import { SLOT_TABLE, stepSlot } from '../../src/lifecycle/slot-transition.ts'
import { step } from '../model/service-spec.ts'
import {
  BOOTING,
  EXIT,
  FINISHING,
  PROCESS,
  READY,
  SPAWNING,
  STOPPING,
  SWEEPING,
  WHY,
} from './representative-processes.ts'
import {
  allSlotEvents,
  coming,
  contextOf,
  draining,
  REPLACE,
  representativePhases,
  representativeSlots,
  running,
  slotIn,
  starting,
  stopping,
} from './representative-slots.ts'

const at = 5_000

function run(slot: SlotState, context: SlotContext, ...events: SlotEvent[]): [SlotState, SlotEffect[]] {
  let now = slot
  const effects: SlotEffect[] = []
  for (const event of events) {
    const [next, more] = stepSlot(now, event, context)
    now = next
    effects.push(...more)
  }
  return [now, effects]
}

const happens = (number: number, event: ProcessEvent): SlotEvent => ({ is: 'process', at: event.at, number, event })
const dies = (number: number, code = 1, when = at): SlotEvent =>
  happens(number, { is: 'exited', at: when, code, signal: null, leftover: false })

/** What is done to processes, without the notes: `1: signal TERM`, `spawn 2`. */
function deeds(effects: readonly SlotEffect[]): string[] {
  return effects.flatMap((effect) => {
    if (effect.do === 'note') return []
    if (effect.do === 'spawn') return [`spawn ${effect.number} of generation ${effect.generation}`]
    if (effect.do !== 'process') return [effect.do]
    const { effect: inner } = effect
    return [`${effect.number}: ${inner.do === 'signal' ? `signal ${inner.signal}` : inner.do}`]
  })
}

describe('the table of a slot', () => {
  it('has a written answer for every phase and event', () => {
    const events = new Set(allSlotEvents(at).map(({ is }) => is))
    const phases = new Set<string>(representativePhases().map(({ is }) => is))
    expect(new Set(Object.keys(SLOT_TABLE))).toEqual(phases)
    for (const row of Object.values(SLOT_TABLE)) {
      expect(new Set(Object.keys(row))).toEqual(events)
      for (const answer of Object.values(row)) if (typeof answer !== 'function') expect(answer.ignored).toMatch(/\w/)
    }
  })

  it('never throws, and keeps what must always hold', () => {
    const context = contextOf()
    for (const slot of representativeSlots()) {
      for (const event of allSlotEvents(at)) {
        const frozen = JSON.stringify(slot)
        const [next, effects] = stepSlot(slot, event, context)
        const answer = SLOT_TABLE[slot.phase.is][event.is]
        if (typeof answer !== 'function') {
          expect(next).toBe(slot)
          expect(effects).toEqual([])
        }
        expect(JSON.stringify(slot)).toBe(frozen)
        expect(JSON.parse(JSON.stringify(next))).toEqual(next)
        expectSound(next, effects)
        // Every change of phase is written down, with its cause.
        const changed = next.phase.is !== slot.phase.is
        if (changed)
          expect(effects).toContainEqual(expect.objectContaining({ do: 'note', reason: expect.stringMatching(/\w/) }))
      }
    }
  })

  it('takes an event that it does not know as none', () => {
    for (const slot of representativeSlots()) {
      expect(stepSlot(slot, { is: 'unheard-of', at } as unknown as SlotEvent, contextOf())).toEqual([slot, []])
    }
  })

  function expectSound(slot: SlotState, effects: readonly SlotEffect[]): void {
    const current = currentOf(slot.phase)
    expect(current?.state.is).not.toBe('gone')
    expect(slot.other?.live.state.is).not.toBe('gone')
    if (current !== null && slot.other !== null) expect(current.number).not.toBe(slot.other.live.number)
    const wayOut = current?.state.is === 'stopping' || current?.state.is === 'sweeping'
    if (slot.phase.is === 'starting' || slot.phase.is === 'running') expect(wayOut).toBe(false)
    if (slot.phase.is === 'running') expect(current?.state.is).toMatch(/^(ready|reloading|finishing)$/)
    for (const effect of effects) if (effect.do === 'spawn') expect(effect.number).toBe(slot.lastNumber)
  }
})

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

describe('reload', () => {
  it('reaches the worker in service', () => {
    const context = contextOf({ reload: { by: 'signal', signal: 'HUP', timeout: 1_000 } })
    expect(deeds(run(slotIn(running()), context, { is: 'reload', at })[1])).toEqual(['1: send-reload'])
    expect(run(slotIn(starting()), context, { is: 'reload', at })[1]).toEqual([])
  })
})

describe('the deadline of a slot', () => {
  it('is the earliest of its processes', () => {
    expect(deadlineOfSlot(emptySlot(0, 0))).toBeNull()
    expect(deadlineOfSlot(slotIn(running()))).toBeNull()
    expect(deadlineOfSlot(slotIn(running(), { other: draining(FINISHING) }))).toBe(FINISHING.deadline)
    expect(deadlineOfSlot(slotIn(starting(), { other: draining(FINISHING) }))).toBe(FINISHING.deadline)
    const resent = { ...STOPPING, descent: { ...STOPPING.descent, resend: { at: 11_000, every: 1 } } }
    expect(deadlineOfSlot(slotIn(stopping('down', resent)))).toBe(11_000)
  })

  it('ticks every process that is due', () => {
    const phase = { is: 'backoff', since: 1, until: 9_000, crashLoop: false } as const
    const context = contextOf({ stop: { signals: [step('QUIT', 1)] } })
    const [slot, effects] = run(slotIn(phase, { other: draining(FINISHING) }), context, { is: 'tick', at: 9_000 })
    expect(slot.phase.is).toBe('starting')
    expect(deeds(effects)).toEqual(['2: forget-readiness', '2: tell-stop', '2: signal QUIT', 'spawn 3 of generation 1'])
  })
})
