import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { RestartSpec } from '../../src/config/effective.ts'
import type { ProcessExit } from '../../src/lifecycle/process-state.ts'
import { backOffAfter, decideRestart } from '../../src/lifecycle/restart-decision.ts'
import { serviceSpec } from '../model/service-spec.ts'
import { EXIT } from './representative-processes.ts'

const restart = (changes: Partial<RestartSpec> = {}): RestartSpec => serviceSpec({ restart: changes }).restart
/** Dead 200 ms after it was ready: a failure. */
const SHORT: ProcessExit = { ...EXIT, readyAt: 1_000, at: 1_200 }
const LONG: ProcessExit = { ...EXIT, readyAt: 1_000, at: 60_000 }
const AT_BOOT: ProcessExit = { ...EXIT, readyAt: null }
const NOT_SPAWNED: ProcessExit = { ...AT_BOOT, code: null, spawnError: 'no such file' }

describe('the back-off', () => {
  it('begins after the immediate restarts, doubles, and stops at its bound', () => {
    const waits = Array.from({ length: 14 }, (_, failures) => backOffAfter(failures, restart(), 0.5))
    expect(waits).toEqual([0, 0, 0, 0, 100, 200, 400, 800, 1_600, 3_200, 6_400, 12_800, 25_600, 30_000])
  })

  it('varies by the jitter', () => {
    const spread = [0, 0.5, 1].map((random) => backOffAfter(4, restart({ jitter: 0.2 }), random))
    expect(spread).toEqual([80, 100, 120])
  })

  it('is a number, and no nothing, however long it goes on and whatever the dice say', () => {
    const policy = fc.record({
      immediate: fc.nat(10),
      initial: fc.integer({ min: 1, max: 100_000 }),
      max: fc.integer({ min: 1, max: 100_000 }),
      factor: fc.double({ min: 1, max: 100, noNaN: true }),
      jitter: fc.double({ min: 0, max: 1, noNaN: true }),
    })
    fc.assert(
      fc.property(
        policy,
        fc.nat(1_000_000),
        fc.double({ min: 0, max: 1, noNaN: true }),
        (changes, failures, random) => {
          const wait = backOffAfter(failures, restart(changes), random)
          expect(Number.isSafeInteger(wait)).toBe(true)
          expect(wait).toBeLessThanOrEqual(2 * changes.max + 1)
          expect(wait === 0).toBe(failures <= changes.immediate)
        },
      ),
    )
  })
})

describe('what counts', () => {
  it.each<[string, ProcessExit]>([
    ['a death right after ready', SHORT],
    ['a death at boot', AT_BOOT],
    ['a spawn that failed', NOT_SPAWNED],
    ['a quick clean end', { ...SHORT, code: 0 }],
    ['a quick end that was announced', { ...SHORT, code: 0, announced: true }],
  ])('%s is a failure', (_, exit) => {
    expect(decideRestart(exit, 0, restart(), 0.5)).toEqual({ is: 'now', failures: 1 })
    expect(decideRestart(exit, 3, restart(), 0.5)).toEqual({ is: 'later', failures: 4, wait: 100, crashLoop: false })
  })

  it('a death after a sound life is none, and ends the row', () => {
    expect(decideRestart(LONG, 9, restart(), 0.5)).toEqual({ is: 'now', failures: 0 })
  })

  it('the crash loop is reported when the wait is as long as it gets', () => {
    expect(decideRestart(SHORT, 11, restart(), 0.5)).toMatchObject({ wait: 25_600, crashLoop: false })
    expect(decideRestart(SHORT, 12, restart(), 0.5)).toEqual({
      is: 'later',
      failures: 13,
      wait: 30_000,
      crashLoop: true,
    })
    expect(decideRestart(SHORT, 2, restart({ delay: 60_000 }), 0.5)).toMatchObject({ wait: 60_000, crashLoop: false })
  })

  it('`delay` is the least wait, after a sound life too', () => {
    expect(decideRestart(LONG, 0, restart({ delay: 500 }), 0.5)).toEqual({
      is: 'later',
      failures: 0,
      wait: 500,
      crashLoop: false,
    })
    expect(decideRestart(SHORT, 3, restart({ delay: 500 }), 0.5)).toMatchObject({ wait: 500 })
    expect(decideRestart(SHORT, 6, restart({ delay: 500 }), 0.5)).toMatchObject({ wait: 800 })
  })

  it('`jitter` lengthens the delay, and never shortens it', () => {
    const waits = [0, 0.5, 1].map((random) => decideRestart(LONG, 0, restart({ delay: 500, jitter: 0.2 }), random))
    expect(waits.map((decision) => (decision.is === 'later' ? decision.wait : 0))).toEqual([500, 550, 600])
    expect(decideRestart(LONG, 0, restart({ jitter: 1 }), 1).is).toBe('now')
  })
})

describe('giving up', () => {
  it('comes after maxRetries', () => {
    const policy = restart({ maxRetries: 2 })
    expect(decideRestart(AT_BOOT, 1, policy, 0.5).is).toBe('now')
    expect(decideRestart(AT_BOOT, 2, policy, 0.5)).toEqual({
      is: 'fatal',
      failures: 3,
      why: 'exited with code 1; failed 3 times in a row',
      unrecoverable: false,
    })
    expect(decideRestart(LONG, 99, policy, 0.5).is).toBe('now')
  })

  it('comes at once with an unrecoverable code, announced or not, sound or not', () => {
    const policy = restart({ unrecoverable: [78] })
    for (const exit of [LONG, SHORT, { ...LONG, announced: true }]) {
      expect(decideRestart({ ...exit, code: 78 }, 0, policy, 0.5)).toMatchObject({
        is: 'fatal',
        why: expect.stringContaining('exited with code 78'),
        unrecoverable: true,
      })
    }
    expect(decideRestart({ ...SHORT, code: null, signal: 'SEGV' }, 0, policy, 0.5).is).toBe('now')
  })
})

describe('whether it starts again at all', () => {
  const clean: ProcessExit = { ...LONG, code: 0 }

  it.each<[RestartSpec['when'], ProcessExit, string]>([
    ['always', clean, 'now'],
    ['always', LONG, 'now'],
    ['on-failure', clean, 'exited'],
    ['on-failure', { ...AT_BOOT, code: 0 }, 'exited'],
    ['on-failure', { ...LONG, code: null, signal: 'TERM' }, 'exited'],
    ['on-failure', LONG, 'now'],
    ['on-failure', NOT_SPAWNED, 'now'],
    ['never', clean, 'exited'],
    ['never', LONG, 'exited'],
    ['on-failure', { ...clean, announced: true }, 'now'],
    ['never', { ...clean, announced: true }, 'now'],
  ])('%s: %#', (when, exit, is) => {
    expect(decideRestart(exit, 0, restart({ when }), 0.5).is).toBe(is)
  })
})

describe('who got no lock', () => {
  const held: ProcessExit = { ...NOT_SPAWNED, spawnError: 'the stop file is there', gotNoLock: true }

  it('waits longer each time, up to the bound, and never comes to an end', () => {
    const policies = [
      restart(),
      restart({ maxRetries: 2 }),
      restart({ when: 'never' }),
      restart({ when: 'on-failure' }),
    ]
    for (const policy of policies) {
      expect(decideRestart(held, 0, policy, 0.5)).toEqual({ is: 'now', failures: 1 })
      expect(decideRestart(held, 3, policy, 0.5)).toEqual({ is: 'later', failures: 4, wait: 100, crashLoop: false })
      expect(decideRestart(held, 90, policy, 0.5)).toMatchObject({ is: 'later', wait: 30_000, crashLoop: false })
    }
  })
})
