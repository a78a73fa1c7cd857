import { describe, expect, test } from 'vitest'
import { formatForkCommand, parseForkStatus } from '../../src/wire/fork-messages.ts'

describe('what a forkserver says', () => {
  test.each([
    [
      '{"loaded":{"modules":3,"ms":1.5,"rss":7,"pid":9}}',
      { is: 'loaded', modules: 3, ms: 1.5, rss: 7, cold: null, pid: 9 },
    ],
    [
      '{"loaded":{"cold":"no fork here"}}',
      { is: 'loaded', modules: 0, ms: 0, rss: 0, cold: 'no fork here', pid: null },
    ],
    ['{"loaded":{"modules":-1,"ms":"x","pid":1}}', { is: 'loaded', modules: 0, ms: 0, rss: 0, cold: null, pid: null }],
    ['{"started":{"token":"7","pid":42}}', { is: 'started', token: '7', pid: 42 }],
    ['{"started":{"token":7,"pid":42}}', { is: 'started', token: '7', pid: 42 }],
    ['{"failed":{"token":"7","error":"no"}}', { is: 'failed', token: '7', error: 'no', unsound: false }],
    ['{"failed":{"token":"7","unsound":true}}', { is: 'failed', token: '7', error: 'no reason given', unsound: true }],
    ['{"error":"what?"}', { is: 'error', error: 'what?' }],
  ])('%s', (line, status) => expect(parseForkStatus(line)).toEqual(status))

  // A pid that is not one of a process would be signalled later: 0 is our own group, -1 everybody, 1 is init.
  test.each(['', '0', '1', '-1', '1.5', '"42"', 'null'])('a pid of %s starts nothing', (pid) => {
    const line = `{"started":{"token":"7","pid":${pid === '' ? '{}' : pid}}}`
    const status = parseForkStatus(line)
    expect(status).toMatchObject({ is: 'failed', token: '7', unsound: false })
    expect(status).toMatchObject({ error: expect.stringContaining('said that it is process') })
  })

  test('what it says is cut off: it goes into the journal, and into status', () => {
    for (const message of [{ error: 'x'.repeat(100_000) }, { failed: { token: '7', error: 'x'.repeat(100_000) } }]) {
      const status = parseForkStatus(JSON.stringify(message))
      expect(status !== null && 'error' in status ? status.error.length : 0).toBeLessThan(5_000)
    }
  })

  test.each(['hello', '[]', '7', 'null', '{', '{"loaded":7}', '{"error":{}}'])('%s is no message', (line) => {
    expect(parseForkStatus(line)).toMatchObject({ is: 'error' })
  })

  test('an empty line is nothing, and a long one is not repeated', () => {
    expect(parseForkStatus('  ')).toBeNull()
    const said = parseForkStatus('x'.repeat(100_000))
    expect(said?.is === 'error' && said.error.length).toBeLessThan(300)
  })
})

test('an order is one line, whatever stands in it', () => {
  const start = { id: 'web/0', token: '1', entry: 'a\nb', env: { A: '1\n2' } }
  const line = formatForkCommand({ start } as unknown as Parameters<typeof formatForkCommand>[0])
  expect(line.indexOf('\n')).toBe(line.length - 1)
  expect(JSON.parse(line)).toEqual({ start })
})
