import { expect, test } from 'vitest'
import { type CommandMessage, formatCommandMessage, parseCommandMessage } from '../../src/wire/command-messages.ts'

test.each<CommandMessage>([
  { stop: { reason: 'stop web "ü"\n', deadline: '2026-01-01T00:00:00.000Z' } },
  { reload: { config: { a: [1, null] } } },
  { promote: { slot: 2, token: '1000000007' } },
  { promote: { slot: 0, token: null } },
  { lost: { reason: 'lease' } },
])('%j is one line and read back', (message) => {
  const line = formatCommandMessage(message)
  expect(line.indexOf('\n')).toBe(line.length - 1)
  expect(parseCommandMessage(line)).toEqual(message)
})

test('the line that a shell writes at a promotion is understood', () => {
  expect(parseCommandMessage('{"promote":{"slot":0,"token":"7"}}')).toEqual({ promote: { slot: 0, token: '7' } })
})

test.each([
  '',
  'x',
  '{',
  'null',
  '[]',
  '1',
  '"stop"',
  '{}',
  '{"dance":{}}',
  '{"stop":true}',
  '{"stop":null}',
  '{"promote":[]}',
])('%j is ignored', (line) => {
  expect(parseCommandMessage(line)).toBeNull()
})

test('missing and wrong fields get harmless values', () => {
  expect(parseCommandMessage('{"stop":{}}')).toEqual({ stop: { reason: '', deadline: '' } })
  expect(parseCommandMessage('{"promote":{"slot":"x","token":7}}')).toEqual({ promote: { slot: 0, token: '7' } })
})
