import { describe, expect, it } from 'vitest'
import type { ContenderEffect, ContenderEvent } from '../../src/election/contender-event.ts'
import { type ContenderContext, type ContenderState, gripOf, roleIn } from '../../src/election/contender-state.ts'
import { beginContender, CONTENDER_TABLE, stepContender } from '../../src/election/contender-transition.ts'
import { ALONE, allEvents, allStates, at, COLD, GRIP, WARM } from './representative-contenders.ts'

describe('the table of a contender', () => {
  it('has a written answer for every state and event', () => {
    const events = new Set(allEvents().map(({ is }) => is))
    expect(new Set(Object.keys(CONTENDER_TABLE))).toEqual(new Set(allStates().map(({ is }) => is)))
    for (const row of Object.values(CONTENDER_TABLE)) {
      expect(new Set(Object.keys(row))).toEqual(events)
      for (const answer of Object.values(row)) if (typeof answer !== 'function') expect(answer.ignored).toMatch(/\w/)
    }
  })

  it.each([WARM, COLD, ALONE])('never throws, and keeps what must always hold (%o)', (context) => {
    for (const state of allStates()) {
      for (const event of allEvents()) {
        const frozen = JSON.stringify(state)
        const [next, effects] = stepContender(state, event, context)
        expect(JSON.stringify(state)).toBe(frozen)
        expect(JSON.parse(JSON.stringify(next))).toEqual(next)
        if (typeof CONTENDER_TABLE[state.is][event.is] !== 'function') expect([next, effects]).toEqual([state, []])
        expectSound(state, event, next, effects)
      }
    }
  })

  it('takes an event that it does not know as none', () => {
    for (const state of allStates())
      expect(stepContender(state, { is: 'unheard-of', at } as unknown as ContenderEvent, WARM)).toEqual([state, []])
  })

  function expectSound(
    before: ContenderState,
    event: ContenderEvent,
    after: ContenderState,
    effects: readonly ContenderEffect[],
  ): void {
    const done = effects.map((effect) => effect.do)
    const changed = before.is !== after.is
    expect(effects.some((effect) => effect.do === 'note' && effect.to === after.is && /\w/.test(effect.reason))).toBe(
      changed,
    )
    // A slot comes by the lock alone, and goes only when nothing of the process is left.
    if (gripOf(before) === null && gripOf(after) !== null) expect(event.is).toBe('acquired')
    if (done.includes('release-lock')) expect(event.is).toBe('reaped')
    if (gripOf(before) !== null && gripOf(after) === null) expect([before.is, after.is]).toEqual(['releasing', 'ended'])
    expect(done.includes('leave')).toBe(changed && after.is === 'ended')
    // Nobody is promoted who is on the way out.
    if (['draining', 'lost', 'releasing', 'leaving', 'ended'].includes(before.is)) {
      expect(done).not.toContain('tell-promote')
      expect(done).not.toContain('spawn-process')
    }
    if (after.is === 'lost' && changed) expect(done).toContain('stop-process')
    // Somebody who waited and is to be no more is called back, unless the waiting has ended by itself.
    const waited = before.is === 'waiting' || before.is === 'acquiring' || before.is === 'placing'
    const answered = ['acquired', 'busy', 'placed'].includes(event.is)
    if (waited && changed && !answered && event.is !== 'wait-failed') expect(done).toContain('cancel-waiting')
  }
})

/** Without notes: `spawn-process main`. */
function deeds(effects: readonly ContenderEffect[]): string[] {
  return effects.flatMap((effect) => {
    if (effect.do === 'note') return []
    if (effect.do === 'spawn-process') return [`spawn ${effect.role}`]
    if (effect.do === 'stop-process') return [effect.force ? 'kill' : 'stop']
    if (effect.do === 'no-process') return [`no process: ${effect.failed}`]
    return [effect.do]
  })
}

function run(context: ContenderContext, begin: boolean, ...events: ContenderEvent[]): [string, string[], string[]] {
  let [state, all] = beginContender(at, begin, context)
  for (const event of events) {
    const [next, more] = stepContender(state, event, context)
    state = next
    all = [...all, ...more]
  }
  const notes = all.flatMap((effect) => (effect.do === 'note' ? [effect.reason] : []))
  return [state.is, deeds(all), notes]
}

const acquired = { is: 'acquired', at, grip: GRIP, told: false } as const
const busy = { is: 'busy', at, heldBy: [] } as const
const placed = { is: 'placed', at } as const
const ready = { is: 'ready', at } as const
const reaped = { is: 'reaped', at, why: 'gone' } as const
const stop = { is: 'stop', at, why: 'asked' } as const
const released = { is: 'released', at, heldBy: [] } as const

describe('the life of a contender', () => {
  it('that is main from its start', () => {
    expect(run(WARM, true, acquired, ready, stop, { ...reaped, is: 'exited' }, reaped, released)).toEqual([
      'ended',
      ['try-lock', 'spawn main', 'release-lock', 'leave'],
      [
        'asks for a main slot',
        'holds slot 0 with token 1000000007, and starts as main',
        'main of slot 0 with token 1000000007',
        'asked',
        'gives slot 0 back',
        'gone',
      ],
    ])
  })

  it('that waits warm, and is told by us or by what took the lock', () => {
    const began = ['try-lock', 'take-place', 'spawn standby', 'start-waiting']
    expect(run(WARM, true, busy, placed, ready, acquired).slice(0, 2)).toEqual(['main', [...began, 'tell-promote']])
    expect(run(WARM, true, busy, placed, ready, { ...acquired, told: true }).slice(0, 2)).toEqual(['main', began])
  })

  it('that waits cold, and starts as main', () => {
    expect(run(COLD, false, placed, acquired, ready).slice(0, 2)).toEqual([
      'main',
      ['take-place', 'start-waiting', 'spawn main'],
    ])
  })

  it('without any places waits for the slot itself, without a process', () => {
    expect(run(ALONE, true, busy, acquired).slice(0, 2)).toEqual([
      'promoting',
      ['try-lock', 'start-waiting', 'spawn main'],
    ])
  })

  it('that fails as it is promoted gives the slot back', () => {
    expect(run(WARM, true, acquired, reaped).slice(0, 2)).toEqual([
      'releasing',
      ['try-lock', 'spawn main', 'release-lock'],
    ])
  })

  it('that is called back before it has a process', () => {
    const back = ['cancel-waiting', 'leave', 'no process: null']
    expect(run(WARM, true, stop)[1]).toEqual(['try-lock', ...back])
    expect(run(WARM, false, stop)[1]).toEqual(['take-place', ...back])
    expect(run(COLD, false, placed, stop)[1]).toEqual(['take-place', 'start-waiting', ...back])
  })

  it('whose waiting fails is started anew by the back-off, or replaced where it has a process', () => {
    const failed = { is: 'wait-failed', at, why: 'killed', mistaken: false } as const
    expect(run(COLD, false, placed, failed)[1].slice(2)).toEqual(['cancel-waiting', 'leave', 'no process: killed'])
    const warm = [placed, ready, failed] as const
    expect(run(WARM, false, ...warm)[1].slice(3)).toEqual(['stop'])
    expect(run(WARM, false, placed, ready, { ...failed, mistaken: true })[1].slice(3)).toEqual(['tell-lost', 'kill'])
    expect(run(WARM, false, ...warm, stop, reaped)[0]).toBe('ended')
  })

  it('that got the slot although it was called back keeps it until it is gone, and is not told', () => {
    const [state, done] = run(WARM, false, placed, ready, stop, acquired)
    expect(state).toBe('draining')
    expect(done.slice(3)).toEqual(['cancel-waiting'])
  })

  it('that loses the slot is told and killed, and gives back what is left', () => {
    const lost = { is: 'lost', at, why: 'revoked' } as const
    expect(run(WARM, true, acquired, ready, lost, lost, stop, reaped, released)[1]).toEqual([
      'try-lock',
      'spawn main',
      'tell-lost',
      'kill',
      'release-lock',
      'leave',
    ])
  })

  it('names strangers that hold a slot', () => {
    const heldBy = [{ pid: 77, command: 'sleep 1000' }]
    expect(run(WARM, true, { ...busy, heldBy })[2]).toContain(
      'every slot is held by pid 77 (sleep 1000), which is no main of ours',
    )
    expect(run(WARM, true, acquired, reaped, { ...released, heldBy })[2]).toContain(
      'slot 0 is held by pid 77 (sleep 1000), which is no main of ours',
    )
  })

  it('that gets no answer in time joins the queue', () => {
    expect(run(WARM, true, { is: 'tick', at: at + 4_999 })[0]).toBe('acquiring')
    expect(run(WARM, true, { is: 'tick', at: at + 5_000 })[1]).toEqual(['try-lock', 'cancel-waiting', 'take-place'])
  })

  it('is a main exactly while a slot is in its hands', () => {
    for (const state of allStates()) expect(roleIn(state)).toBe('grip' in state ? 'main' : 'standby')
  })
})
