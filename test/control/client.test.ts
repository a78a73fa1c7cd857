import { mkdtempSync, rmSync } from 'node:fs'
import { createServer, type Server, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { callSupervisor } from '../../src/control/client.ts'
import type { Progress } from '../../src/supervisor/engine-api.ts'
import { type Fixture, openFixture } from './fixture.ts'

describe('against the server', () => {
  let fixture: Fixture
  beforeEach(async () => {
    fixture = await openFixture()
  })
  afterEach(() => fixture.close())

  test('progress comes as it happens, then the outcome', async () => {
    const steps: Progress[] = []
    let second = () => {}
    fixture.engine.during = async (onProgress) => {
      onProgress({ service: 'web', message: 'first ü' })
      await new Promise<void>((resolve) => {
        second = resolve
      })
      onProgress({ service: 'web', message: 'second' })
    }
    const answer = await callSupervisor(fixture.path, {
      method: 'POST',
      path: '/v1/targets/web/restart',
      body: {},
      onEvent(event, data) {
        if (event !== 'progress') return
        steps.push(data as Progress)
        second()
      },
    })
    expect(steps.map(({ message }) => message)).toEqual(['first ü', 'second'])
    expect(answer).toEqual({ status: 200, event: 'done', body: fixture.engine.outcome })
  })

  test('a failed operation is an answer, with and without events', async () => {
    fixture.engine.outcome = {
      ok: false,
      services: [{ service: 'web', ok: false, message: 'no', step: 'boot of web/0', lastOutput: ['a', 'b'] }],
    }
    const request = { method: 'POST', path: '/v1/targets/web/restart', body: {} } as const
    const streamed = await callSupervisor(fixture.path, { ...request, onEvent() {} })
    expect(streamed.body).toEqual(fixture.engine.outcome)
    const plain = await callSupervisor(fixture.path, request)
    expect(plain.status).toBe(409)
    expect(plain.body).toMatchObject({
      ...fixture.engine.outcome,
      code: 'HF_OPERATION_FAILED',
      message: 'restart failed: web',
    })
  })

  test('wait: false is answered at once, what is refused is still refused', async () => {
    let end = () => {}
    fixture.engine.during = () => new Promise((resolve) => (end = resolve))
    const request = { method: 'POST', body: { wait: false } } as const
    const accepted = await callSupervisor(fixture.path, { ...request, path: '/v1/targets/web/restart' })
    expect(accepted).toMatchObject({ status: 202, body: { accepted: true } })
    end()
    await expect(
      callSupervisor(fixture.path, { ...request, path: '/v1/targets/nothing/restart' }),
    ).rejects.toMatchObject({ code: 'HF_TARGET_UNKNOWN' })
  })

  test('an aborted wait rejects with the reason; the operation goes on', async () => {
    let ended = false
    fixture.engine.during = async () => {
      await new Promise((resolve) => setTimeout(resolve, 50))
      ended = true
    }
    const controller = new AbortController()
    setTimeout(() => controller.abort(new Error('enough')), 10)
    const asked = callSupervisor(fixture.path, {
      method: 'POST',
      path: '/v1/targets/web/stop',
      body: {},
      signal: controller.signal,
    })
    await expect(asked).rejects.toThrow('enough')
    await expect.poll(() => ended).toBe(true)
  })

  test('a large answer comes whole', async () => {
    const name = 'ä'.repeat(3_000_000)
    fixture.engine.report = { ...fixture.engine.report, supervisor: { ...fixture.engine.report.supervisor, name } }
    const { body } = await callSupervisor(fixture.path, { method: 'GET', path: '/v1/status' })
    expect(body).toEqual(fixture.engine.report)
  })
})

describe('where no supervisor answers', () => {
  let directory: string
  let server: Server | null = null
  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), 'holdfast-client-'))
  })
  afterEach(() => {
    server?.close()
    rmSync(directory, { recursive: true, force: true })
  })

  async function serve(onConnection: (socket: Socket) => void): Promise<string> {
    const path = join(directory, 's')
    server = createServer(onConnection).listen(path)
    await new Promise((resolve) => server?.once('listening', resolve))
    return path
  }
  const status = { method: 'GET', path: '/v1/status' } as const

  test('no socket file', async () => {
    const error = await callSupervisor(join(directory, 's'), status).catch((caught) => caught)
    expect(error).toMatchObject({ code: 'HF_UNREACHABLE', exit: 5, hint: 'Start it with: holdfast up' })
  })

  test('a server that hangs up without a word', async () => {
    const path = await serve((socket) => socket.destroy())
    await expect(callSupervisor(path, status)).rejects.toMatchObject({ code: 'HF_CONNECTION_LOST', exit: 5 })
  })

  test('a server that dies within its answer', async () => {
    const path = await serve((socket) =>
      socket.end('HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n{"services":['),
    )
    await expect(callSupervisor(path, status)).rejects.toMatchObject({ code: 'HF_CONNECTION_LOST' })
  })

  test('a server that accepts and never answers', async () => {
    const path = await serve(() => {})
    await expect(callSupervisor(path, { ...status, answerWithin: 0.05 })).rejects.toMatchObject({
      code: 'HF_NO_ANSWER',
      exit: 5,
    })
  })

  test('an error of another version is shown with its text', async () => {
    const body = '{"code":"HF_FROM_THE_FUTURE","message":"not today","hint":""}'
    const path = await serve((socket) =>
      socket.end(`HTTP/1.1 409 Conflict\r\nContent-Length: ${body.length}\r\n\r\n${body}`),
    )
    await expect(callSupervisor(path, status)).rejects.toMatchObject({ message: 'internal error: not today' })
  })

  test('events that arrive cut in the middle of a character and of an event', async () => {
    const stream = Buffer.from(
      'HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\nevent: line\ndata: "häh"\n\nevent: done\ndata: {}\n\n',
    )
    const path = await serve((socket) => {
      socket.setNoDelay(true)
      let at = 0
      const more = setInterval(() => {
        socket.write(stream.subarray(at, ++at))
        if (at === stream.length) {
          clearInterval(more)
          socket.end()
        }
      }, 0)
    })
    const seen: unknown[] = []
    const answer = await callSupervisor(path, { ...status, onEvent: (event, data) => seen.push([event, data]) })
    expect(seen).toEqual([
      ['line', 'häh'],
      ['done', {}],
    ])
    expect(answer.event).toBe('done')
  })
})
