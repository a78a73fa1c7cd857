import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { formatListenFds, parseListenFds } from '../../src/wire/listen-fds.ts'
import {
  formatServerStarterPort,
  parseServerStarterPort,
  type StarterSocket,
} from '../../src/wire/server-starter-port.ts'

describe('LISTEN_FDS', () => {
  test('counts from fd 3, with names where there are some', () => {
    const env = { LISTEN_PID: '77', LISTEN_FDS: '3', LISTEN_FDNAMES: 'http::' }
    expect(parseListenFds(env, 77)).toEqual([
      { fd: 3, name: 'http' },
      { fd: 4, name: null },
      { fd: 5, name: null },
    ])
    expect(parseListenFds({ LISTEN_PID: '77', LISTEN_FDS: '1' }, 77)).toEqual([{ fd: 3, name: null }])
  })

  test('more names than fds are cut off', () => {
    expect(parseListenFds({ LISTEN_PID: '7', LISTEN_FDS: '1', LISTEN_FDNAMES: 'a:b' }, 7)).toEqual([
      { fd: 3, name: 'a' },
    ])
  })

  test.each([
    [{}],
    [{ LISTEN_FDS: '2' }],
    [{ LISTEN_PID: '78', LISTEN_FDS: '2' }],
    [{ LISTEN_PID: '', LISTEN_FDS: '2' }],
    [{ LISTEN_PID: '77x', LISTEN_FDS: '2' }],
    [{ LISTEN_PID: '77' }],
    [{ LISTEN_PID: '77', LISTEN_FDS: '0' }],
    [{ LISTEN_PID: '77', LISTEN_FDS: '-1' }],
    [{ LISTEN_PID: '77', LISTEN_FDS: '1.5' }],
    [{ LISTEN_PID: '77', LISTEN_FDS: '999999999' }],
  ])('%j is nothing for pid 77', (env) => {
    expect(parseListenFds(env, 77)).toEqual([])
  })

  test('what is written is read back', () => {
    const name = fc.stringMatching(/^[A-Za-z][A-Za-z0-9_-]{0,10}$/)
    fc.assert(
      fc.property(fc.array(name, { maxLength: 10 }), (names) => {
        const parsed = parseListenFds(formatListenFds(names, 5), 5)
        expect(parsed).toEqual(names.map((own, index) => ({ fd: 3 + index, name: own })))
      }),
    )
    expect(formatListenFds(['a', 'b'], null)).toEqual({ LISTEN_FDS: '2', LISTEN_FDNAMES: 'a:b' })
  })
})

describe('SERVER_STARTER_PORT', () => {
  test.each<[string, StarterSocket[]]>([
    ['', []],
    ['80=3', [{ kind: 'tcp', host: null, port: 80, fd: 3 }]],
    ['0.0.0.0:80=3', [{ kind: 'tcp', host: '0.0.0.0', port: 80, fd: 3 }]],
    ['[::]:80=4', [{ kind: 'tcp', host: '::', port: 80, fd: 4 }]],
    ['[::1]:8080=4;', [{ kind: 'tcp', host: '::1', port: 8080, fd: 4 }]],
    ['localhost:80=3', [{ kind: 'tcp', host: 'localhost', port: 80, fd: 3 }]],
    ['/tmp/app.sock=5', [{ kind: 'unix', path: '/tmp/app.sock', fd: 5 }]],
    ['/tmp/a=b:80=5', [{ kind: 'unix', path: '/tmp/a=b:80', fd: 5 }]],
    ['app.sock=5', [{ kind: 'unix', path: 'app.sock', fd: 5 }]],
    ['./80=5', [{ kind: 'unix', path: './80', fd: 5 }]],
    [
      '80=3;127.0.0.1:81=4;/s=5',
      [
        { kind: 'tcp', host: null, port: 80, fd: 3 },
        { kind: 'tcp', host: '127.0.0.1', port: 81, fd: 4 },
        { kind: 'unix', path: '/s', fd: 5 },
      ],
    ],
  ])('%j', (text, sockets) => {
    expect(parseServerStarterPort(text)).toEqual(sockets)
  })

  test.each([
    '80',
    '=3',
    '80=',
    '80=x',
    '80=-1',
    '99999=3',
    ':80=3',
    '[::]=3',
    '::1:80=3',
    'host:port=3',
    '80=3000000000',
  ])('%j is left out, its neighbour is not', (bad) => {
    expect(parseServerStarterPort(`${bad};81=4`)).toEqual([{ kind: 'tcp', host: null, port: 81, fd: 4 }])
  })

  test('what is written is read back', () => {
    const fd = fc.integer({ min: 0, max: 1_000_000 })
    const port = fc.integer({ min: 0, max: 65_535 })
    const host = fc.oneof(fc.ipV4(), fc.ipV6(), fc.constantFrom(null, 'localhost', 'a.example'))
    const path = fc.stringMatching(/^\/[^;\n]{1,30}$/).map((text) => text.trimEnd())
    const socket = fc.oneof(
      fc.record({ kind: fc.constant('tcp' as const), host, port, fd }),
      fc.record({ kind: fc.constant('unix' as const), path, fd }),
    )
    fc.assert(
      fc.property(fc.array(socket, { maxLength: 5 }), (sockets) => {
        expect(parseServerStarterPort(formatServerStarterPort(sockets))).toEqual(sockets)
      }),
    )
  })

  test('a path that cannot be written is refused', () => {
    expect(() => formatServerStarterPort([{ kind: 'unix', path: '/a;b', fd: 3 }])).toThrow(RangeError)
  })
})
