import { connect, type Socket } from 'node:net'
import { afterEach, describe, expect, test } from 'vitest'
import { callSupervisor } from '../../src/control/client.ts'
import { closed, type Fixture, opened, openFixture, sendRaw, until } from './fixture.ts'

let fixture: Fixture
const sockets: Socket[] = []
afterEach(async () => {
  for (const socket of sockets.splice(0)) socket.destroy()
  await fixture.close()
})

async function client(): Promise<Socket> {
  const socket = await opened(fixture.path)
  sockets.push(socket)
  return socket
}

const askStatus = () => callSupervisor(fixture.path, { method: 'GET', path: '/v1/status', answerWithin: 5 })

/** A status that does not fit into a socket's buffer. */
function largeReport(bytes: number): void {
  fixture.engine.report = {
    ...fixture.engine.report,
    supervisor: { ...fixture.engine.report.supervisor, name: 'x'.repeat(bytes) },
  }
}

describe('a client that is slow to ask', () => {
  test('a byte at a time is cut off at the deadline for the whole request, and told why', async () => {
    fixture = await openFixture({ limits: { requestDeadline: 150 } })
    const socket = await client()
    let text = ''
    socket.on('data', (chunk) => (text += chunk))
    const bytes = [...'GET /v1/status HTTP/1.1\r\nHost: a-name']
    const drip = setInterval(() => socket.writable && socket.write(bytes.shift() ?? 'e'), 20)
    socket.on('error', () => {})
    await closed(socket)
    clearInterval(drip)
    expect(text).toContain('400 Bad Request')
    expect(text).toContain('not complete within 0.15 s')
    await until(() => fixture.server.connections === 0, 'the connection is forgotten')
  })

  test('the same within the body', async () => {
    fixture = await openFixture({ limits: { requestDeadline: 150 } })
    const socket = await client()
    socket.write('POST /v1/down HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n{')
    socket.on('error', () => {})
    await closed(socket)
    expect(fixture.engine.asked).toEqual([])
  })

  test('one that says nothing at all', async () => {
    fixture = await openFixture({ limits: { requestDeadline: 100 } })
    const socket = await client()
    socket.resume()
    await closed(socket)
    await expect(askStatus()).resolves.toMatchObject({ status: 200 })
  })

  test('an operation may take longer than the deadline for the request', async () => {
    fixture = await openFixture({ limits: { requestDeadline: 50 } })
    fixture.engine.during = () => new Promise((resolve) => setTimeout(resolve, 200))
    const answer = await callSupervisor(fixture.path, { method: 'POST', path: '/v1/targets/web/restart', body: {} })
    expect(answer.body).toEqual(fixture.engine.outcome)
  })
})

describe('a client that does not read', () => {
  test('its answer is given up at the deadline', async () => {
    fixture = await openFixture({ limits: { answerDeadline: 150 } })
    largeReport(4 * 1024 * 1024)
    const socket = await client()
    socket.pause()
    socket.write('GET /v1/status HTTP/1.1\r\nHost: x\r\n\r\n')
    await until(() => fixture.server.connections === 1, 'connected')
    await until(() => fixture.server.connections === 0, 'given up')
  })

  test('many of them do not add up: the oldest are cut off', async () => {
    fixture = await openFixture({ limits: { maxWaiting: 8 * 1024 * 1024 } })
    largeReport(2 * 1024 * 1024)
    for (let i = 0; i < 20; i++) {
      const socket = await client()
      socket.pause()
      socket.write('GET /v1/status HTTP/1.1\r\nHost: x\r\n\r\n')
    }
    await until(() => fixture.engine.asked.length === 20, 'all have asked')
    await until(() => fixture.server.connections <= 5, 'the oldest are gone')
    // And one that reads is served.
    await expect(askStatus()).resolves.toMatchObject({ status: 200 })
  })

  test('an event stream is dropped when more than its share waits; the events go on for the others', async () => {
    fixture = await openFixture({ limits: { maxStreamBuffer: 256 * 1024 } })
    const stuck = await client()
    stuck.pause()
    stuck.write('GET /v1/events?follow=1&last=0 HTTP/1.1\r\nHost: x\r\n\r\n')
    let seen = 0
    const other = callSupervisor(fixture.path, {
      method: 'GET',
      path: '/v1/events?follow=1&last=0',
      onEvent: () => seen++,
    })
    other.catch(() => {})
    await until(() => fixture.engine.listeners.size === 2, 'both follow')
    const reason = 'x'.repeat(1000)
    let seq = 0
    // More than the stream's share and the two socket buffers, in pieces that the reading one can take.
    while (fixture.engine.listeners.size === 2 && seq < 5_000) {
      for (let i = 0; i < 20; i++) {
        const entry = { at: '2026-01-01T00:00:00.000Z', seq: ++seq, kind: 'supervisor' as const, event: 'e', reason }
        for (const listener of fixture.engine.listeners) listener(entry)
      }
      await new Promise((resolve) => setImmediate(resolve))
    }
    expect(fixture.engine.listeners.size).toBe(1)
    await until(() => seen === seq, 'the other has seen everything')
    let text = ''
    stuck.on('data', (chunk) => (text += chunk))
    stuck.resume()
    await closed(stuck)
    expect(text).toContain('event: error\ndata: {"code":"HF_SLOW_CLIENT"')
  })
})

test('nothing ticks when everybody is gone', async () => {
  fixture = await openFixture()
  const timers = () => process.getActiveResourcesInfo().filter((name) => name === 'Timeout').length
  const before = timers()
  await askStatus()
  const follower = await client()
  follower.write('GET /v1/events?follow=1 HTTP/1.0\r\n\r\n')
  await until(() => fixture.engine.listeners.size === 1, 'it follows')
  // Neither while somebody follows and nothing happens.
  expect(timers()).toBe(before)
  follower.destroy()
  await until(() => fixture.server.connections === 0, 'all are gone')
  expect(timers()).toBe(before)
})

describe('many at once', () => {
  test('a thousand connections that say nothing, and a thousand that ask', async () => {
    fixture = await openFixture()
    const silent = await Promise.all(Array.from({ length: 1000 }, client))
    const answers = await Promise.all(Array.from({ length: 900 }, askStatus))
    expect(answers.every(({ status }) => status === 200)).toBe(true)
    for (const socket of silent) socket.destroy()
    await until(() => fixture.server.connections === 0, 'all are forgotten')
  })

  test('more than there is room for are told so, the rest is served', async () => {
    fixture = await openFixture({ limits: { maxConnections: 3 } })
    const silent = [await client(), await client(), await client()]
    await until(() => fixture.server.connections === 3, 'three are there')
    expect((await sendRaw(fixture.path, 'GET /v1/status HTTP/1.1\r\nHost: x\r\n\r\n')).body).toContain('HF_BUSY')
    for (const socket of silent) socket.destroy()
    await until(() => fixture.server.connections === 0, 'all are gone')
    await expect(askStatus()).resolves.toMatchObject({ status: 200 })
  })
})

describe('requests in odd shapes', () => {
  test('a body of more than 1 MB is refused, and the answer is not lost', async () => {
    fixture = await openFixture({ limits: { maxBody: 1000 } })
    const body = 'x'.repeat(500_000)
    const answer = await sendRaw(
      fixture.path,
      `POST /v1/apply HTTP/1.1\r\nHost: x\r\nContent-Length: ${body.length}\r\n\r\n${body}`,
    )
    expect(answer.status).toBe(400)
    expect(answer.body).toContain('larger than 1000 bytes')
    expect(fixture.engine.asked).toEqual([])
  })

  test('a client that ends its side after the request is answered', async () => {
    fixture = await openFixture()
    fixture.engine.during = () => new Promise((resolve) => setTimeout(resolve, 30))
    const socket = await client()
    let text = ''
    socket.on('data', (chunk) => (text += chunk))
    socket.end('POST /v1/targets/web/start HTTP/1.0\r\n\r\n')
    await closed(socket)
    expect(text).toContain('200 OK')
  })

  test('a follower that leaves is forgotten at once, although nothing happens', async () => {
    fixture = await openFixture()
    const socket = await client()
    socket.write('GET /v1/events?follow=1 HTTP/1.0\r\n\r\n')
    await until(() => fixture.engine.listeners.size === 1, 'it follows')
    socket.destroy()
    await until(() => fixture.engine.listeners.size === 0 && fixture.server.connections === 0, 'it is forgotten')
  })

  test('a second request on the same connection is not carried out', async () => {
    fixture = await openFixture()
    const one = 'POST /v1/targets/web/start HTTP/1.1\r\nHost: x\r\n\r\n'
    const answer = await sendRaw(fixture.path, one + one)
    expect(answer.status).toBe(200)
    expect(fixture.engine.asked).toHaveLength(1)
  })

  test('a client that leaves in the middle of an operation: the operation goes on', async () => {
    fixture = await openFixture()
    let finished = false
    fixture.engine.during = async (onProgress) => {
      for (let i = 0; i < 5; i++) {
        onProgress({ service: 'web', message: `step ${i}` })
        await new Promise((resolve) => setTimeout(resolve, 10))
      }
      finished = true
    }
    const socket = connect(fixture.path, () => {
      socket.write('POST /v1/targets/web/restart HTTP/1.1\r\nHost: x\r\nAccept: text/event-stream\r\n\r\n')
    })
    socket.once('data', () => socket.destroy())
    await until(() => finished, 'the operation ends')
    await expect(askStatus()).resolves.toMatchObject({ status: 200 })
  })
})
