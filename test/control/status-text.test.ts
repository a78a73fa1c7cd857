import { describe, expect, test } from 'vitest'
import type { Paint } from '../../src/control/colours.ts'
import { statusText } from '../../src/control/status-text.ts'
import type { ServiceReport, StatusReport } from '../../src/supervisor/status-report.ts'
import { service, worker } from '../cli/reports.ts'

const NOW = Date.parse('2026-01-01T01:00:00.000Z')
const plain: Paint = (_colour, text) => text

function show(
  services: ServiceReport[],
  changes: Partial<StatusReport> = {},
  width: number | null = null,
  paint = plain,
): string {
  const supervisor = {
    pid: 4,
    version: '1',
    startedAt: '2026-01-01T00:00:00.000Z',
    config: '/srv/holdfast.yaml',
    node: 'v20',
    name: 'shop',
  }
  return statusText(
    { supervisor, services, sockets: [], forkservers: [], locks: [], ...changes },
    { paint, width, now: NOW },
  )
}

test('one worker is one row with its service, several are rows below it', () => {
  const text = show([
    service('ticker', [worker('ticker/0', { restarts: 3, message: 'tick 12' })]),
    service(
      'web',
      [
        worker('web/0'),
        worker('web/1', { pid: null, rss: null, cpuSeconds: null, startedAt: null, ready: false, state: 'starting' }),
      ],
      {
        state: 'degraded',
      },
    ),
  ])
  expect(text).toBe(`shop  supervisor 4  up 1h  /srv/holdfast.yaml

SERVICE  STATE     READY  PID  UPTIME  RESTARTS   CPU   MEMORY  MESSAGE
ticker   running     1/1   77  3m 20s         3  4.2s  12.3 MB  tick 12
web      degraded    1/2                      0  4.2s  12.3 MB
  web/0  running     yes   77  3m 20s         0  4.2s  12.3 MB
  web/1  starting                             0
`)
})

describe('the message says why something does not run', () => {
  const lastExit = { code: 1, signal: null, at: '2026-01-01T00:59:59.000Z', reason: 'exited with code 1' }
  test.each([
    [
      'backoff with its next attempt',
      { state: 'backoff', lastExit, nextRetryAt: '2026-01-01T01:00:02.500Z' },
      'exited with code 1; retry in 2.5s',
    ],
    [
      'its turn',
      { state: 'waiting', message: 'waits for its turn', nextRetryAt: '2026-01-01T01:00:02.500Z' },
      'waits for its turn; starts in 2.5s',
    ],
    ['fatal', { state: 'fatal', lastExit }, 'exited with code 1'],
    [
      'not twice',
      { state: 'fatal', lastExit, message: 'given up: exited with code 1' },
      'given up: exited with code 1',
    ],
    [
      'not twice, the other way round',
      {
        state: 'fatal',
        message: 'shut down with web/1',
        lastExit: { ...lastExit, reason: 'killed by SIGTERM (asked to stop: shut down with web/1)' },
      },
      'shut down with web/1',
    ],
    ['not what is over', { state: 'running', lastExit }, ''],
    [
      'a replacement that is coming',
      { other: { pid: 9, generation: 2, state: 'coming', ready: false } },
      'new process 9 is starting',
    ],
  ] as const)('%s', (_what, changes, message) => {
    const row = show([service('web', [worker('web/0', changes)])]).split('\n')[3] ?? ''
    expect(row.slice(row.indexOf('12.3 MB') + 7).trim()).toBe(message)
  })

  test('a rollout that is not over', () => {
    const rollout = { state: 'failed' as const, reason: 'web/0 exited with code 1' }
    expect(show([service('web', [worker('web/0')], { target: 3, rollout })])).toContain(
      'rollout failed: web/0 exited with code 1',
    )
  })
})

test('sockets with their real ports, and the queue where it is known', () => {
  const sockets = [
    { name: 'http', listen: 'tcp://0.0.0.0:8080', queued: 2 },
    { name: 'dns', listen: 'udp://0.0.0.0:53', queued: null },
  ]
  expect(show([], { sockets })).toContain(
    'SOCKET  LISTEN              QUEUED\nhttp    tcp://0.0.0.0:8080  2\ndns     udp://0.0.0.0:53\n',
  )
})

test('on a terminal the message is cut at the edge, and colours do not shift the columns', () => {
  const services = [service('web', [worker('web/0', { message: 'm'.repeat(200) })])]
  const lines = show(services, {}, 100).split('\n')
  expect(Math.max(...lines.map((line) => line.length))).toBe(100)
  const coloured = show(services, {}, 100, (_colour, text) => `\u001b[1m${text}\u001b[0m`)
  expect(coloured.replace(/\u001b\[\dm/g, '')).toBe(lines.join('\n'))
})

test('PSS is named where it was asked for', () => {
  expect(show([service('web', [worker('web/0', { pss: 1024 })])])).toMatch(/ PSS .*\n.* 1.0 KB/)
})

test('on a narrow terminal columns are left out, the message last', () => {
  const services = [
    service('web', [worker('web/0', { state: 'backoff', ready: false, pid: 4711, message: 'exited with code 1' })]),
  ]
  const headerAt = (width: number) => show(services, {}, width).split('\n')[2]
  expect(headerAt(100)).toBe('SERVICE  STATE    READY   PID  UPTIME  RESTARTS   CPU   MEMORY  MESSAGE')
  expect(headerAt(80)).toBe('SERVICE  STATE    READY   PID  UPTIME  RESTARTS   MEMORY  MESSAGE')
  expect(headerAt(60)).toBe('SERVICE  STATE    READY   PID  RESTARTS  MESSAGE')
  expect(headerAt(40)).toBe('SERVICE  STATE    READY  MESSAGE')
  expect(show(services, {}, 40).split('\n')[3]).toBe('web      running    0/1  exited with co…')
  expect(headerAt(10)).toBe('SERVICE  STATE    READY  MESSAGE')
})

test('a lock that is not as it should be has a line, and who holds a slot and is none of ours', () => {
  const lock = { name: 'db', type: 'file', service: 'db', directory: '/l', mains: 1, holders: [] } as const
  const ok = { state: 'ok', problem: null } as const
  expect(show([], { locks: [{ ...lock, holders: [], strangers: [], health: ok }] })).not.toContain('lock')
  const text = show([], {
    locks: [
      {
        ...lock,
        name: 'shared',
        holders: [],
        strangers: [{ slot: 0, pid: 77, command: 'node db.js' }],
        health: { state: 'degraded', problem: 'nobody looks' },
      },
    ],
  })
  expect(text).toContain('lock shared of db is degraded: nobody looks\n')
  expect(text).toContain('lock shared of db: slot 0 is held by pid 77 (node db.js), which is not of this supervisor\n')
})

test('of a service with slots each worker that runs says what it is: main of which slot, with which token, or standby', () => {
  const workers = [worker('db/0', { message: 'warm' }), worker('db/1'), worker('db/2', { state: 'backoff', pid: null })]
  const lock = { name: 'db', type: 'file', service: 'db', directory: '/l', mains: 1 } as const
  const text = show([service('db', workers), service('web', [worker('web/0')])], {
    locks: [
      {
        ...lock,
        strangers: [],
        holders: [{ slot: 0, token: '1000000007', worker: 'db/1' }],
        health: { state: 'ok', problem: null },
      },
    ],
  })
  expect(text).toMatch(/db\/0 .* standby; warm$/m)
  expect(text).toMatch(/db\/1 .* main of slot 0, token 1000000007$/m)
  expect(text).toMatch(/db\/2 /m)
  expect(text).not.toMatch(/db\/2 .*standby/)
  expect(text).not.toMatch(/web .*main/)
})
