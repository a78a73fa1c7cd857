import { describe, expect, test } from 'vitest'
import type { SlotState } from '../../src/lifecycle/slot-state.ts'
import { eventsToStop } from '../../src/supervisor/stop-one-process.ts'
import { READY, STOPPING } from '../lifecycle/representative-processes.ts'
import { coming, contextOf, draining, running, slotIn } from '../lifecycle/representative-slots.ts'
import { at, deeds, run } from '../lifecycle/slot-run.ts'

const [CURRENT, OTHER] = [1, 2]

function stop(slot: SlotState, number: number, force: boolean): [SlotState, string[]] {
  const events = eventsToStop(slot, number, { at, text: 'its lock was replaced', force })
  const [after, effects] = run(slot, contextOf(), ...events)
  return [after, deeds(effects).filter((deed) => deed.includes('signal'))]
}

describe('one process of a slot with two', () => {
  test('is the one that is asked to end, and the one beside it goes on', () => {
    const [current, toCurrent] = stop(slotIn(running(), { other: draining(STOPPING) }), CURRENT, false)
    expect(current.phase).toMatchObject({ is: 'stopping', next: 'vacant' })
    expect(toCurrent).toEqual(['1: signal TERM'])
    const [successor, toSuccessor] = stop(slotIn(running(), { other: coming(READY) }), OTHER, false)
    expect(successor).toMatchObject({ phase: { is: 'running' }, other: { is: 'draining' } })
    expect(toSuccessor).toEqual(['2: signal TERM'])
    expect(stop(slotIn(running(), { other: draining(STOPPING) }), OTHER, false)[1]).toEqual([])
  })

  test('is the one that is killed', () => {
    for (const other of [coming(READY), draining(STOPPING)]) {
      const [first, toCurrent] = stop(slotIn(running(), { other }), CURRENT, true)
      expect(toCurrent).toEqual(['1: signal KILL'])
      expect(first.other).toEqual(other)
      const [second, toOther] = stop(slotIn(running(), { other }), OTHER, true)
      expect(toOther.at(-1)).toBe('2: signal KILL')
      expect(toOther.filter((deed) => deed.startsWith('1:'))).toEqual([])
      expect(second.phase).toEqual(running())
    }
  })

  test('that stands alone makes room for the planner to fill', () => {
    expect(stop(slotIn(running()), CURRENT, false)[0].phase).toMatchObject({ is: 'stopping', next: 'vacant' })
    expect(stop(slotIn(running()), CURRENT, true)[1]).toEqual(['1: signal KILL'])
  })
})
