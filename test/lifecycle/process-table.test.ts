import { describe, expect, it } from 'vitest'
import type { ProcessEvent, ProcessEventName } from '../../src/lifecycle/process-event.ts'
import {
  deadlineOfProcess,
  identityOf,
  isAskedToStop,
  isServing,
  type ProcessStateName,
} from '../../src/lifecycle/process-state.ts'
import { PROCESS_TABLE, seconds, stepProcess } from '../../src/lifecycle/process-transition.ts'
import { at, run, spec } from './process-run.ts'
import {
  allEvents,
  BOOTING,
  CANCELLING,
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
      parked: 'spawned',
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

describe('a time for people', () => {
  it.each([
    [30_000, '30s'],
    [1_540, '1.5s'],
    [40, '0s'],
  ])('%i ms is %s', (millis, text) => {
    expect(seconds(millis)).toBe(text)
  })
})
