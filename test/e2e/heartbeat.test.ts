import { connect } from 'node:net'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { testWith } from './harness/requirement.ts'
import { newScene, PROGRAMS, type Scene } from './harness/scene.ts'
import { waitFor } from './harness/wait-for.ts'

const withPython = testWith('python3', 'python3')
const WEB = [process.execPath, join(PROGRAMS, 'web.mjs')]

async function heartbeatScene(): Promise<Scene> {
  const scene = newScene()
  scene.configure({
    sockets: { http: 'tcp://127.0.0.1:0' },
    services: {
      web: {
        command: WEB,
        sockets: ['http'],
        ready: 'notify',
        heartbeat: { interval: '200ms', timeout: '1s' },
        stop: { timeout: '8s' },
      },
    },
  })
  await scene.up()
  return scene
}

test('a worker whose event loop hangs is replaced within its heartbeat timeout plus a second', async () => {
  const scene = await heartbeatScene()
  const before = await scene.worker('web/0')
  expect(before.heartbeatAge).toBeLessThan(1)
  const started = performance.now()
  connect(await scene.port('http'), '127.0.0.1')
    .on('error', () => {})
    .end('GET /hang HTTP/1.1\r\nHost: x\r\n\r\n')
  const after = await waitFor(async () => {
    const worker = await scene.worker('web/0')
    return worker.ready && worker.pid !== before.pid ? worker : null
  })
  expect(performance.now() - started).toBeLessThan(2_000 + 1_000)
  expect(after?.restarts).toBe(1)
  const { out } = await scene.holdfast('why', 'web/0')
  expect(out).toMatch(/no heartbeat for 1(\.\d)?s/)
})

test('a supervisor that was stopped kills nobody for it, also together with its workers', async () => {
  const scene = await heartbeatScene()
  const before = await scene.worker('web/0')
  const supervisor = scene.supervisorPid()
  const worker = before.pid ?? 0
  for (const stopped of [[supervisor], [supervisor, worker]]) {
    for (const pid of stopped) process.kill(pid, 'SIGSTOP')
    // Longer than the heartbeat's timeout: this wait is the thing under test.
    const until = performance.now() + 3_000
    await waitFor(() => performance.now() > until)
    for (const pid of stopped) process.kill(pid, 'SIGCONT')
    await waitFor(async () => (await scene.events()).some(({ event }) => event === 'gap'))
    const again = performance.now() + 1_500
    await waitFor(() => performance.now() > again)
    expect(await scene.worker('web/0')).toMatchObject({ pid: worker, restarts: 0, ready: true })
  }
})

test('a heartbeat in any language: WATCHDOG=1 on the notification fd', async () => {
  const scene = newScene()
  const program =
    'echo READY=1 >&3; n=0; while [ ! -e silent ]; do echo WATCHDOG=1 >&3; sleep 0.1; done; exec sleep 1000'
  scene.configure({
    services: {
      beat: { command: ['sh', '-c', program], ready: 'notify', heartbeat: { interval: '100ms', timeout: '600ms' } },
    },
  })
  await scene.up()
  const { pid } = await scene.worker('beat/0')
  const until = performance.now() + 1_200
  await waitFor(() => performance.now() > until)
  expect((await scene.worker('beat/0')).pid).toBe(pid)
  scene.write('silent', '')
  await waitFor(async () => (await scene.worker('beat/0')).pid !== pid)
  expect((await scene.events()).some(({ reason }) => /no heartbeat for/.test(reason))).toBe(true)
})

withPython(
  'a worker that writes its first 16 bytes only does not inherit the request deadline of the one before it',
  async () => {
    const scene = newScene()
    const program = `
import os, struct, time
path, offset = os.environ["HOLDFAST_HEARTBEAT"].rsplit(":", 1)
table, offset = os.open(path, os.O_WRONLY), int(offset)
def beat(): os.pwrite(table, struct.pack("<IIQ", os.getpid(), 2, time.monotonic_ns() + 10_000_000_000), offset)
beat()
os.write(int(os.environ["HOLDFAST_NOTIFY_FD"]), b"READY=1\\n")
if not os.path.exists("once"):
    open("once", "w").close()
    os.pwrite(table, struct.pack("<Q", time.monotonic_ns() + 500_000_000), offset + 16)
    time.sleep(1000)
for beats in range(100000):
    beat()
    if beats == 20: print("beaten 20 times", flush=True)
    time.sleep(0.1)
`
    scene.configure({
      services: {
        half: {
          command: ['python3', '-c', program],
          ready: 'notify',
          requestTimeout: '500ms',
          heartbeat: { interval: '200ms', timeout: '10s' },
        },
      },
    })
    await scene.up()
    await waitFor(async () => (await scene.worker('half/0')).restarts === 1, { what: 'the first one replaced' })
    const { pid } = await scene.worker('half/0')
    // Four times its predecessor's deadline.
    await waitFor(async () => (await scene.holdfast('logs', 'half')).out.includes('beaten 20 times'), {
      what: '20 beats',
    })
    expect(await scene.worker('half/0')).toMatchObject({ pid, restarts: 1, ready: true })
  },
)
