// The engine's side of forkservers, with a forkserver of somebody's own. The runners have tests of their own.
import { rmSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { childrenOf } from '../../src/os/descendants.ts'
import type { ForkserverReport, ServiceReport } from '../../src/supervisor/status-report.ts'
import { factsOf } from './harness/process-facts.ts'
import { newScene, PROGRAMS, type Scene } from './harness/scene.ts'
import { waitFor } from './harness/wait-for.ts'

const OWN = ['python3', join(PROGRAMS, 'own-forkserver.py')]

interface Configured {
  readonly forkserver?: Record<string, unknown>
  readonly web?: Record<string, unknown>
  readonly services?: Record<string, Record<string, unknown>>
}

function forkScene({ forkserver = {}, web = {}, services = {} }: Configured = {}): Scene {
  const scene = newScene()
  configure(scene, { forkserver, web, services })
  return scene
}

function configure(scene: Scene, { forkserver = {}, web = {}, services = {} }: Configured): void {
  const common = { forkserver: 'app', entry: 'serve', ready: 'notify', stop: { timeout: '2s' } }
  scene.configure({
    forkservers: { app: { command: OWN, cwd: scene.dir, ...forkserver } },
    services: {
      web: { ...common, instances: 2, ...web },
      ...Object.fromEntries(Object.entries(services).map(([name, service]) => [name, { ...common, ...service }])),
    },
  })
}

async function forkserverOf(scene: Scene): Promise<ForkserverReport> {
  const [report] = (await scene.status()).forkservers
  if (report === undefined) throw new Error('no forkserver in status')
  return report
}

const pidsOf = ({ workers }: ServiceReport) => workers.map(({ pid }) => pid ?? 0)

test('E1.40, E1.45: it starts with its first worker and ends with its last; workers are children of the supervisor', async () => {
  const scene = forkScene({ web: { autostart: false } })
  await scene.up()
  expect(await forkserverOf(scene)).toMatchObject({ state: 'stopped', pid: null, workers: 0 })
  expect((await scene.holdfast('start', 'web')).code).toBe(0)
  const { supervisor, services } = await scene.status()
  const web = services[0] as ServiceReport
  expect(await forkserverOf(scene)).toMatchObject({
    state: 'running',
    ready: true,
    workers: 2,
    forks: 2,
    generation: 1,
  })
  for (const worker of web.workers) {
    expect(childrenOf(supervisor.pid)).toContain(worker.pid)
    expect(factsOf(worker.pid ?? 0)).toMatchObject({ session: worker.pid, group: worker.pid })
  }
  expect((await scene.holdfast('logs', 'web')).out).toContain('web/0 out web/0 runs serve of 1')
  expect((await scene.holdfast('logs', 'forkserver:app')).out).toContain('forkserver:app@1 out loading version 1')
  expect((await scene.holdfast('stop', 'web')).code).toBe(0)
  await waitFor(async () => (await forkserverOf(scene)).pid === null)
})

test('the death of a forkserver harms no worker; it comes back, and forks again', async () => {
  const scene = forkScene()
  await scene.up()
  const before = pidsOf(await scene.service('web'))
  const first = (await forkserverOf(scene)).pid ?? 0
  process.kill(first, 'SIGKILL')
  await waitFor(async () => {
    const { pid, ready } = await forkserverOf(scene)
    return ready && pid !== first
  })
  expect(pidsOf(await scene.service('web'))).toEqual(before)
  process.kill(before[0] ?? 0, 'SIGKILL')
  await waitFor(async () => (await scene.worker('web/0')).pid !== before[0] && (await scene.worker('web/0')).ready)
  expect(await forkserverOf(scene)).toMatchObject({ restarts: 1, workers: 2, generation: 1 })
})

test('restart: a forkserver that has loaded since comes first, the old one ends with its last worker', async () => {
  const scene = forkScene({ services: { api: { instances: 1 } } })
  await scene.up()
  scene.write('version', '2')
  expect((await scene.holdfast('restart', 'web')).code).toBe(0)
  const after = await forkserverOf(scene)
  expect(after).toMatchObject({ generation: 2, workers: 2, others: [{ generation: 1, workers: 1 }] })
  expect((await scene.holdfast('logs', 'web')).out).toContain('web/1 runs serve of 2')
  // A worker that crashes comes back with the code it had.
  process.kill((await scene.worker('api/0')).pid ?? 0, 'SIGKILL')
  await waitFor(async () => (await scene.holdfast('logs', 'api')).out.split('runs serve of 1').length === 3)
  // One slot, or more of them, is no new generation.
  expect((await scene.holdfast('restart', 'web/0')).code).toBe(0)
  expect((await scene.holdfast('scale', 'web', '3')).code).toBe(0)
  expect(await forkserverOf(scene)).toMatchObject({ generation: 2, workers: 3 })
  expect((await scene.holdfast('restart', 'api')).code).toBe(0)
  await waitFor(async () => (await forkserverOf(scene)).others.every(({ generation }) => generation !== 1))
})

test('restart forkserver:app rolls all its services over to one that they share', async () => {
  const scene = forkScene({ services: { api: { instances: 1 } } })
  await scene.up()
  scene.write('version', '2')
  const restart = await scene.holdfast('restart', 'forkserver:app')
  expect(restart.code, restart.all).toBe(0)
  expect(restart.out).toContain('forkserver:app: restarted, generation 2')
  expect(await forkserverOf(scene)).toMatchObject({ generation: 2, workers: 3 })
  await waitFor(async () => (await forkserverOf(scene)).others.length === 0)
  // The old one has ended since.
  expect((await scene.holdfast('why', 'forkserver:app')).out).toMatch(/^forkserver:app@2 runs/)
  const nobody = await scene.holdfast('restart', 'forkserver:')
  expect(nobody.code).not.toBe(0)
  expect(nobody.all).toContain('nothing matches "forkserver:"')
})

test('one that can not load fails the restart; what runs stays, and the next restart succeeds', async () => {
  const scene = forkScene()
  await scene.up()
  const before = pidsOf(await scene.service('web'))
  scene.write('version', 'broken')
  for (const target of ['web', 'forkserver:app']) {
    const restart = await scene.holdfast('restart', target)
    expect(restart.code).toBe(1)
    expect(restart.all).toContain('preload shop.py: No module named nix')
    expect(restart.all).toContain('Traceback: No module named nix')
  }
  expect(pidsOf(await scene.service('web'))).toEqual(before)
  await waitFor(async () => (await forkserverOf(scene)).others.length === 0)
  expect(await forkserverOf(scene)).toMatchObject({ generation: 1, ready: true })
  scene.write('version', '3')
  expect((await scene.holdfast('restart', 'web')).code).toBe(0)
  expect((await scene.holdfast('logs', 'web')).out).toContain('runs serve of 3')
})

test('E1.44: a worker that dies at once, and a forkserver that can not load: back-off, then fatal; up says why', async () => {
  const scene = forkScene({
    web: { instances: 1, entry: 'die', restart: { maxRetries: 1, immediate: 1, initial: '20ms' } },
  })
  const up = await scene.holdfast('up', '--detach')
  expect(up.code).toBe(1)
  expect(up.all).toContain('exited with code 7')
  await scene.sees({ web: 'fatal' })
  await waitFor(async () => (await forkserverOf(scene)).pid === null, {
    what: 'the end of a forkserver without workers',
  })
  scene.write('version', 'broken')
  const start = await scene.holdfast('start', 'web')
  expect(start.code).toBe(1)
  expect(start.all).toContain('forkserver app could not load: exited with code 1: preload shop.py')
  expect((await scene.holdfast('why', 'web/0')).out).toContain('forkserver app could not load')
})

test('one that loads for ever is ended, and the reason says by which deadline', async () => {
  const scene = forkScene({
    forkserver: { command: ['sleep', '1000'], startTimeout: '200ms' },
    web: { instances: 1, restart: { maxRetries: 0 } },
  })
  const up = await scene.holdfast('up', '--detach')
  expect(up.all).toContain('could not load: it had not loaded after 200ms (startTimeout): killed by SIGTERM')
})

test('E1.42: one that is not auto is started and stopped by hand; without it a start says how to start it', async () => {
  const scene = forkScene({ forkserver: { auto: false }, web: { autostart: false } })
  await scene.up()
  const early = await scene.holdfast('start', 'web')
  expect(early.code).toBe(1)
  expect(early.all).toContain('holdfast start forkserver:app')
  await scene.holdfast('stop', 'web')
  expect((await scene.run(['-c', scene.config, 'status', 'forkserver:app'])).code).toBe(3)
  expect((await scene.holdfast('start', 'forkserver:app')).code).toBe(0)
  expect((await scene.run(['-c', scene.config, 'status', 'forkserver:app'])).code).toBe(0)
  expect((await scene.holdfast('start', 'web')).code).toBe(0)
  expect((await scene.holdfast('stop', 'web')).code).toBe(0)
  expect(await forkserverOf(scene)).toMatchObject({ state: 'running', workers: 0 })
  expect((await scene.holdfast('start', 'web')).code).toBe(0)
  const stop = await scene.holdfast('stop', 'forkserver:app')
  expect(stop.all).toContain('stopped; its 2 workers live on')
  expect(await scene.service('web')).toMatchObject({ state: 'running', ready: 2 })
})

test('a worker that was given no way to say so is ready when it has lived for a second', async () => {
  const scene = forkScene({ web: { entry: 'mute', instances: 1 } })
  await scene.up()
  const events = (await scene.events()).filter(({ worker }) => worker === 'web/0')
  const [started, ready] = ['starting', 'running'].map((to) =>
    Date.parse(events.find((entry) => entry.to === to)?.at ?? ''),
  )
  expect((ready ?? 0) - (started ?? 0)).toBeGreaterThan(990)
})

test('one that does not answer is killed, and the worker comes back all the same', async () => {
  const scene = forkScene({ forkserver: { forkTimeout: '200ms' }, web: { instances: 1 } })
  await scene.up()
  const forkserver = (await forkserverOf(scene)).pid ?? 0
  process.kill(forkserver, 'SIGSTOP')
  const worker = (await scene.worker('web/0')).pid ?? 0
  process.kill(worker, 'SIGKILL')
  await waitFor(async () => (await scene.worker('web/0')).ready)
  expect((await scene.worker('web/0')).pid).not.toBe(worker)
  expect((await scene.holdfast('why', 'forkserver:app')).out).toContain('SIGKILL: no answer to a fork for 2.2s')
})

test('one that dies between a fork and its word of it leaves no worker that nobody knows', async () => {
  const scene = forkScene({ web: { instances: 1 } })
  await scene.up()
  scene.write('die-after-fork', '')
  process.kill((await scene.worker('web/0')).pid ?? 0, 'SIGKILL')
  await waitFor(async () => !scene.exists('die-after-fork') && (await scene.worker('web/0')).ready)
  const { supervisor } = await scene.status()
  const ours = [(await forkserverOf(scene)).pid, (await scene.worker('web/0')).pid]
  await waitFor(() => childrenOf(supervisor.pid).every((pid) => ours.includes(pid)), { what: 'an unknown child' })
})

test('what it refuses to fork is a failed start, with its words', async () => {
  const scene = forkScene({ web: { instances: 1, restart: { immediate: 1, initial: '20ms' } } })
  await scene.up()
  scene.write('refuse', '')
  process.kill((await scene.worker('web/0')).pid ?? 0, 'SIGKILL')
  await waitFor(async () => (await scene.worker('web/0')).state === 'backoff')
  expect((await scene.holdfast('why', 'web/0')).out).toContain('forkserver app: no more processes')
  rmSync(scene.path('refuse'))
  await scene.sees({ web: 'running' })
  expect((await forkserverOf(scene)).failedForks).toBeGreaterThan(0)
})

test('E1.43: stopped while it loads, nothing is left; the worker that waited has not started', async () => {
  const scene = forkScene()
  scene.write('slow', '')
  const up = scene.start(['-c', scene.config, 'up', '--detach'])
  await waitFor(async () => scene.isUp() && (await forkserverOf(scene)).pid !== null)
  expect((await scene.worker('web/0')).message).toBe('waits for forkserver app')
  expect((await scene.holdfast('stop', 'web')).code).toBe(0)
  await waitFor(async () => (await forkserverOf(scene)).pid === null)
  expect(await scene.service('web')).toMatchObject({ state: 'stopped' })
  rmSync(scene.path('slow'))
  await waitFor(() => up.exitCode !== null)
})

test('apply: a service that changes gets a fresh one, the others are untouched', async () => {
  const scene = forkScene({ services: { api: { instances: 1 } } })
  await scene.up()
  const api = pidsOf(await scene.service('api'))
  configure(scene, { services: { api: { instances: 1 } }, web: { env: { COLOUR: 'green' } } })
  const apply = await scene.holdfast('apply')
  expect(apply.code, apply.all).toBe(0)
  expect((await scene.holdfast('logs', 'web')).out).toContain('runs serve of 1 green')
  expect(pidsOf(await scene.service('api'))).toEqual(api)
  configure(scene, { forkserver: { env: { COLOUR: 'red' } }, services: { api: { instances: 1 } } })
  expect((await scene.holdfast('apply')).code).toBe(0)
  expect((await scene.holdfast('logs', 'api')).out).toContain('runs serve of 1 red')
})

test('E1.41: unknown forkservers, commands that are not for them, and keys that exclude each other', async () => {
  const scene = forkScene()
  await scene.up()
  expect(await scene.holdfast('restart', 'forkserver:nix')).toMatchObject({ code: 2 })
  const scale = await scene.holdfast('scale', 'forkserver:app', '2')
  expect(scale.code).not.toBe(0)
  expect(scale.all).toContain('scale is not for a forkserver')
  configure(scene, {
    web: { command: 'node x.js', slots: { standbys: 1 }, instances: undefined, ready: { ipc: true } },
  })
  const check = await scene.holdfast('check')
  expect(check.code).toBe(2)
  for (const problem of ['command and forkserver', 'the locks of slots', 'no IPC channel'])
    expect(check.all).toContain(problem)
})
