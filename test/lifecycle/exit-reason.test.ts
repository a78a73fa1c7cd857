import { describe, expect, it } from 'vitest'
import { describeExit, isClean, isFailure, isForced } from '../../src/lifecycle/exit-reason.ts'
import type { ProcessExit, StopReason } from '../../src/lifecycle/process-state.ts'
import { EXIT } from './representative-processes.ts'

const exit = (changes: Partial<ProcessExit>): ProcessExit => ({ ...EXIT, ...changes })
const killed = (signal: string, more: Partial<ProcessExit> = {}) => exit({ code: null, signal, ...more })
const asked = (kind: StopReason['kind'], text: string): Partial<ProcessExit> => ({ asked: { kind, text } })

describe('how a process ended, in words', () => {
  it.each<[ProcessExit, string]>([
    [exit({ code: 1 }), 'exited with code 1'],
    [killed('SEGV'), 'killed by SIGSEGV'],
    [exit({ code: null }), 'ended, how is unknown'],
    [exit({ code: 0, announced: true }), 'exited with code 0 as it had announced'],
    [exit({ code: null, spawnError: 'command not found: nginx' }), 'could not be started: command not found: nginx'],
    [
      exit({ code: null, spawnError: 'called back', ...asked('stop', 'scaled down') }),
      'not started after all: scaled down',
    ],
    [killed('KILL', asked('boot-timeout', 'not ready within 30s')), 'not ready within 30s: killed by SIGKILL'],
    [killed('TERM', asked('stop', 'scaled down')), 'killed by SIGTERM (asked to stop: scaled down)'],
  ])('%#: %s', (what, words) => {
    expect(describeExit(what)).toBe(words)
  })
})

describe('a clean end', () => {
  it.each<[string, ProcessExit, boolean]>([
    ['exit 0', exit({ code: 0 }), true],
    ['exit 0 at boot', exit({ code: 0, readyAt: null }), true],
    ['exit 1', exit({ code: 1 }), false],
    ['TERM after ready', killed('TERM'), true],
    ['INT after ready', killed('INT'), true],
    ['HUP after ready', killed('HUP'), true],
    ['TERM at boot', killed('TERM', { readyAt: null }), false],
    ['KILL', killed('KILL'), false],
    ['an end of which nothing is known', exit({ code: null }), false],
    ['exit 0 when a deadline of ours ended it', exit({ code: 0, ...asked('heartbeat', 'hung') }), false],
    ['exit 0 when it was asked to stop', exit({ code: 0, ...asked('stop', 'bye') }), true],
    ['none, for it never was', exit({ code: null, spawnError: 'no such file' }), false],
  ])('%s: %#', (_, what, clean) => {
    expect(isClean(what)).toBe(clean)
  })

  it('is not one that a deadline forced', () => {
    const kinds = ['stop', 'replace', 'boot-timeout', 'heartbeat', 'request', 'reload'] as const
    expect(kinds.filter((kind) => isForced({ kind, text: '' }))).toEqual([
      'boot-timeout',
      'heartbeat',
      'request',
      'reload',
    ])
  })
})

describe('a failure', () => {
  it.each<[string, Partial<ProcessExit>, boolean]>([
    ['never ready', { readyAt: null, at: 1_000_000 }, true],
    ['dead right after ready', { readyAt: 1_000, at: 1_999 }, true],
    ['dead when it had been ready long enough', { readyAt: 1_000, at: 2_000 }, false],
  ])('%s', (_, changes, failure) => {
    expect(isFailure(exit(changes), 1_000)).toBe(failure)
  })
})
