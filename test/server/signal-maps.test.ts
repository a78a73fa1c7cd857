import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import {
  type OwnSignalMap,
  SERVER_ACTIONS,
  SIGNAL_MAPS,
  type SignalMapName,
  signalFor,
  signalMap,
} from '../../src/server/signal-maps.ts'
import { signalsPage } from '../../src/server/signals-page.ts'

const NAMES = Object.keys(SIGNAL_MAPS) as SignalMapName[]

const short = (name: SignalMapName) =>
  Object.fromEntries([...signalMap(name)].map(([signal, actions]) => [signal.slice(3), actions.join(' ')]))

function refusal(choice: unknown) {
  try {
    signalMap(choice as OwnSignalMap)
  } catch (error) {
    return error
  }
  throw new Error('nothing was refused')
}

test('docs/reference/signals.md is what scripts/docs.mjs makes of the tables', () => {
  const file = join(import.meta.dirname, '../../docs/reference/signals.md')
  expect(readFileSync(file, 'utf8')).toBe(signalsPage())
})

describe('the maps', () => {
  test('which signal to send for a stop and nothing else', () => {
    const stop = (choice?: SignalMapName | OwnSignalMap) => signalFor('stop', choice)
    expect([stop(), stop('serverengine'), stop('ghost'), stop('unicorn')]).toEqual(['TERM', 'TERM', 'QUIT', 'QUIT'])
    expect(stop({ TERM: 'ignore' })).toBe('INT')
    expect(stop({ TERM: 'stop-now', INT: ['reopen-logs', 'stop'] })).toBeNull()
  })

  test('mean what the servers that they are named for mean', () => {
    expect(short('holdfast')).toEqual({
      TERM: 'stop',
      INT: 'stop',
      QUIT: 'stop-now',
      HUP: 'reload',
      USR1: 'reopen-logs',
      USR2: 'live-restart',
      TTIN: 'more-workers',
      TTOU: 'fewer-workers',
    })
    expect(short('serverengine')).toEqual({
      TERM: 'stop',
      QUIT: 'stop-now',
      USR1: 'reopen-logs restart',
      HUP: 'reopen-logs restart-now',
      USR2: 'reopen-logs reload',
      INT: 'detach',
      CONT: 'dump',
    })
    expect(short('ghost')).toEqual({
      INT: 'stop-now',
      TERM: 'stop-now',
      QUIT: 'stop',
      HUP: 'reload',
      TTIN: 'more-workers',
      TTOU: 'fewer-workers',
    })
    expect(short('unicorn')).toEqual({
      HUP: 'reload rolling-restart',
      QUIT: 'stop',
      TERM: 'stop-now',
      INT: 'stop-now',
      USR1: 'reopen-logs',
      USR2: 'live-restart',
      WINCH: 'stop-workers',
      TTIN: 'more-workers',
      TTOU: 'fewer-workers',
    })
  })

  test.each(NAMES)('%s: each signal once, one Node can catch, with a sentence of its own', (name) => {
    const rows = SIGNAL_MAPS[name]
    expect(new Set(rows.map(({ signal }) => signal)).size).toBe(rows.length)
    for (const { signal, actions, doc } of rows) {
      const nothing = () => {}
      process.on(signal, nothing)
      process.off(signal, nothing)
      expect(doc).toMatch(/^[A-Z].*\.$/)
      expect(doc).not.toContain('\n')
      for (const action of actions) expect(SERVER_ACTIONS).toHaveProperty([action])
    }
    // What a map accepts for itself, it also accepts when somebody writes it down.
    const written = Object.fromEntries(rows.map(({ signal, actions }) => [signal, actions]))
    for (const [signal, actions] of signalMap(name)) expect(signalMap(written).get(signal)).toEqual(actions)
  })
})

describe('a map of one’s own', () => {
  test('is laid over holdfast; keys with or without SIG in any case, one action, a list or a function', () => {
    const own = () => 'own'
    const map = signalMap({ usr1: 'restart', SIGWINCH: own, HUP: ['reload', own, 'rolling-restart'], INT: 'ignore' })
    expect(map.get('SIGUSR1')).toEqual(['restart'])
    expect(map.get('SIGWINCH')).toEqual([own])
    expect(map.get('SIGHUP')).toEqual(['reload', own, 'rolling-restart'])
    expect(map.get('SIGINT')).toEqual(['ignore'])
    expect(map.get('SIGTERM')).toEqual(['stop'])
    expect(signalMap('holdfast').get('SIGUSR1')).toEqual(['reopen-logs'])
  })

  test.each<[string, unknown, object]>([
    [
      'a signal that does not exist',
      { URS1: 'stop' },
      { message: 'unknown signal "URS1"', hint: 'Did you mean "USR1"?' },
    ],
    ['a word for a signal', { toString: 'stop' }, { code: 'HF_CONFIG_REFERENCE' }],
    ['KILL', { KILL: 'stop' }, { code: 'HF_CONFIG_VALUE', message: expect.stringMatching(/^the signal KILL can not/) }],
    ['STOP', { SIGSTOP: 'stop' }, { code: 'HF_CONFIG_VALUE' }],
    ['CHLD', { chld: 'stop' }, { code: 'HF_CONFIG_VALUE' }],
    ['CHLD by another name', { CLD: 'stop' }, { code: expect.stringMatching(/^HF_CONFIG/) }],
    ['KILL by its number', { 9: 'stop' }, { code: 'HF_CONFIG_VALUE' }],
    ['a crash', { SEGV: 'dump' }, { code: 'HF_CONFIG_VALUE' }],
    ['an abort', { ABRT: 'dump' }, { code: 'HF_CONFIG_VALUE' }],
    ['a real-time signal', { 'RTMIN+1': 'stop' }, { message: expect.stringContaining('real-time') }],
    ['an action that does not exist', { USR1: 'reopen' }, { message: 'unknown action "reopen"' }],
    ['a misspelt action', { USR1: 'rolling_restrat' }, { hint: 'Did you mean "rolling-restart"?' }],
    ['a misspelt action in a list', { USR1: ['stop', 'sotp'] }, { hint: 'Did you mean "stop"?' }],
    ['an inherited name as action', { USR1: 'constructor' }, { message: 'unknown action "constructor"' }],
    ['an empty list', { USR1: [] }, { message: expect.stringContaining('empty list') }],
    ['a number as action', { USR1: 3 }, { code: 'HF_CONFIG_TYPE', message: expect.stringContaining('found number') }],
    ['nothing as action', { USR1: null }, { message: expect.stringContaining('found null') }],
    ['a signal twice', { USR1: 'stop', SIGUSR1: 'stop' }, { code: 'HF_CONFIG_DUPLICATE' }],
    [
      'a map that does not exist',
      'unicron',
      { message: 'unknown signal map "unicron"', hint: 'Did you mean "unicorn"?' },
    ],
    ['an inherited name as map', 'toString', { message: 'unknown signal map "toString"' }],
    ['a list', ['USR1'], { message: expect.stringContaining('found a list') }],
    ['nothing', null, { code: 'HF_CONFIG_TYPE' }],
  ])('%s is refused', (_, choice, expected) => {
    expect(refusal(choice)).toMatchObject({ name: 'HoldfastError', exit: 2, ...expected })
  })
})
