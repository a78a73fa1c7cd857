// Every way to become ready, and what a worker can say of itself over its notification fd.
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { exchange } from './harness/exchange.ts'
import { freePort } from './harness/free-port.ts'
import { newScene, PROGRAMS, type Scene } from './harness/scene.ts'
import { waitFor } from './harness/wait-for.ts'

const AWAIT_GO = 'while [ ! -e go ]; do sleep 0.02; done'
const SLEEP = 'exec sleep 1000'

test('each way to become ready: not before, and then at once', async () => {
  const scene = newScene()
  const [tcp, http] = [await freePort(), await freePort()]
  const ipc = `setInterval(() => fs.existsSync('go') && process.send('ready'), 20)`
  const server = (kind: string, port: number) => [
    process.execPath,
    join(PROGRAMS, 'boot-server.mjs'),
    kind,
    String(port),
  ]
  scene.configure({
    services: {
      notify: { command: shell(AWAIT_GO, 'echo READY=1 >&$HOLDFAST_NOTIFY_FD', SLEEP), ready: 'notify' },
      newline: { command: shell(AWAIT_GO, 'echo >&$HOLDFAST_NOTIFY_FD', SLEEP), ready: 'notify' },
      ipc: { command: [process.execPath, '-e', `const fs = require('fs'); ${ipc}`], ready: { ipc: true } },
      tcp: { command: server('tcp', tcp), ready: { tcp: `127.0.0.1:${tcp}` } },
      http: { command: server('http', http), ready: { http: `http://127.0.0.1:${http}/health` } },
      exec: { command: shell(SLEEP), ready: { exec: ['test', '-e', 'go'] } },
      logOut: {
        command: shell('echo not yet', AWAIT_GO, 'echo "listening on 80"', SLEEP),
        ready: { log: '^listening on \\d+' },
      },
      logErr: { command: shell(AWAIT_GO, 'echo "listening on 80" >&2', SLEEP), ready: { log: 'listening' } },
      delay: { command: shell(SLEEP), ready: { delay: '800ms' } },
    },
  })
  const up = scene.holdfast('up', '--detach')
  // Probes have been made for longer than they need.
  await waitFor(async () => scene.isUp() && (await scene.worker('delay/0')).ready)
  const before = (await scene.status()).services.map(({ name, state, ready }) => `${name} ${state} ${ready}`)
  expect(
    before.filter((line) => !line.startsWith('delay')).every((line) => line.endsWith(' starting 0')),
    before.join(),
  ).toBe(true)
  scene.write('go', '')
  const { code, all } = await up
  expect(code, all).toBe(0)
  for (const { name, ready, workers } of (await scene.status()).services) {
    expect({ name, ready, restarts: workers[0]?.restarts }).toEqual({ name, ready: 1, restarts: 0 })
  }
})

test('what is not ready in time is ended, and the reason says so', async () => {
  const scene = newScene()
  const restart = { immediate: 0, initial: '20s', jitter: 0 }
  const hangs = { startTimeout: '300ms', restart }
  scene.configure({
    services: {
      notify: { command: shell('echo loading', SLEEP), ready: 'notify', ...hangs },
      exec: { command: shell(SLEEP), ready: { exec: 'false' }, ...hangs },
    },
  })
  const up = await scene.holdfast('up', '--detach')
  expect(up.code, up.all).toBe(1)
  expect(up.err).toContain('not ready within 0.3s')
  expect(up.err).toContain('    loading\n')
  for (const id of ['notify/0', 'exec/0']) {
    const worker = await scene.worker(id)
    expect(worker).toMatchObject({ state: 'backoff', failures: 1, pid: null, ready: false })
    expect(worker.lastExit?.reason).toMatch(/^not ready within 0\.3s: killed by SIGTERM/)
  }
})

test('EXTEND_TIMEOUT_USEC gives a slow start more time', async () => {
  const scene = newScene()
  const slow = shell(
    'echo EXTEND_TIMEOUT_USEC=20000000 >&$HOLDFAST_NOTIFY_FD',
    'sleep 1',
    'echo READY=1 >&$HOLDFAST_NOTIFY_FD',
    SLEEP,
  )
  scene.configure({ services: { slow: { command: slow, ready: 'notify', startTimeout: '500ms' } } })
  await scene.up()
  expect(await scene.worker('slow/0')).toMatchObject({ state: 'running', restarts: 0, failures: 0 })
})

test('a READY that was said before the deadline wins, although the supervisor reads it after', async () => {
  const scene = newScene()
  const startTimeout = 1_200
  const restart = { immediate: 0, initial: '20s', jitter: 0 }
  const common = { ready: 'notify', startTimeout: `${startTimeout}ms`, restart }
  scene.configure({
    services: {
      says: { command: shell(AWAIT_GO, 'echo READY=1 >&$HOLDFAST_NOTIFY_FD', ': > said', SLEEP), ...common },
      silent: { command: shell(SLEEP), ...common },
    },
  })
  const up = scene.holdfast('up', '--detach')
  await waitFor(() => scene.isUp())
  await waitFor(async () => (await scene.status()).services.length === 2 && (await scene.worker('says/0')).pid !== null)
  const supervisor = scene.supervisorPid()
  process.kill(supervisor, 'SIGSTOP')
  try {
    const stopped = Date.now()
    scene.write('go', '')
    await waitFor(() => scene.exists('said'))
    await waitFor(() => Date.now() > stopped + startTimeout)
  } finally {
    process.kill(supervisor, 'SIGCONT')
  }
  expect((await up).code).toBe(1)
  expect(await scene.worker('says/0')).toMatchObject({ state: 'running', ready: true, restarts: 0 })
  expect((await scene.worker('silent/0')).lastExit?.reason).toMatch(/^not ready within/)
})

test('STATUS= is shown; STOPPING=1 is an announced end: replaced, and no failure', async () => {
  const scene = newScene()
  const command = shell(
    'echo READY=1 >&$HOLDFAST_NOTIFY_FD',
    'echo "STATUS=serving 7 clients" >&$HOLDFAST_NOTIFY_FD',
    AWAIT_GO,
    'rm go',
    'echo STOPPING=1 >&$HOLDFAST_NOTIFY_FD',
    'sleep 0.1',
    'exit 3',
  )
  scene.configure({ services: { web: { command, ready: 'notify', restart: { when: 'never', resetAfter: '100ms' } } } })
  await scene.up()
  const before = await waitFor(async () => {
    const worker = await scene.worker('web/0')
    return worker.message === '' ? null : worker
  })
  expect(before?.message).toBe('serving 7 clients')
  expect((await scene.holdfast('status')).out).toContain('serving 7 clients')
  scene.write('go', '')
  const after = await waitFor(async () => {
    const worker = await scene.worker('web/0')
    return worker.ready && worker.pid !== before?.pid && worker.other === null ? worker : null
  })
  expect(after).toMatchObject({ failures: 0, state: 'running' })
  expect(after?.lastExit?.reason).toContain('as it had announced')
})

test('a worker that floods its notification fd hurts nobody', async () => {
  const scene = newScene()
  const flood = (text: string) => shell(`yes '${text}' >&$HOLDFAST_NOTIFY_FD`)
  scene.configure({
    services: {
      status: { command: flood('STATUS=busy'), ready: 'notify' },
      ready: { command: flood('READY=1'), ready: 'notify' },
      garbage: { command: shell("tr '\\0' x < /dev/zero >&$HOLDFAST_NOTIFY_FD") },
      calm: { command: shell(SLEEP) },
    },
  })
  const up = scene.holdfast('up', '--detach')
  await waitFor(async () => scene.isUp() && (await scene.worker('ready/0')).ready)
  await waitFor(async () => (await scene.worker('status/0')).message === 'busy')
  const times: number[] = []
  for (let i = 0; i < 10; i++) times.push(await timeOfStatus(scene))
  expect(Math.min(...times)).toBeLessThan(200)
  expect(times.toSorted((a, b) => a - b)[5]).toBeLessThan(200)
  const { pid } = await scene.worker('calm/0')
  process.kill(pid ?? 0, 'SIGKILL')
  await waitFor(async () => (await scene.worker('calm/0')).restarts === 1, { within: 2_000 })
  expect((await scene.holdfast('down')).code).toBe(0)
  await up
})

function shell(...lines: string[]): string[] {
  return ['sh', '-c', lines.join('\n')]
}

/** Milliseconds of one answer of the control socket. */
async function timeOfStatus(scene: Scene): Promise<number> {
  const started = performance.now()
  const answer = await exchange({ path: scene.path('run/holdfast.sock') }, 'GET /v1/status HTTP/1.0\r\n\r\n')
  expect(answer).toContain('200 OK')
  return performance.now() - started
}
