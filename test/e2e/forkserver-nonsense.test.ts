// A forkserver of somebody's own that says what is not so, works slowly, or stays while what it was given goes.
import type { ChildProcess } from 'node:child_process'
import { rmSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { childrenOf } from '../../src/os/descendants.ts'
import type { ForkserverReport } from '../../src/supervisor/status-report.ts'
import { freePort } from './harness/free-port.ts'
import { newScene, PROGRAMS, type Scene } from './harness/scene.ts'
import { waitFor } from './harness/wait-for.ts'

const OWN = ['python3', join(PROGRAMS, 'own-forkserver.py')]

type Settings = Readonly<Record<string, unknown>>

interface Configured {
  readonly forkserver?: Settings | null
  readonly services: Readonly<Record<string, Settings>>
  readonly sockets?: Readonly<Record<string, string>>
}

function configure(scene: Scene, { forkserver = {}, services, sockets = {} }: Configured): void {
  const common = { forkserver: 'app', entry: 'serve', stop: { timeout: '2s' } }
  scene.configure({
    sockets,
    forkservers: forkserver === null ? {} : { app: { command: OWN, cwd: scene.dir, ...forkserver } },
    services: Object.fromEntries(Object.entries(services).map(([name, one]) => [name, { ...common, ...one }])),
  })
}

function forkScene(configured: Configured): Scene {
  const scene = newScene()
  configure(scene, configured)
  return scene
}

async function forkserverOf(scene: Scene): Promise<ForkserverReport> {
  const [report] = (await scene.status()).forkservers
  if (report === undefined) throw new Error('no forkserver in status')
  return report
}

test('a pid that is nobody it can have forked is neither watched nor signalled', async () => {
  const scene = forkScene({
    services: { api: {}, web: { autostart: false, restart: { maxRetries: 1, immediate: 1 } } },
  })
  await scene.up()
  const api = (await scene.worker('api/0')).pid ?? 0
  const stranger = scene.launch('sleep', ['600'])
  for (const [pid, what] of [
    [scene.supervisorPid(), 'which is the supervisor'],
    [api, 'which is there already'],
    [stranger.pid ?? 0, 'which is no child of this supervisor'],
    [1, null],
  ] as const) {
    scene.write('another-pid', String(pid))
    const start = await scene.holdfast('start', 'web')
    expect(start.code).toBe(1)
    expect(start.all).toContain(what === null ? 'said that it is process 1' : `web/0 is process ${pid}, ${what}`)
    expect((await scene.holdfast('stop', 'web')).code).toBe(0)
  }
  rmSync(scene.path('another-pid'))
  expect((await scene.holdfast('start', 'web')).code).toBe(0)
  expect((await scene.worker('api/0')).pid).toBe(api)
  expect(stranger.exitCode ?? stranger.signalCode).toBe(null)
})
test('one that works on many orders, one after the other, does not hang', async () => {
  const scene = forkScene({ forkserver: { forkTimeout: '100ms' }, services: { web: { instances: 5 } } })
  scene.write('takes', '0.6')
  await scene.up()
  expect(await forkserverOf(scene)).toMatchObject({ forks: 5, restarts: 0 })
})

test('services of one operation get one fresh forkserver', async () => {
  const services = { web: {}, api: {}, admin: { dependsOn: { web: 'ready' } } }
  const scene = forkScene({ services })
  await scene.up()
  scene.write('version', '2')
  expect((await scene.holdfast('restart', 'all')).code).toBe(0)
  expect(await forkserverOf(scene)).toMatchObject({ generation: 2, workers: 3 })
  configure(scene, { forkserver: { env: { COLOUR: 'red' } }, services })
  expect((await scene.holdfast('apply')).code).toBe(0)
  expect(await forkserverOf(scene)).toMatchObject({ generation: 3, workers: 3 })
  // One that is taken out and comes back is new.
  const { api: _, ...others } = services
  configure(scene, { forkserver: { env: { COLOUR: 'red' } }, services: others })
  expect((await scene.holdfast('apply')).code).toBe(0)
  configure(scene, { forkserver: { env: { COLOUR: 'red' } }, services })
  scene.write('version', '3')
  expect((await scene.holdfast('apply')).code).toBe(0)
  await waitFor(async () => (await scene.holdfast('logs', 'api')).out.includes('api/0 runs serve of 3'))
})

test('one that outlives a socket of its services does not keep its port, and comes back after its death', async () => {
  const http = 'tcp://127.0.0.1:0'
  const both = {
    sockets: { http, other: `tcp://127.0.0.1:${await freePort()}` },
    services: { api: { sockets: ['other'] }, web: { sockets: ['http'] } },
  }
  const one = { sockets: { http }, services: { web: { sockets: ['http'] } } }
  const scene = forkScene(both)
  await scene.up()
  configure(scene, one)
  expect((await scene.holdfast('apply')).code).toBe(0)
  configure(scene, both)
  const apply = await scene.holdfast('apply')
  expect(apply.code, apply.all).toBe(0)
  configure(scene, one)
  expect((await scene.holdfast('apply')).code).toBe(0)
  await waitFor(async () => (await forkserverOf(scene)).others.length === 0)
  await forkedAnew(scene)
  expect((await scene.holdfast('events', '--json')).out).not.toContain('(bug')
})

/** The forkserver, and then a worker. */
async function forkedAnew(scene: Scene): Promise<void> {
  const first = (await scene.status()).forkservers.flatMap(({ pid }) => pid ?? [])[0] ?? 0
  process.kill(first, 'SIGKILL')
  await waitFor(async () => {
    const { pid, ready } = await forkserverOf(scene)
    return ready && pid !== first
  })
  const worker = (await scene.worker('web/0')).pid ?? 0
  process.kill(worker, 'SIGKILL')
  await waitFor(async () => (await scene.worker('web/0')).pid !== worker && (await scene.worker('web/0')).ready)
}

test('nonsense without end does not fill the journal', async () => {
  const scene = forkScene({ services: { web: {} } })
  scene.write('flood', '')
  await scene.up()
  const { out } = await scene.holdfast('events', '--json', '--lines', '10000')
  const said = out.split('\n').filter((line) => line.includes('nonsense'))
  expect(said.length).toBeGreaterThan(0)
  expect(said.length).toBeLessThan(50)
})

test('one that the operator stops while it loads, and one that is taken out of the config', async () => {
  const services = { web: { forkserver: undefined, entry: undefined, command: 'sleep 600' } }
  const scene = forkScene({ forkserver: { auto: false }, services })
  await scene.up()
  scene.write('slow', '')
  const starting = scene.holdfast('start', 'forkserver:app')
  await waitFor(async () => (await forkserverOf(scene)).pid !== null)
  await scene.holdfast('stop', 'forkserver:app')
  const start = await starting
  expect(start.code).toBe(1)
  expect(start.all).toContain('stopped meanwhile')
  rmSync(scene.path('slow'))
  expect((await scene.holdfast('start', 'forkserver:app')).code).toBe(0)
  configure(scene, { forkserver: null, services })
  expect((await scene.holdfast('apply')).code).toBe(0)
  await waitFor(async () => (await scene.status()).forkservers.length === 0)
})

test('one that dies of a fork again and again is a failed start, not a wait without an end', async () => {
  const scene = forkScene({ forkserver: { restart: { initial: '20ms' } }, services: { web: { autostart: false } } })
  scene.write('dies-of-forks', '')
  await scene.up()
  const start = await scene.holdfast('start', 'web')
  expect(start.code).toBe(1)
  expect(start.all).toContain('its forkserver was killed by SIGKILL, as the one before')
  rmSync(scene.path('dies-of-forks'))
  await scene.sees({ web: 'running' })
})

test('a worker that is called back again and again while its forkserver loads is started once', async () => {
  const scene = forkScene({ services: { web: { autostart: false } } })
  scene.write('slow', '')
  await scene.up()
  const starts: ChildProcess[] = []
  for (let time = 0; time < 4; time++) {
    starts.push(scene.start(['-c', scene.config, 'start', 'web']))
    await waitFor(async () => (await scene.service('web')).workers[0]?.message === 'waits for forkserver app')
    if (time < 3) expect((await scene.holdfast('stop', 'web')).code).toBe(0)
    // Something else keeps it from ending with its last worker.
    if (time === 0) starts.push(scene.start(['-c', scene.config, 'start', 'forkserver:app']))
  }
  rmSync(scene.path('slow'))
  await scene.sees({ web: 'running' })
  expect((await scene.holdfast('events', 'web')).out).not.toContain('(bug')
  await waitFor(() => starts.every(({ exitCode }) => exitCode !== null))
  const workers = [(await scene.worker('web/0')).pid, (await forkserverOf(scene)).pid]
  await waitFor(() => childrenOf(scene.supervisorPid()).every((pid) => workers.includes(pid)))
})

test('one that is fatal is brought back by a start; who needs it meanwhile is told so', async () => {
  const restart = { maxRetries: 0, immediate: 0, initial: '20ms' }
  const scene = forkScene({ forkserver: { auto: false, restart }, services: { web: { autostart: false } } })
  scene.write('version', 'broken')
  await scene.up()
  expect((await scene.holdfast('start', 'forkserver:app')).code).toBe(1)
  await waitFor(async () => (await forkserverOf(scene)).state === 'fatal')
  expect((await scene.holdfast('start', 'web')).all).toContain('start it again: holdfast start forkserver:app')
  rmSync(scene.path('version'))
  const start = await scene.holdfast('start', 'forkserver:app')
  expect(start.code, start.all).toBe(0)
})

test('what has failed for want of one that the operator has to start begins as soon as that is started', async () => {
  const restart = { immediate: 0, initial: '20s' }
  const scene = forkScene({ forkserver: { auto: false }, services: { web: { restart, autostart: false } } })
  await scene.up()
  expect((await scene.holdfast('start', 'web')).code).toBe(1)
  expect(await scene.worker('web/0')).toMatchObject({ state: 'backoff' })
  expect((await scene.holdfast('start', 'forkserver:app')).code).toBe(0)
  await scene.sees({ web: 'running' })
})

test('status says why one can not be loaded, next to how it ended', async () => {
  const restart = { immediate: 0, initial: '20s' }
  const scene = forkScene({ forkserver: { restart }, services: { web: { autostart: false } } })
  scene.write('version', 'broken')
  await scene.up()
  expect((await scene.holdfast('start', '--no-wait', 'web')).code).toBe(0)
  await waitFor(async () => (await forkserverOf(scene)).state === 'backoff')
  expect((await forkserverOf(scene)).message).toBe('exited with code 1: preload shop.py: No module named nix')
})

test('a worker whose proxy has died with it without a word comes back', async () => {
  const command = ['python3', join(PROGRAMS, 'forgetful-proxy.py')]
  const scene = forkScene({ forkserver: { command }, services: { web: { ready: { delay: 0 }, stdout: 'ignore' } } })
  await scene.up()
  const supervisor = scene.supervisorPid()
  const worker = (await scene.worker('web/0')).pid ?? 0
  process.kill(worker, 'SIGKILL')
  await waitFor(async () => {
    const { pid, ready } = await scene.worker('web/0')
    return ready && pid !== worker
  })
  expect(scene.supervisorPid()).toBe(supervisor)
  expect((await scene.holdfast('events')).out).not.toContain('is lost')
})

test('a supervisor that is a guest in a program has its workers start cold: what is forked would not be its child', async () => {
  const scene = newScene()
  scene.write('app.py', 'import time\ndef main():\n    print("cold", flush=True)\n    time.sleep(600)\n')
  scene.write(
    'guest.mjs',
    `import { createSupervisor } from ${JSON.stringify(join(PROGRAMS, '../../../dist/index.js'))}
    const supervisor = await createSupervisor({
      runtimeDir: 'run',
      forkservers: { app: { runtime: 'python', preload: './app.py' } },
      services: { web: { forkserver: 'app', entry: 'app:main', ready: { delay: 0 } } },
    })
    const { ok } = await supervisor.settled()
    const { services, forkservers } = supervisor.status()
    console.log(JSON.stringify({ ok, ready: services[0].ready, forkserver: forkservers[0].state }))
    await supervisor.down()`,
  )
  const { out, all } = await scene.runFile(process.execPath, ['guest.mjs'])
  expect(out.trim(), all).toBe(JSON.stringify({ ok: true, ready: 1, forkserver: 'stopped' }))
})
