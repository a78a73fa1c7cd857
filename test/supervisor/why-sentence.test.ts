import { expect, it } from 'vitest'
import type { JournalEntry } from '../../src/supervisor/engine-api.ts'
import { whySentence } from '../../src/supervisor/why-sentence.ts'

let seq = 0
function entry(event: string, more: Partial<JournalEntry> = {}): JournalEntry {
  const common = { at: 'T', seq: seq++, kind: 'worker', service: 'web', worker: 'web/0', generation: 1 } as const
  return { ...common, event, reason: `because of ${event}`, ...more }
}

const FIRST = [
  entry('start', { to: 'starting' }),
  entry('exited', { to: 'starting', reason: 'exited with code 0; restarted at once' }),
  entry('background', { reason: 'it has put itself into the background' }),
]
const HINT = /; it has put itself into the background$/

it.each<[string, JournalEntry[]]>([
  ['after its first start', FIRST],
  ['while its successor runs', [...FIRST, entry('tick', { from: 'starting', to: 'running' })]],
  ['when the next one finds its port taken', [...FIRST, entry('exited', { to: 'backoff' })]],
  ['when it is not started again', [...FIRST, entry('exited', { to: 'exited' })]],
])('says that a program has put itself into the background: %s', (_, entries) => {
  expect(whySentence('web/0', entries)).toMatch(HINT)
})

const TURN = entry('turn', { from: 'waiting', to: 'starting', reason: 'its turn has come' })
const RUNS = entry('ready', { from: 'starting', to: 'running' })

it.each<[string, JournalEntry[], string]>([
  [
    'a first start',
    [entry('start', { to: 'waiting', reason: 'waits for its turn' })],
    'web/0 waits for its turn since T',
  ],
  [
    'a restart',
    [entry('exited', { to: 'waiting', reason: 'waits for its turn: could not be started: no such file' })],
    'web/0 waits for its turn since T: could not be started: no such file',
  ],
  [
    'others',
    [entry('wait', { to: 'waiting', reason: 'waits for db (ready), mq (started)' })],
    'web/0 waits for db (ready), mq (started) since T',
  ],
])('says what it waits for: %s', (_, entries, sentence) => {
  expect(whySentence('web/0', entries)).toBe(sentence)
})

it.each<[string, JournalEntry[], string]>([
  ['for the first time', [entry('wait', { to: 'waiting' }), entry('start', { to: 'waiting' }), TURN, RUNS], ''],
  [
    'in place of another one',
    [entry('exited', { to: 'waiting', reason: 'waits for its turn: exited with code 1' }), TURN, RUNS],
    '; it was replaced: exited with code 1',
  ],
])('knows what it was started for when its turn came: %s', (_, entries, cause) => {
  expect(whySentence('web/0', entries)).toBe(`web/0 runs since T${cause}`)
})

it('is about the worker, not about the service that is shut down with it', () => {
  const all = entry('shut-down', { kind: 'rollout', to: 'shut-down', reason: 'the service is shut down' })
  expect(whySentence('web/0', [entry('exited', { to: 'fatal', reason: 'exited with code 3' }), all])).toBe(
    'web/0 is given up since T: exited with code 3',
  )
})

it.each<[string, JournalEntry[]]>([
  ['once its strays were ended', [...FIRST, entry('process', { to: 'stopped' }), entry('strays')]],
  ['of another generation', [...FIRST, entry('restart', { to: 'running', generation: 2 })]],
  ['where it never did', FIRST.slice(0, 2)],
])('does not say so %s', (_, entries) => {
  expect(whySentence('web/0', entries)).not.toMatch(HINT)
})
