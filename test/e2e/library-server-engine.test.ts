// What ServerEngine's own tests hold, counted: every hook is called as often as something was asked for, by a signal and over the
// control socket, in a server and in one below a supervisor.
import { expect, test } from 'vitest'
import { callSupervisor } from '../../src/control/client.ts'
import { startUnderInit } from './harness/background-exit.ts'
import { type LibraryScene, newLibraryScene } from './harness/library-scene.ts'
import { testWith } from './harness/requirement.ts'
import { waitFor } from './harness/wait-for.ts'

const withPython = testWith('python3', 'python3')

type Counts = Record<string, number>

async function start(options: Record<string, unknown>): Promise<LibraryScene> {
  const scene = newLibraryScene()
  scene.options({ signals: 'serverengine', ...options })
  const env = { SIGDUMP_PATH: scene.path('dump.log') }
  const { code, all } = await scene.commandWith({ env }, 'start')
  expect(code, all).toBe(0)
  await waitFor(() => counts(scene).afterStart === 1)
  return scene
}

/** How often each hook was called, whichever worker it was for. */
function counts(scene: LibraryScene): Counts {
  const found: Counts = {}
  for (const note of scene.notes) {
    const name = note.replace(/ (-|\d+)( .*)?$/, '')
    found[name] = (found[name] ?? 0) + 1
  }
  return found
}

async function until(scene: LibraryScene, expected: Counts): Promise<void> {
  const reached = () => Object.entries(expected).every(([name, times]) => (counts(scene)[name] ?? 0) >= times)
  await waitFor(reached, { orElse: 'continue' })
  expect(counts(scene)).toMatchObject(expected)
}

async function allReady(scene: LibraryScene, workers: number): Promise<void> {
  await waitFor(async () => {
    const service = await scene.service('shop')
    return service.ready === workers && service.workers.every(({ state }) => state === 'running')
  })
}

const gone = (scene: LibraryScene) => waitFor(() => scene.processes().length === 0)
const log = (scene: LibraryScene): string => scene.read('log/shop.server.log')

test('by signals: reload, both restarts, dump and stop reach each worker once', async () => {
  const scene = await start({ workers: 2 })
  const signal = (name: NodeJS.Signals) => process.kill(scene.serverPid, name)
  signal('SIGUSR2')
  await until(scene, { reloadConfig: 1, 'worker.reload': 2 })
  signal('SIGUSR1')
  await until(scene, { 'restart true': 1, 'worker.run': 4, onReap: 2 })
  await allReady(scene, 2)
  signal('SIGHUP')
  await until(scene, { 'restart false': 1, 'worker.run': 6, onReap: 4 })
  await allReady(scene, 2)
  signal('SIGCONT')
  await waitFor(() => log(scene).includes('dump written to'))
  signal('SIGTERM')
  await gone(scene)
  expect(counts(scene)).toEqual({
    initialize: 1,
    beforeRun: 1,
    afterStart: 1,
    reloadConfig: 3,
    'restart true': 1,
    'restart false': 1,
    'stop true': 1,
    'onFinish true': 1,
    afterRun: 1,
    onSpawn: 6,
    onReap: 6,
    'worker.beforeFork': 6,
    'worker.afterStart': 6,
    'worker.initialize': 6,
    'worker.run': 6,
    'worker.reload': 6,
    // Those of the immediate restart were killed.
    'worker.stop': 4,
  })
})

test('over the control socket the same', async () => {
  const scene = await start({ workers: 2 })
  const post = (path: string, body: object = {}) =>
    callSupervisor(scene.path('run/holdfast.sock'), { method: 'POST', path, body })
  await post('/v1/apply')
  await until(scene, { reloadConfig: 1, 'worker.reload': 2 })
  await post('/v1/targets/shop/restart', { cold: true })
  await until(scene, { 'restart true': 1, 'worker.run': 4, 'worker.stop': 2 })
  await post('/v1/targets/shop/restart')
  await until(scene, { 'restart true': 2, 'worker.run': 6, 'worker.stop': 4 })
  await post('/v1/down')
  await gone(scene)
  expect(counts(scene)).toMatchObject({ 'stop true': 1, 'onFinish true': 1, afterRun: 1, 'worker.stop': 6, onReap: 6 })
})

test.each([
  ['', false],
  [' below a supervisor', true],
])('an immediate stop%s, by either way: the server is told, and its workers end at once', async (_, supervised) => {
  for (const how of ['a signal', 'the control socket']) {
    const scene = await start({ workers: 2, supervised })
    if (how === 'a signal') process.kill(scene.serverPid, 'SIGQUIT')
    else {
      const immediate = { method: 'POST', path: '/v1/down', body: { immediate: true } } as const
      await callSupervisor(scene.path('run/holdfast.sock'), immediate)
    }
    await gone(scene)
    expect(counts(scene), how).toMatchObject({ 'stop false': 1, 'onFinish false': 1, afterRun: 1, onReap: 2 })
    expect(log(scene), how).toMatch(/SIGKILL to its process group/)
  }
})

test('below a supervisor commands and signals go on to the server, which stays the same one', async () => {
  const scene = await start({ workers: 2, supervised: true, stop: { timeout: '2m' } })
  // It gives the server as long as its workers may take, and a moment more.
  const { body } = await callSupervisor(scene.path('run/holdfast.sock'), { method: 'GET', path: '/v1/config' })
  expect(body).toMatchObject({ services: { 'shop-server': { stop: { timeout: 125_000 } } } })
  for (const command of ['reload', 'rolling-restart']) expect((await scene.command(command)).code, command).toBe(0)
  await until(scene, { reloadConfig: 1, 'worker.reload': 2, 'restart true': 1, 'worker.run': 4, onReap: 2 })
  const signal = (name: NodeJS.Signals) => process.kill(scene.serverPid, name)
  signal('SIGUSR2')
  await until(scene, { reloadConfig: 2, 'worker.reload': 4 })
  signal('SIGUSR1')
  await until(scene, { 'restart true': 2, 'worker.run': 6, onReap: 4 })
  signal('SIGHUP')
  await until(scene, { 'restart false': 1, 'worker.run': 8, onReap: 6 })
  signal('SIGCONT')
  await waitFor(() => log(scene).includes('dump written to'))
  signal('SIGTERM')
  await gone(scene)
  expect(counts(scene)).toMatchObject({ initialize: 1, beforeRun: 1, afterStart: 1, 'stop true': 1, afterRun: 1 })
})

test('INT to a server below a supervisor detaches it: the next one serves, then it ends', async () => {
  const scene = await start({ workers: 1, supervised: true })
  const server = async () => (await scene.service('shop-server')).workers[0]?.pid ?? 0
  const first = await server()
  process.kill(first, 'SIGINT')
  await until(scene, { initialize: 2, beforeRun: 2, afterStart: 2, 'stop true': 1, 'worker.stop': 1, afterRun: 1 })
  expect(await server()).not.toBe(first)
  const notes = scene.notes
  expect(notes.lastIndexOf('afterStart -')).toBeLessThan(notes.indexOf('worker.stop 0'))
  expect((await scene.command('stop')).code).toBe(0)
})

test('a server that crashes again and again is started again each time', async () => {
  const scene = await start({ workers: 1, supervised: true, fail: { reloadConfig: 1 } })
  for (const times of [1, 2, 3]) {
    process.kill(scene.serverPid, 'SIGHUP')
    await until(scene, { reloadConfig: times, beforeRun: times + 1, afterStart: times + 1 })
  }
  const [server] = (await scene.service('shop-server')).workers
  expect(server).toMatchObject({ restarts: 3, lastExit: { code: 1 } })
  expect((await scene.command('stop')).code).toBe(0)
})

test('below a supervisor, too, nothing runs when initialize throws', async () => {
  const scene = newLibraryScene()
  scene.options({ supervised: true, fail: { initialize: true } })
  const { code, err } = await scene.command('start')
  expect(code, err).toBe(1)
  expect(err).toContain('initialize fails as it was told to')
  expect(scene.processes()).toEqual([])
  expect(await scene.command('status')).toMatchObject({ code: 3 })
})

for (const workerType of ['process', 'thread']) {
  test(`${workerType}: the number of workers grows without a stop, and shrinks by a stop at once`, async () => {
    const scene = await start({ workerType })
    const reload = async (workers: number): Promise<void> => {
      scene.setConfig({ workers })
      expect((await scene.command('reload')).code).toBe(0)
      await allReady(scene, workers)
    }
    await reload(3)
    await until(scene, { 'worker.run': 3 })
    expect(counts(scene)).not.toHaveProperty('worker.stop')
    await reload(1)
    // ServerEngine let the others go on until a restart.
    await until(scene, { 'worker.run': 3, 'worker.stop': 2 })
    process.kill(scene.serverPid, 'SIGUSR1')
    await until(scene, { 'worker.run': 4, 'worker.stop': 3 })
    await allReady(scene, 1)
    expect((await scene.command('stop')).code).toBe(0)
    expect(counts(scene)).toMatchObject({ 'worker.run': 4, 'worker.stop': 4 })
  })
}

/** In the foreground: its exit code when its workers have ended with these codes. */
async function exitOfServer(scene: LibraryScene, exitWith: number[], workers = exitWith.length): Promise<number> {
  const server = scene.launch(process.execPath, [scene.program])
  const ended = new Promise<number>((resolve) => server.on('close', (code) => resolve(code ?? -1)))
  await until(scene, { afterStart: 1 })
  expect(counts(scene)['worker.run']).toBe(workers)
  scene.setConfig({ exitWith })
  process.kill(server.pid ?? 0, 'SIGUSR2')
  return ended
}

test('workers whose exit codes say so are not started again; when none is left the server has the code of the highest', async () => {
  const scene = newLibraryScene()
  scene.options({ workers: 4, signals: 'serverengine', restart: { unrecoverable: [3, 4, 5] } })
  expect(await exitOfServer(scene, [5, 4, 4, 3])).toBe(3)
  expect(counts(scene)).toMatchObject({ 'worker.run': 4, onReap: 4, afterRun: 1 })
  expect(counts(scene)).not.toHaveProperty('worker.stop')
})

test('the first one to say so stops all others, and the server has its code', async () => {
  const scene = newLibraryScene()
  const restart = { unrecoverable: [5], stopAllOnUnrecoverable: true }
  scene.options({ workers: 4, signals: 'serverengine', restart })
  expect(await exitOfServer(scene, [5], 4)).toBe(5)
  expect(counts(scene)).toMatchObject({ 'worker.run': 4, 'worker.stop': 3, onReap: 4, 'stop true': 1, afterRun: 1 })
  expect(log(scene)).not.toContain('SIGKILL')
})

withPython(
  'below a supervisor a server that ends so is not started again, and the supervisor has its code',
  async () => {
    const scene = newLibraryScene()
    scene.options({ workers: 2, signals: 'serverengine', supervised: true, restart: { unrecoverable: [5] } })
    const server = await startUnderInit(scene)
    scene.setConfig({ exitWith: [5, 5] })
    process.kill(scene.serverPid, 'SIGUSR2')
    expect(await server.exitCode()).toBe(5)
    await gone(scene)
    expect(counts(scene)).toMatchObject({ beforeRun: 1, afterRun: 1, 'worker.run': 2 })
    expect(scene.read('log/shop.supervisor.log')).toContain('exited with code 5')
    expect(await scene.command('status')).toMatchObject({ code: 3 })
  },
)

test('the log tells a stop from an exit that nobody asked for, and its code', async () => {
  const scene = await start({ workers: 2, restart: { unrecoverable: [5] } })
  scene.setConfig({ exitWith: [5, 0] })
  process.kill(scene.serverPid, 'SIGUSR2')
  await waitFor(() => counts(scene).onReap === 2)
  await waitFor(() => /shop\/0 running → fatal .*exited with code 5/.test(log(scene)))
  await waitFor(() => /shop\/1 running → \w+ .*exited with code 0/.test(log(scene)))
  scene.setConfig({})
  process.kill(scene.serverPid, 'SIGUSR2')
  await waitFor(async () => (await scene.service('shop')).ready === 1)
  expect((await scene.command('stop')).code).toBe(0)
  expect(log(scene)).toMatch(/shop\/1 stopping → stopped .*exited with code 0/)
})
