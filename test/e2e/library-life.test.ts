// What a server does while it runs: hooks, configuration, signals, exit codes.
import { existsSync, readFileSync, renameSync } from 'node:fs'
import { expect, test } from 'vitest'
import { type LibraryScene, newLibraryScene } from './harness/library-scene.ts'
import { waitFor } from './harness/wait-for.ts'

const HTTP = { sockets: { http: 'tcp://127.0.0.1:0' } }

async function start(scene: LibraryScene): Promise<void> {
  await scene.up()
}

const answers = async (scene: LibraryScene, count = 20): Promise<{ pid: number; greeting: string }[]> => {
  const port = await scene.port('http')
  const one = async () => (await fetch(`http://127.0.0.1:${port}/`, { headers: { connection: 'close' } })).json()
  return Promise.all(Array.from({ length: count }, one)) as never
}

const ready = async (scene: LibraryScene): Promise<number> => (await scene.service('shop')).ready

test.each([
  ['process', [0, 1]],
  ['thread', [0, 1]],
  ['embedded', [0]],
] as const)('%s: hooks are called in their order, as often as something happens', async (workerType, ids) => {
  const scene = newLibraryScene()
  scene.options({ workerType, workers: ids.length, ...HTTP })
  await start(scene)
  const first = scene.notes
  expect(first.slice(0, 2)).toEqual(['initialize -', 'beforeRun -'])
  for (const id of ids) {
    const of = (name: string): number => {
      expect(first).toContain(`${name} ${id}`)
      return first.indexOf(`${name} ${id}`)
    }
    expect(of('worker.beforeFork')).toBeLessThan(of('onSpawn'))
    expect(of('worker.initialize')).toBeLessThan(of('worker.run'))
    expect(first.filter((note) => note === `worker.afterStart ${id}`)).toHaveLength(1)
  }
  await waitFor(() => scene.notes.includes('afterStart -'))
  expect((await scene.command('stop')).code).toBe(0)
  const last = scene.notes.slice(first.length).filter((note) => note !== 'afterStart -')
  expect(last.slice(0, 2)).toEqual(['stop true', 'onFinish true'])
  expect(last.at(-1)).toBe('afterRun -')
  const ofWorkers = ids.flatMap((id) => [`onReap ${id}`, `worker.stop ${id}`])
  expect(last.toSorted()).toEqual(['afterRun -', 'onFinish true', 'stop true', ...ofWorkers].toSorted())
})

test('a hook that throws is reported, and nothing else happens', async () => {
  const scene = newLibraryScene()
  scene.options({ ...HTTP, fail: { onSpawn: true, 'worker.beforeFork': true, 'worker.afterStart': true, stop: true } })
  await start(scene)
  expect(await answers(scene, 2)).toHaveLength(2)
  expect((await scene.command('stop')).code).toBe(0)
  const log = scene.read('log/shop.server.log')
  for (const hook of ['onSpawn', 'worker.beforeFork', 'worker.afterStart', 'stop'])
    expect(log).toContain(`the hook ${hook} failed: Error: ${hook} fails as it was told to`)
})

for (const hook of ['initialize', 'beforeRun', 'config']) {
  test(`when ${hook} throws the server does not start, and says why`, async () => {
    const scene = newLibraryScene()
    scene.options({ fail: { [hook]: true } })
    const { code, err } = await scene.command('start')
    expect(code, err).toBe(1)
    expect(err).toContain(`${hook} fails as it was told to`)
    expect(scene.processes()).toEqual([])
    expect((await scene.command('status')).code).toBe(3)
  })
}

test('reload: every worker sees the new configuration in its own process, and the next ones too', async () => {
  const scene = newLibraryScene()
  scene.options({ workers: 2, ...HTTP })
  await start(scene)
  const before = (await scene.service('shop')).workers.map(({ pid }) => pid)
  scene.setConfig({ greeting: 'good day' })
  expect(await scene.command('reload')).toMatchObject({ code: 0, out: 'shop: reloaded, 2 workers ready\n' })
  expect(new Set((await answers(scene)).map(({ greeting }) => greeting))).toEqual(new Set(['good day']))
  expect((await scene.service('shop')).workers.map(({ pid }) => pid)).toEqual(before)
  expect(scene.notes).toEqual(expect.arrayContaining(['worker.reload 0 good day', 'worker.reload 1 good day']))
  expect((await scene.command('rolling-restart')).code).toBe(0)
  expect(new Set((await answers(scene)).map(({ greeting }) => greeting))).toEqual(new Set(['good day']))
  await scene.command('stop')
})

test('a reload that comes while workers start reaches them when they are ready', async () => {
  const scene = newLibraryScene()
  scene.options({ workers: 2 })
  // Ready after a second.
  scene.setConfig({ mute: true, greeting: 'hello' })
  const starting = scene.command('start')
  await waitFor(() => ['worker.run 0', 'worker.run 1'].every((note) => scene.notes.includes(note)))
  scene.setConfig({ mute: true, greeting: 'good day' })
  process.kill(scene.serverPid, 'SIGHUP')
  await waitFor(() => scene.notes.includes('reloadConfig -'))
  expect(await starting).toMatchObject({ code: 0 })
  await waitFor(() => [0, 1].every((id) => scene.notes.includes(`worker.reload ${id} good day`)))
  await scene.command('stop')
})

test('the number of workers comes from the configuration: up, down, to 0 and back', async () => {
  const scene = newLibraryScene()
  scene.options(HTTP)
  scene.setConfig({ greeting: 'a', workers: 2 })
  await start(scene)
  for (const workers of [4, 1, 0, 2]) {
    scene.setConfig({ greeting: 'a', workers })
    expect((await scene.command('reload')).code).toBe(0)
    await waitFor(
      async () => (await scene.service('shop')).workers.filter(({ pid }) => pid !== null).length === workers,
    )
    expect(await ready(scene)).toBe(workers)
  }
  await scene.command('stop')
})

for (const [what, config] of [
  ['throws', null],
  ['is not valid', { greeting: 'b', workers: 'many' }],
] as const) {
  test(`a reload whose configuration ${what} changes nothing`, async () => {
    const scene = newLibraryScene()
    scene.options(HTTP)
    await start(scene)
    if (config === null) scene.write('config.json', 'no JSON')
    else scene.setConfig(config)
    const { code, err } = await scene.command('reload')
    expect(code, err).toBeGreaterThan(0)
    expect(err).toMatch(config === null ? /JSON/ : /workers: /)
    expect((await answers(scene, 1))[0]).toMatchObject({ greeting: 'hello' })
    await scene.command('stop')
  })
}

test('TTIN and TTOU: a worker more, a worker less; HUP reloads; USR1 opens the logs anew; QUIT ends at once', async () => {
  const scene = newLibraryScene()
  scene.options(HTTP)
  await start(scene)
  const { serverPid } = scene
  process.kill(serverPid, 'SIGTTIN')
  await waitFor(async () => (await ready(scene)) === 2)
  process.kill(serverPid, 'SIGTTOU')
  await waitFor(async () => (await scene.service('shop')).workers.length === 1)
  scene.setConfig({ greeting: 'by signal' })
  process.kill(serverPid, 'SIGHUP')
  await waitFor(async () => (await answers(scene, 1))[0]?.greeting === 'by signal')
  renameSync(scene.path('log/shop.server.log'), scene.path('log/moved.log'))
  process.kill(serverPid, 'SIGUSR1')
  await waitFor(() => existsSync(scene.path('log/shop.server.log')))
  process.kill(serverPid, 'SIGQUIT')
  await waitFor(() => scene.processes().length === 0)
})

test('the map of ServerEngine: USR1 replaces all workers, USR2 reloads, INT stops', async () => {
  const scene = newLibraryScene()
  scene.options({ workers: 2, ...HTTP, signals: 'serverengine' })
  await start(scene)
  const { serverPid } = scene
  const before = (await scene.service('shop')).workers.map(({ pid }) => pid)
  process.kill(serverPid, 'SIGUSR1')
  await waitFor(async () => {
    const { ready: now, workers } = await scene.service('shop')
    return now === 2 && workers.every(({ pid }) => !before.includes(pid))
  })
  expect(scene.notes).toContain('restart true')
  scene.setConfig({ greeting: 'USR2' })
  process.kill(serverPid, 'SIGUSR2')
  await waitFor(async () => (await answers(scene, 1))[0]?.greeting === 'USR2')
  process.kill(serverPid, 'SIGINT')
  await waitFor(() => scene.processes().length === 0)
})

test('unrecoverable exit codes: when nobody is left the server ends with the code of the highest worker', async () => {
  const scene = newLibraryScene()
  scene.options({ workers: 3, restart: { unrecoverable: [3, 4, 5] } })
  scene.setConfig({ exitWith: [3, 4, 5] })
  expect((await scene.command('foreground')).code).toBe(5)
  scene.options({ workers: 2, restart: { unrecoverable: [3], stopAllOnUnrecoverable: true } })
  scene.setConfig({ exitWith: [3] })
  expect((await scene.command('foreground')).code).toBe(3)
})

test('a worker that hangs is replaced within its heartbeat, also one that a reload has brought; the log says why', async () => {
  const scene = newLibraryScene()
  scene.options({ ...HTTP, heartbeat: { interval: '10m', timeout: '1h' } })
  await start(scene)
  scene.setConfig({ greeting: 'hello', heartbeat: { interval: '100ms', timeout: '1s' } })
  expect((await scene.command('reload')).code).toBe(0)
  const [worker] = (await scene.service('shop')).workers
  void fetch(`http://127.0.0.1:${await scene.port('http')}/hang`).catch(() => {})
  await waitFor(async () => {
    const [now] = (await scene.service('shop')).workers
    return now?.ready === true && now.pid !== worker?.pid
  })
  expect(readFileSync(scene.path('log/shop.server.log'), 'utf8')).toContain('heartbeat')
  await scene.command('stop')
})

test('CONT writes what everybody does to a file, also a worker that hangs', async () => {
  const scene = newLibraryScene()
  scene.options({ ...HTTP, workers: 2, signals: 'serverengine', stop: { timeout: '500ms' } })
  const dump = scene.path('dump.log')
  expect((await scene.commandWith({ env: { SIGDUMP_PATH: dump } }, 'start')).code).toBe(0)
  void fetch(`http://127.0.0.1:${await scene.port('http')}/hang`).catch(() => {})
  const hangs = async () => (await scene.service('shop')).workers.some(({ cpuSeconds }) => (cpuSeconds ?? 0) > 0.5)
  await waitFor(hangs)
  process.kill(scene.serverPid, 'SIGCONT')
  await waitFor(() => scene.read('log/shop.server.log').includes(`dump written to ${dump}`))
  const text = scene.read('dump.log')
  expect(text.match(/^Dump at /gm)).toHaveLength(3)
  expect(text).toContain('shop.mjs')
  await scene.command('stop')
})

test('a worker that has announced its end runs still: its service is degraded, not stopped', async () => {
  const scene = newLibraryScene('hooks.mjs')
  await start(scene)
  scene.setConfig({ finishing: true })
  expect(await scene.command('reload')).toMatchObject({ code: 0 })
  await waitFor(async () => (await scene.service('shop')).ready === 0)
  const { state, workers } = await scene.service('shop')
  expect([state, workers[0]?.state]).toEqual(['degraded', 'running'])
  await scene.command('stop')
})
