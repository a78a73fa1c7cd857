import { describe, expect, it } from 'vitest'
import type { EarlyDeathSpec } from '../../src/config/effective.ts'
import { shutDownCause } from '../../src/lifecycle/early-death.ts'
import type { ProcessExit } from '../../src/lifecycle/process-state.ts'
import { type SpecChanges, serviceSpec } from '../model/service-spec.ts'
import { BOOTING, EXIT, READY, WHY } from './representative-processes.ts'
import { contextOf, draining, running, slotIn, starting } from './representative-slots.ts'
import { at, deeds, dies, run } from './slot-run.ts'

const SHUT_DOWN: EarlyDeathSpec = { firstBoot: 'shut-down', newGeneration: 'shut-down', steady: 'shut-down' }
const AT_BOOT: ProcessExit = { ...EXIT, readyAt: null }
const SOON: ProcessExit = { ...EXIT, readyAt: EXIT.at - 200 }
const CLEAN_JOB: ProcessExit = { ...AT_BOOT, code: 0 }

const cause = (exit: ProcessExit, changes: SpecChanges = {}): string | null =>
  shutDownCause(exit, serviceSpec({ earlyDeath: SHUT_DOWN, ...changes }), 'steady')

describe('an early death', () => {
  it.each<[string, ProcessExit, string]>([
    ['at boot', AT_BOOT, 'exited with code 1, before it was ready'],
    ['soon after', SOON, 'exited with code 1, too soon after it was ready'],
    ['without a process', { ...AT_BOOT, code: null, spawnError: 'no such file' }, 'could not be started: no such file'],
    [
      'by our hand',
      { ...AT_BOOT, code: null, signal: 'KILL', asked: { kind: 'boot-timeout', text: 'not ready within 30s' } },
      'not ready within 30s: killed by SIGKILL',
    ],
    ['with code 0', CLEAN_JOB, 'exited with code 0, before it was ready'],
  ])('shuts down where it is told to: %s', (_, exit, text) => {
    expect(cause(exit)).toContain(text)
    expect(cause(exit)).toContain('earlyDeath.steady is shut-down')
  })

  it.each<[string, ProcessExit, SpecChanges]>([
    ['after a sound life', { ...EXIT, readyAt: EXIT.at - 1_000 }, {}],
    ['where it is not told to', AT_BOOT, { earlyDeath: { ...SHUT_DOWN, steady: 'back-off' } }],
    ['of a job that is done', CLEAN_JOB, { restart: { when: 'on-failure' } }],
    ['of a job that is run once', CLEAN_JOB, { restart: { when: 'never' } }],
    ['with a code that has a rule of its own', AT_BOOT, { restart: { unrecoverable: [1] } }],
    [
      'where it only got no lock',
      { ...AT_BOOT, code: null, spawnError: 'held back by the stop file', gotNoLock: true },
      {},
    ],
  ])('does not %s', (_, exit, changes) => {
    expect(cause(exit, changes)).toBeNull()
  })

  it('of a job that fails, or says that it will be back, is one', () => {
    expect(cause(AT_BOOT, { restart: { when: 'never' } })).not.toBeNull()
    expect(cause({ ...CLEAN_JOB, announced: true }, { restart: { when: 'on-failure' } })).not.toBeNull()
    expect(cause({ ...AT_BOOT, code: null, signal: 'SEGV' }, { restart: { unrecoverable: [1] } })).not.toBeNull()
  })
})

describe('a slot whose process dies early', () => {
  const context = contextOf({ earlyDeath: SHUT_DOWN })

  it('is fatal, counts it, and says that the service is to end', () => {
    const [slot, effects] = run(slotIn(starting(), { failures: 2 }), context, dies(1, 3))
    expect(slot).toMatchObject({ phase: { is: 'fatal', generation: 1 }, failures: 3, lastExit: { code: 3 } })
    expect(deeds(effects)).toEqual(['1: forget-readiness', '1: release', 'end-strays', 'shut-down'])
    expect(effects).toContainEqual(
      expect.objectContaining({ do: 'note', from: 'starting', to: 'fatal', reason: expect.stringContaining('code 3') }),
    )
  })

  it('asks which case it is', () => {
    const steady = contextOf({ earlyDeath: { steady: 'shut-down' } })
    expect(run(slotIn(starting()), steady, dies(1))[0].phase.is).toBe('fatal')
    const first = { ...steady, earlyDeathCase: () => 'firstBoot' as const }
    expect(run(slotIn(starting()), first, dies(1))[0].phase.is).toBe('starting')
  })
})

describe('a slot that is given up with another one', () => {
  const context = contextOf()
  const giveUp = { is: 'give-up', at, why: 'shut down with web/1' } as const

  it.each([
    ['stopped', { is: 'stopped', since: 0, why: 'not started yet' }],
    ['waiting', { is: 'waiting', since: 0, on: ['db (ready)'] }],
    ['backoff', { is: 'backoff', since: 0, until: 9_000, crashLoop: false }],
  ] as const)('without a process is fatal at once: %s', (_, phase) => {
    const [slot, effects] = run(slotIn(phase), context, giveUp)
    expect(slot.phase).toEqual({ is: 'fatal', since: at, generation: 1, why: 'shut down with web/1' })
    expect(deeds(effects)).toEqual(['end-strays'])
  })

  it('ends its other process as well, and what has left both of them after that', () => {
    const phase = { is: 'backoff', since: 0, until: 9_000, crashLoop: false } as const
    const [leaving, effects] = run(slotIn(phase, { other: draining(READY) }), context, giveUp)
    expect(leaving.phase.is).toBe('fatal')
    expect(deeds(effects)).toContain('2: signal TERM')
    const [slot, more] = run(leaving, context, dies(2, 0))
    expect(slot).toMatchObject({ phase: { is: 'fatal' }, other: null })
    expect(deeds(more)).toContain('end-strays')
  })

  it.each([
    ['booting', BOOTING],
    ['ready', READY],
  ] as const)('stops its process first: %s', (_, state) => {
    const [leaving, effects] = run(slotIn(running({}, state)), context, giveUp)
    expect(leaving.phase).toMatchObject({ is: 'stopping', next: { fatal: 'shut down with web/1' } })
    expect(deeds(effects)).toContain('1: signal TERM')
    const [slot, more] = run(leaving, context, dies(1, 0, at + 10))
    expect(slot.phase).toEqual({ is: 'fatal', since: at + 10, generation: 1, why: 'shut down with web/1' })
    expect(deeds(more)).toContain('end-strays')
  })

  it('is stopped where the operator says so meanwhile, and filled where it is started again', () => {
    const [leaving] = run(slotIn(running()), context, giveUp)
    const [stopped] = run(leaving, context, { is: 'stop', at, why: WHY }, dies(1, 0))
    expect(stopped.phase.is).toBe('stopped')
    const [vacant] = run(leaving, context, { is: 'retire', at, why: WHY }, dies(1, 0))
    expect(vacant.phase.is).toBe('stopped')
  })
})
