import { execFile } from 'node:child_process'
import { chmodSync } from 'node:fs'
import { promisify } from 'node:util'
import { afterEach, describe, expect, test } from 'vitest'
import { accessOf, mayCall } from '../../src/control/peer-access.ts'
import { type Fixture, openFixture, sendRaw, until } from './fixture.ts'

const run = promisify(execFile)

describe('who may do what', () => {
  const rules = { owner: 1000, allowed: new Set([1001]) }
  test.each([
    [0, 'owner', true, true],
    [1000, 'owner', true, true],
    [1001, 'drive', true, false],
    [1002, null, false, false],
  ])('uid %d: %s', (uid, access, drives, owns) => {
    expect(accessOf(uid, rules)).toBe(access)
    const peer = { pid: 1, uid, access: accessOf(uid, rules) }
    expect(mayCall(peer, 'drive')).toBe(drives)
    expect(mayCall(peer, 'owner')).toBe(owns)
  })
})

/** As the user nobody (65534). */
const AS_NOBODY = `
  const socket = require('node:net').connect(process.argv[1], () => socket.write(process.argv[2]))
  let text = ''
  socket.on('data', (chunk) => { text += chunk })
  socket.on('error', (error) => { text = text || error.code })
  socket.on('close', () => process.stdout.write(text))
`

describe.skipIf(process.getuid?.() !== 0)('as another user, by the kernel’s word', () => {
  let fixture: Fixture
  afterEach(() => fixture.close())

  async function asNobody(request: string): Promise<string> {
    chmodSync(fixture.directory, 0o711)
    const argv = [
      '--reuid=65534',
      '--regid=65534',
      '--clear-groups',
      process.execPath,
      '-e',
      AS_NOBODY,
      fixture.path,
      request,
    ]
    return (await run('setpriv', argv)).stdout
  }

  const status = 'GET /v1/status HTTP/1.0\r\n\r\n'
  const post = (path: string) => `POST ${path} HTTP/1.0\r\n\r\n`

  test('a stranger cannot even connect to a socket of mode 0600', async () => {
    fixture = await openFixture()
    expect(await asNobody(status)).toBe('EACCES')
  })

  test('a stranger at an open socket is refused, whatever is asked', async () => {
    fixture = await openFixture({ mode: 0o666 })
    for (const request of [status, post('/v1/down'), post('/v1/targets/web/stop'), 'GET /nowhere HTTP/1.0\r\n\r\n']) {
      const answer = await asNobody(request)
      expect(answer).toMatch(/^HTTP\/1.1 403/)
      expect(answer).toContain('user 65534 may not control this supervisor')
    }
    expect(fixture.engine.asked).toEqual([])
  })

  test('strangers cannot use up the connections', async () => {
    fixture = await openFixture({ mode: 0o666, limits: { maxStrangers: 2 } })
    chmodSync(fixture.directory, 0o711)
    const many = `for (let i = 0; i < 10; i++) require('node:net').connect(process.argv[1]).on('error', () => {}); setInterval(() => {}, 1000)`
    const stranger = execFile('setpriv', [
      '--reuid=65534',
      '--regid=65534',
      '--clear-groups',
      process.execPath,
      '-e',
      many,
      fixture.path,
    ])
    await until(() => fixture.server.connections === 2, 'two are let in')
    expect((await sendRaw(fixture.path, status)).status).toBe(200)
    expect(fixture.server.connections).toBeLessThanOrEqual(3)
    stranger.kill('SIGKILL')
    await until(() => fixture.server.connections === 0, 'they are gone')
  })

  test('an allowed user drives, but neither applies, ends, dumps nor reads the config', async () => {
    fixture = await openFixture({ mode: 0o666, access: { owner: 0, allowed: new Set([65534]) } })
    expect(await asNobody(status)).toMatch(/^HTTP\/1.1 200/)
    expect(await asNobody(post('/v1/targets/web/restart'))).toMatch(/^HTTP\/1.1 200/)
    for (const request of [
      post('/v1/apply'),
      post('/v1/down'),
      'GET /v1/dump HTTP/1.0\r\n\r\n',
      'GET /v1/config HTTP/1.0\r\n\r\n',
    ]) {
      expect(await asNobody(request)).toMatch(/^HTTP\/1.1 403/)
    }
    expect(fixture.engine.asked.map((asked) => (asked as string[])[0])).toEqual(['status', 'operate'])
  })
})
