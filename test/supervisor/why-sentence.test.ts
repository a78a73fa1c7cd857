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

it.each<[string, JournalEntry[]]>([
  ['once its strays were ended', [...FIRST, entry('process', { to: 'stopped' }), entry('strays')]],
  ['of another generation', [...FIRST, entry('restart', { to: 'running', generation: 2 })]],
  ['where it never did', FIRST.slice(0, 2)],
])('does not say so %s', (_, entries) => {
  expect(whySentence('web/0', entries)).not.toMatch(HINT)
})
