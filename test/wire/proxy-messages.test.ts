import { expect, test } from 'vitest'
import type { ForkOrder } from '../../src/wire/fork-messages.ts'
import { parseProxyLogLine, proxyOrderOf, proxyStatusOf } from '../../src/wire/proxy-messages.ts'

test.each([
  [
    { status: 'started', name: 'a', pid: 7, exit_status: null },
    { is: 'proxy-started', name: 'a', pid: 7 },
  ],
  [
    { status: 'started', name: 'a', pid: '7' },
    { is: 'proxy-started', name: 'a', pid: 7 },
  ],
  [
    { status: 'stopped', name: 'a', pid: 7, exit_status: 256 },
    { is: 'proxy-stopped', name: 'a', status: 256 },
  ],
  [
    { status: 'stopped', name: 'a', exit_status: '9' },
    { is: 'proxy-stopped', name: 'a', status: 9 },
  ],
  // A pid that is none would be signalled: our own group, everybody, init.
  [{ status: 'started', name: 'a', pid: 0 }, null],
  [{ status: 'started', name: 'a', pid: -1 }, null],
  [{ status: 'started', name: 'a', pid: 1 }, null],
  [{ status: 'started', name: 'a' }, null],
  [{ status: 'started', pid: 7 }, null],
  [{ status: 'stopped', name: 'a', exit_status: -1 }, null],
  [{ status: 'dancing', name: 'a', pid: 7 }, null],
])('%j says %j', (value, status) => expect(proxyStatusOf(value)).toEqual(status))

test.each([
  ['out:web/0.1:hello', { stream: 'out', name: 'web/0.1', line: 'hello' }],
  ['err:a:b:c: d', { stream: 'err', name: 'a', line: 'b:c: d' }],
  ['out:-:its own', { stream: 'out', name: null, line: 'its own' }],
  ['odd:a:x', { stream: 'out', name: 'a', line: 'x' }],
  ['out:a:', { stream: 'out', name: 'a', line: '' }],
  ['no colons', null],
  ['out::x', null],
  ['', null],
])('the log line %j', (text, said) => expect(parseProxyLogLine(text)).toEqual(said))

test('an order says what it says to a forkserver, in the words of ControlFreak', () => {
  const order = {
    entry: 'x.pl',
    env: { A: '1' },
    stdin: { socket: 'http' },
    stdout: null,
    stderr: '/fifo',
    session: true,
  }
  expect(proxyOrderOf('web/0.1', order as unknown as ForkOrder)).toEqual({
    command: 'start',
    name: 'web/0.1',
    cmd: 'x.pl',
    env: { A: '1' },
    ignore_stdout: 1,
    ignore_stderr: 0,
    tie_stdin_to: 'http',
    no_new_session: 0,
  })
})
