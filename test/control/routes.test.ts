import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { callSupervisor } from '../../src/control/client.ts'
import { matchRoute, ROUTES } from '../../src/control/routes.ts'
import { HoldfastError } from '../../src/errors/holdfast-error.ts'
import { type Fixture, openFixture, sendRaw } from './fixture.ts'

let fixture: Fixture
beforeEach(async () => {
  fixture = await openFixture()
})
afterEach(() => fixture.close())

/** What the engine is asked when a route is called with these options. */
const EXPECTED: Record<string, { query?: string; body?: object; asked: unknown[] | null }> = {
  status: { query: '?target=web&target=db&memory=1', asked: ['status', { targets: ['web', 'db'], memory: true }] },
  start: { asked: ['operate', { verb: 'start', targets: ['web', 'db/1'] }] },
  stop: {
    body: { withDependents: true },
    asked: ['operate', { verb: 'stop', targets: ['web', 'db/1'], withDependents: true }],
  },
  restart: {
    body: { cold: true, replace: false },
    asked: ['operate', { verb: 'restart', targets: ['web', 'db/1'], cold: true, replace: false }],
  },
  reload: { asked: ['operate', { verb: 'reload', targets: ['web', 'db/1'] }] },
  scale: { body: { count: 4 }, asked: ['operate', { verb: 'scale', targets: ['web', 'db/1'], count: '4' }] },
  signal: {
    body: { signal: 'HUP', group: true },
    asked: ['operate', { verb: 'signal', targets: ['web', 'db/1'], signal: 'HUP', group: true }],
  },
  failover: { asked: ['operate', { verb: 'failover', targets: ['web', 'db/1'] }] },
  settled: { asked: ['settled'] },
  apply: { body: { dryRun: true }, asked: ['apply', expect.anything(), { dryRun: true, replace: false }] },
  down: { body: { timeout: '2s' }, asked: ['down', { timeout: 2000, immediate: false }] },
  events: { asked: null },
  logs: { asked: null },
  why: { asked: ['why', 'web'] },
  dump: { query: '?target=web', asked: ['dump', 'web'] },
  config: { asked: null },
}

test.each(ROUTES.map((route) => [route.name, route] as const))('%s reaches its handler', async (name, route) => {
  const { query = '', body, asked } = EXPECTED[name] ?? { asked: undefined }
  const target = name === 'why' ? 'web' : 'web,db%2F1'
  const path = route.path.replace('{target}', target) + query
  const { status } = await callSupervisor(fixture.path, { method: route.method, path, ...(body ? { body } : {}) })
  expect(status).toBe(200)
  expect(asked).not.toBeUndefined()
  expect(fixture.engine.asked).toEqual(asked === null ? [] : [asked])
})

test('every route is known by its own pattern and by no other', () => {
  for (const route of ROUTES) {
    const match = matchRoute(route.method, route.path.replace('{target}', 'web'))
    expect(match?.route.name).toBe(route.name)
    expect(matchRoute(route.method === 'GET' ? 'POST' : 'GET', route.path.replace('{target}', 'web'))).toBeNull()
  }
})

test('a comma separates targets, an escaped one belongs to its target', () => {
  expect(matchRoute('POST', '/v1/targets/web,%7Ba%2Cb%7D*/stop')?.targets).toEqual(['web', '{a,b}*'])
})

describe('what is not understood is refused by name, and the engine is not asked', () => {
  const json = (text: string) =>
    `POST /v1/targets/web/restart HTTP/1.1\r\nHost: x\r\nContent-Length: ${text.length}\r\n\r\n${text}`
  test.each([
    ['unknown path', 'GET /v2/status HTTP/1.1\r\nHost: x\r\n\r\n', 404, 'no such path: GET /v2/status'],
    ['wrong method', 'GET /v1/down HTTP/1.1\r\nHost: x\r\n\r\n', 404, 'no such path: GET /v1/down'],
    ['unknown verb', 'POST /v1/targets/web/explode HTTP/1.1\r\nHost: x\r\n\r\n', 404, 'no such path'],
    [
      'unknown parameter',
      'GET /v1/status?tagret=web HTTP/1.1\r\nHost: x\r\n\r\n',
      400,
      'unknown query parameter "tagret"',
    ],
    ['bad flag', 'GET /v1/events?follow=maybe HTTP/1.1\r\nHost: x\r\n\r\n', 400, 'follow must be 1 or 0'],
    ['bad number', 'GET /v1/events?last=-3 HTTP/1.1\r\nHost: x\r\n\r\n', 400, 'last must be a whole number'],
    ['bad duration', 'GET /v1/logs/web?since=soon HTTP/1.1\r\nHost: x\r\n\r\n', 400, 'since must be a duration'],
    ['bad stream', 'GET /v1/logs/web?stream=in HTTP/1.1\r\nHost: x\r\n\r\n', 400, 'stream must be out or err'],
    ['bad escape', 'GET /v1/why/%zz HTTP/1.1\r\nHost: x\r\n\r\n', 400, 'not valid percent-encoding'],
    ['two targets for why', 'GET /v1/why/a,b HTTP/1.1\r\nHost: x\r\n\r\n', 400, 'exactly one target'],
    ['malformed JSON', json('{"cold":tru'), 400, 'not valid JSON'],
    ['JSON that is no object', json('[1]'), 400, 'must be a JSON object'],
    ['unknown option', json('{"could":true}'), 400, 'unknown option "could"; known here: wait, cold, replace'],
    ['prototype key', json('{"__proto__":1,"constructor":1}'), 400, 'unknown option'],
    ['wrong type', json('{"cold":"yes"}'), 400, 'cold must be true or false'],
    ['scale without count', 'POST /v1/targets/web/scale HTTP/1.1\r\nHost: x\r\n\r\n', 400, 'count is missing'],
    ['not HTTP', 'hello\r\n\r\n', 400, 'not a valid HTTP request'],
    ['binary', '\u0016\u0003\u0001\u0002\u0000\u0001', 400, 'not a valid HTTP request'],
    [
      'headers of 100 KB',
      `GET /v1/status HTTP/1.1\r\nX: ${'x'.repeat(100_000)}\r\n\r\n`,
      400,
      'not a valid HTTP request',
    ],
  ])('%s', async (_what, bytes, status, message) => {
    const answer = await sendRaw(fixture.path, bytes)
    expect(answer.status).toBe(status)
    const body = JSON.parse(answer.body)
    expect(body.message).toContain(message)
    expect(body).toMatchObject({ code: expect.stringMatching(/^HF_/), hint: expect.any(String) })
    expect(fixture.engine.asked).toEqual([])
  })
})

describe('errors arrive at the client as they were thrown', () => {
  test('an unknown target', async () => {
    const asked = callSupervisor(fixture.path, { method: 'POST', path: '/v1/targets/nothing/restart', body: {} })
    await expect(asked).rejects.toMatchObject({
      code: 'HF_TARGET_UNKNOWN',
      message: 'nothing matches "nothing"',
      exit: 2,
    })
  })

  test('before the first event of a stream it is an answer with its own status', async () => {
    const answer = await sendRaw(
      fixture.path,
      'POST /v1/targets/nothing/stop HTTP/1.0\r\nAccept: text/event-stream\r\n\r\n',
    )
    expect(answer.status).toBe(404)
    expect(answer.head).toContain('application/json')
  })

  test('an exception that is no HoldfastError is an internal error with its text', async () => {
    fixture.engine.status = () => {
      throw new Error('boom')
    }
    const asked = callSupervisor(fixture.path, { method: 'GET', path: '/v1/status' })
    await expect(asked).rejects.toBeInstanceOf(HoldfastError)
    await expect(asked).rejects.toMatchObject({ code: 'HF_INTERNAL', message: 'internal error: boom', exit: 1 })
  })
})
