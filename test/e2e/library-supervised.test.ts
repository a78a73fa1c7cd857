// A server below a supervisor: it can die, and be replaced, without a client noticing.
import { existsSync } from 'node:fs'
import { expect, test } from 'vitest'
import { startLoad } from './harness/http-load.ts'
import { type LibraryScene, newLibraryScene } from './harness/library-scene.ts'
import { CLI } from './harness/scene.ts'
import { waitFor } from './harness/wait-for.ts'

const OPTIONS = { workers: 2, supervised: true, sockets: { http: 'tcp://127.0.0.1:0' } }

async function start(scene: LibraryScene, options: object = {}): Promise<void> {
  scene.options({ ...OPTIONS, ...options })
  await scene.up()
}

/** Of the server, not of its supervisor. */
async function serverPid(scene: LibraryScene): Promise<number> {
  return (await scene.service('shop-server')).workers[0]?.pid ?? 0
}

test('a live restart under load: the new server serves before the old one ends, and no request fails', async () => {
  const scene = newLibraryScene()
  await start(scene)
  const supervisor = scene.serverPid
  const load = startLoad({ port: await scene.port('http'), newPerSecond: 200, keepAlive: 10 })
  const before = await serverPid(scene)
  for (let round = 0; round < 3; round++) {
    const seen = scene.notes.length
    expect(await scene.command('live-restart')).toMatchObject({ code: 0, out: 'shop: replaced, 2 workers ready\n' })
    // The new one is up when the old one is asked to end.
    const notes = scene.notes.slice(seen).filter((note) => /^(afterStart|worker.stop)/.test(note))
    expect(notes.toSorted()).toEqual(['afterStart -', 'worker.stop 0', 'worker.stop 1'])
    expect(notes[0]).toBe('afterStart -')
  }
  const { requests, failures } = await load.stop()
  expect(failures).toEqual({})
  expect(requests).toBeGreaterThan(100)
  expect(await serverPid(scene)).not.toBe(before)
  expect(scene.serverPid).toBe(supervisor)
  expect((await scene.command('stop')).code).toBe(0)
  expect(existsSync(scene.path('shop.pid'))).toBe(false)
})

test('a server that is killed: another takes its sockets over, nobody is refused, its workers finish what they have', async () => {
  const scene = newLibraryScene()
  await start(scene)
  const load = startLoad({ port: await scene.port('http'), newPerSecond: 200, keepAlive: 10 })
  const before = await serverPid(scene)
  process.kill(before, 'SIGKILL')
  await waitFor(async () => {
    const { ready, workers } = await scene.service('shop-server')
    return ready === 1 && workers[0]?.pid !== before
  })
  const { failures } = await load.stop()
  expect(failures).toEqual({})
  // Its orphans end by themselves: supervisor, server and two workers are left.
  await waitFor(() => scene.processes().length === 4)
  expect(await scene.command('status')).toMatchObject({ code: 0 })
  expect((await scene.command('stop')).code).toBe(0)
})

test('the supervisor stops a server by the signal that its map has for it', async () => {
  const scene = newLibraryScene()
  await start(scene, { signals: 'unicorn' })
  expect((await scene.command('stop')).code).toBe(0)
  // In unicorn's map TERM stops at once: the worker's `stop` would not be called.
  expect(scene.notes.filter((note) => note.startsWith('worker.stop'))).toHaveLength(2)
})

test('a signal that its map does not have, or that comes while it starts, does not end the server', async () => {
  const scene = newLibraryScene()
  await start(scene, { signals: 'ghost' })
  const before = await serverPid(scene)
  for (const signal of ['SIGUSR2', 'SIGWINCH', 'SIGUSR1', 'SIGCONT'] as const) process.kill(scene.serverPid, signal)
  process.kill(before, 'SIGKILL')
  process.kill(scene.serverPid, 'SIGHUP')
  await waitFor(async () => {
    const { ready, workers } = await scene.service('shop-server')
    if (workers[0]?.pid !== before) process.kill(scene.serverPid, 'SIGHUP')
    return ready === 1 && workers[0]?.pid !== before
  })
  expect((await scene.service('shop-server')).workers[0]).toMatchObject({ restarts: 1 })
  expect((await scene.command('stop')).code).toBe(0)
})

test('a new server that does not come up: the old one stays, and the command says why', async () => {
  const scene = newLibraryScene()
  await start(scene)
  const before = await serverPid(scene)
  scene.options({ ...OPTIONS, fail: { beforeRun: true } })
  const { code, err } = await scene.command('live-restart')
  expect(code, err).toBe(1)
  expect(err).toContain('beforeRun fails as it was told to')
  expect(await serverPid(scene)).toBe(before)
  scene.options(OPTIONS)
  expect((await scene.command('restart')).code).toBe(0)
  await scene.command('stop')
})

test('signals go through the supervisor: HUP reloads, USR2 is a live restart, TERM stops everything', async () => {
  const scene = newLibraryScene()
  await start(scene)
  const supervisor = scene.serverPid
  const before = await serverPid(scene)
  scene.setConfig({ greeting: 'good day' })
  process.kill(supervisor, 'SIGHUP')
  await waitFor(() => scene.notes.some((note) => note.endsWith('good day')))
  process.kill(supervisor, 'SIGUSR2')
  await waitFor(async () => (await serverPid(scene)) !== before && (await scene.service('shop-server')).ready === 1)
  process.kill(supervisor, 'SIGTERM')
  await waitFor(() => scene.processes().length === 0)
})

test('each tier has a log of its own; a logger of the program’s own writes where it was told to', async () => {
  const scene = newLibraryScene('signals.mjs')
  scene.options({ supervised: true })
  expect((await scene.command('start')).code).toBe(0)
  expect((await scene.command('stop')).code).toBe(0)
  for (const [file, line] of [
    ['shop.log', /shop\/0 out said by run$/m],
    ['shop.log', /shop\/0 err logged by run$/m],
    ['shop-server.log', /shop-server\/0 out said by initialize$/m],
    ['shop.server.log', /shop\/0 starting → running/],
    ['shop.supervisor.log', /shop-server\/0 starting → running/],
  ] as const)
    expect(scene.read(`log/${file}`), file).toMatch(line)
  expect(scene.read('own.log')).toMatch(/ INFO written by initialize\n.* WARN written by run\n$/)
})

test('a start that fails leaves nothing', async () => {
  const scene = newLibraryScene()
  scene.options({ ...OPTIONS, fail: { 'worker.run': true }, daemonizeErrorExitCode: 7 })
  const { code, err } = await scene.command('start')
  expect(code, err).toBe(7)
  expect(err).toContain('worker.run fails as it was told to')
  expect(scene.processes()).toEqual([])
})

test('the daemon’s command line reaches both tiers', async () => {
  const scene = newLibraryScene()
  await start(scene)
  const status = await scene.runFile(process.execPath, [CLI, '--socket', scene.path('run/holdfast.sock'), 'status'])
  expect(status.out).toMatch(/shop-server +running/)
  await scene.command('stop')
})
