import { describe, expect, it } from 'vitest'
import type { SlotEffect, SlotEvent } from '../../src/lifecycle/slot-event.ts'
import { currentOf, deadlineOfSlot, emptySlot, type SlotState } from '../../src/lifecycle/slot-state.ts'
import { SLOT_TABLE, stepSlot } from '../../src/lifecycle/slot-transition.ts'
import { step } from '../model/service-spec.ts'
import { FINISHING, STOPPING } from './representative-processes.ts'
import {
  allSlotEvents,
  contextOf,
  draining,
  representativePhases,
  representativeSlots,
  running,
  slotIn,
  starting,
  stopping,
} from './representative-slots.ts'
import { at, deeds, run } from './slot-run.ts'

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
    // Thousands of steps, each looked at from all sides.
  }, 60_000)

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
    if (slot.phase.is === 'running') expect(current?.state.is).toMatch(/^(parked|ready|reloading|finishing)$/)
    for (const effect of effects) if (effect.do === 'spawn') expect(effect.number).toBe(slot.lastNumber)
  }
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
