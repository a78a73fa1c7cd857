// The runtime directory is removed under a running supervisor.
import { readdirSync, readFileSync, rmSync, statSync, unlinkSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { mountTmpfs } from './harness/mount.ts'
import { isRoot, testWhere } from './harness/requirement.ts'
import { newScene, PROGRAMS, type Scene } from './harness/scene.ts'
import { waitFor } from './harness/wait-for.ts'

const SLEEP = ['sleep', '1000']

function isThere(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false }) !== undefined
}

/** Everything in it; the directory itself may be a mount point. */
function empty(scene: Scene): void {
  for (const name of readdirSync(scene.runtimeDir))
    rmSync(join(scene.runtimeDir, name), { recursive: true, force: true })
}

/** The control socket answers again. */
async function isBack(scene: Scene): Promise<void> {
  await waitFor(
    async () => isThere(join(scene.runtimeDir, 'holdfast.sock')) && (await scene.holdfast('status')).code === 0,
  )
}

function recordedPids(scene: Scene): number[] {
  const directory = join(scene.runtimeDir, 'workers')
  return readdirSync(directory).map((name) => JSON.parse(readFileSync(join(directory, name), 'utf8')).pid)
}

async function workerPids(scene: Scene): Promise<number[]> {
  const { services } = await scene.status()
  return services.flatMap(({ workers }) => workers.flatMap(({ pid }) => pid ?? []))
}

test('socket, lock, records, intent and pointer are made again, and no worker is touched', async () => {
  const scene = newScene()
  scene.configure({ services: { web: { command: SLEEP, instances: 2 }, idle: { command: SLEEP } } })
  await scene.up()
  await scene.holdfast('scale', 'web', '3')
  const before = await workerPids(scene)
  rmSync(scene.runtimeDir, { recursive: true })
  unlinkSync(scene.pointer)
  await waitFor(() => scene.isUp())
  await isBack(scene)
  expect(await workerPids(scene)).toEqual(before)
  expect(recordedPids(scene).sort()).toEqual(before.sort())
  expect(JSON.parse(scene.read('run/intent.json')).services.web.desired).toBe(3)
  expect(statSync(scene.runtimeDir).mode & 0o777).toBe(0o700)
  expect(
    (await scene.events()).some(({ reason }) => /something was removed from .*run; it is made anew/.test(reason)),
  ).toBe(true)

  // A second supervisor meets the lock, and what dies comes back.
  unlinkSync(scene.pointer)
  const second = await scene.holdfast('up', '--detach')
  expect(second.code).toBe(1)
  expect(second.err).toContain('already')
  process.kill(Number(/^\d+/.exec(scene.read('run/lock'))), 'SIGUSR1')
  await waitFor(() => scene.isUp())
  process.kill(before[0] ?? 0, 'SIGKILL')
  await waitFor(async () => (await scene.worker('web/0')).pid !== before[0] && (await scene.worker('web/0')).ready)
})

test('the socket alone; and the whole of it again and again', async () => {
  const scene = newScene()
  scene.configure({ services: { idle: { command: SLEEP } } })
  await scene.up()
  const before = await workerPids(scene)
  unlinkSync(join(scene.runtimeDir, 'holdfast.sock'))
  await isBack(scene)
  for (let times = 0; times < 3; times++) {
    rmSync(scene.runtimeDir, { recursive: true })
    await isBack(scene)
  }
  expect(await workerPids(scene)).toEqual(before)
})

test('a supervisor that is killed afterwards is known to the next one by the records', async () => {
  const scene = newScene()
  scene.configure({ services: { idle: { command: SLEEP } } })
  await scene.up()
  const [pid] = await workerPids(scene)
  rmSync(scene.runtimeDir, { recursive: true })
  await isBack(scene)
  process.kill(scene.supervisorPid(), 'SIGKILL')
  const up = await waitFor(async () => {
    const result = await scene.holdfast('up', '--detach')
    return result.err.includes('already') ? null : result
  })
  expect(up?.code).toBe(1)
  expect(up?.err).toContain(`idle/0 (pid ${pid})`)
})

testWhere(isRoot, 'a tmpfs of its own needs root')(
  'on a tmpfs: a worker whose heartbeat table is gone is not killed for it, and beats again after a restart',
  async () => {
    const scene = newScene()
    mountTmpfs(scene, 'run', 'size=4m,mode=700')
    const web = {
      command: [process.execPath, join(PROGRAMS, 'web.mjs')],
      sockets: ['http'],
      ready: 'notify',
      heartbeat: { interval: '100ms', timeout: '600ms' },
    }
    scene.configure({ sockets: { http: 'tcp://127.0.0.1:0' }, services: { web, idle: { command: SLEEP } } })
    await scene.up()
    const before = await scene.worker('web/0')
    empty(scene)
    await isBack(scene)
    await waitFor(async () => (await scene.events()).some(({ event }) => event === 'heartbeat-unseen'))
    const until = performance.now() + 1_000
    await waitFor(() => performance.now() > until)
    expect(await scene.worker('web/0')).toMatchObject({ pid: before.pid, ready: true, restarts: 0 })
    expect((await scene.holdfast('restart', 'web', 'idle')).code).toBe(0)
    const after = await scene.worker('web/0')
    expect(after.heartbeatAge).toBeLessThan(0.6)
    process.kill(after.pid ?? 0, 'SIGSTOP')
    await waitFor(async () => (await scene.worker('web/0')).restarts === 1)
  },
)
