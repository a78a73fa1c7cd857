// What Acme::Ghost's prefork server and its model, that of Mojolicious, hold: hooks, signals, the pid file.
import { existsSync, rmSync } from 'node:fs'
import { dirname } from 'node:path'
import { expect, test } from 'vitest'
import { startLoad } from './harness/http-load.ts'
import { type LibraryScene, newLibraryScene, startedLibraryScene } from './harness/library-scene.ts'
import { waitFor } from './harness/wait-for.ts'

interface Said {
  readonly hook: string
  readonly pid?: number
  readonly graceful?: boolean
  readonly healthy?: number
}

const said = (scene: LibraryScene, hook: string): Said[] =>
  scene.notes
    .filter(Boolean)
    .map((line): Said => JSON.parse(line))
    .filter((one) => one.hook === hook)

const gone = (scene: LibraryScene) => waitFor(() => scene.processes().length === 0)

const start = (options: object) => startedLibraryScene(options, 'ghost.mjs')

test('four workers; QUIT from the heartbeat hook when all are healthy: who was spawned is reaped, gracefully', async () => {
  const scene = await start({ workers: 4, quitWhenHealthy: 4, heartbeat: { interval: '100ms', timeout: '20s' } })
  await gone(scene)
  const [spawned, reaped] = ['onSpawn', 'onReap'].map((hook) => said(scene, hook).map(({ pid }) => pid ?? 0))
  expect(spawned).toHaveLength(4)
  expect(reaped?.toSorted()).toEqual(spawned?.toSorted())
  expect(said(scene, 'onFinish')).toEqual([{ hook: 'onFinish', graceful: true }])
  expect(said(scene, 'answer')).toMatchObject([{ healthy: 4 }])
  const log = scene.read('log/shop.server.log')
  for (const id of [0, 1, 2, 3]) {
    expect(log).toMatch(new RegExp(`shop/${id} starting → running`))
    expect(log).toMatch(new RegExp(`shop/${id} running → stopping`))
    expect(log).toMatch(new RegExp(`shop/${id} stopping → stopped`))
  }
  expect(existsSync(scene.path('shop.pid'))).toBe(false)
})

test('a stop from within the reap hook is graceful for the others', async () => {
  const scene = await start({ workers: 3, stopAtReap: true })
  const [victim] = said(scene, 'onSpawn')
  process.kill(victim?.pid ?? 0, 'SIGKILL')
  await gone(scene)
  expect(said(scene, 'onReap')).toHaveLength(3)
  const log = scene.read('log/shop.server.log')
  expect(log.match(/shop\/\d stopping → stopped {2}exited with code 0/g)).toHaveLength(2)
})

test('TERM is no graceful stop: one spawned, one reaped', async () => {
  const scene = await start({})
  process.kill(scene.serverPid, 'SIGTERM')
  await gone(scene)
  expect([said(scene, 'onSpawn').length, said(scene, 'onReap').length]).toEqual([1, 1])
  expect(said(scene, 'onFinish')).toEqual([{ hook: 'onFinish', graceful: false }])
})

test('a worker that ends after so many requests is replaced, and no request fails', async () => {
  const scene = await start({ accepts: 20 })
  const load = startLoad({ port: await scene.port('http'), newPerSecond: 100, keepAlive: 2 })
  await waitFor(() => said(scene, 'onReap').length >= 3)
  const { failures, requests } = await load.stop()
  expect(failures).toEqual({})
  expect(requests).toBeGreaterThanOrEqual(60)
  expect((await scene.command('stop')).code).toBe(0)
  expect(scene.read('log/shop.server.log')).not.toMatch(/backoff|SIGKILL/)
})

test('HUP reloads, also in a program that has no hook for it; TTOU to 0 keeps the server', async () => {
  const scene = await start({ rollout: { maxSurge: 0, maxUnavailable: 1 } })
  const worker = async () => (await scene.service('shop')).workers[0]
  const before = (await worker())?.pid
  scene.setConfig({ greeting: 'good day' })
  process.kill(scene.serverPid, 'SIGHUP')
  await waitFor(() => said(scene, 'reload').length === 1)
  expect((await worker())?.pid).toBe(before)
  // A surge of 0 is one: the old process ends before the new one starts.
  expect((await scene.command('rolling-restart')).code).toBe(0)
  expect(scene.read('log/shop.server.log')).not.toContain('new process started')
  process.kill(scene.serverPid, 'SIGTTOU')
  await waitFor(async () => (await scene.service('shop')).workers.length === 0)
  process.kill(scene.serverPid, 'SIGTTIN')
  await waitFor(async () => (await scene.service('shop')).ready === 1)
  expect((await scene.command('stop')).code).toBe(0)
})

test('the pid file: relative to the program from wherever it is called, without harm from one that is out of date', async () => {
  const scene = newLibraryScene('ghost.mjs')
  scene.options({ pidFile: 'own.pid' })
  const program = scene.write('elsewhere.mjs', `await import(${JSON.stringify(scene.program)})`)
  const call = (command: string, cwd: string) => scene.runFile(process.execPath, [program, command], { cwd })
  // Somebody else's pid: we run, and may not be taken for the server, nor be stopped.
  scene.write('own.pid', `${process.pid}\n`)
  expect(await call('status', '/')).toMatchObject({ code: 1, err: expect.stringContaining('its pid file is there') })
  expect(await call('start', '/')).toMatchObject({ code: 0 })
  expect(scene.read('own.pid')).toMatch(/^\d+\n$/)
  expect(scene.read('own.pid')).not.toBe(`${process.pid}\n`)
  expect(await call('start', dirname(scene.dir))).toMatchObject({ code: 0, out: expect.stringContaining('already') })
  expect(await call('stop', '/usr')).toMatchObject({ code: 0 })
  expect(scene.exists('own.pid')).toBe(false)
  scene.write('own.pid', `${process.pid}\n`)
  expect(await call('stop', '/')).toMatchObject({ code: 0 })
  expect(scene.exists('own.pid')).toBe(false)
})

test('a pid file that can not be written: the server does not start, and says why', async () => {
  const scene = newLibraryScene('ghost.mjs')
  // Its directory would be made, but for what is in the way.
  scene.write('none', '')
  scene.options({ pidFile: scene.path('none/shop.pid') })
  // A file where the directory would have to be.
  scene.write('none', '')
  const { code, err } = await scene.command('start')
  expect(code, err).toBe(1)
  expect(err).toMatch(/^shop: did not start: the pid file .*none\/shop\.pid: .*\n {2}Set another pidFile/)
  expect(scene.processes()).toEqual([])
})

test('to define a server does nothing: no listener, no descriptor, no end that is put off', async () => {
  const scene = newLibraryScene('ghost.mjs')
  rmSync(scene.path('options.json'))
  const text = `
    import { readdirSync } from 'node:fs'
    const { defineServer } = await import(${JSON.stringify(import.meta.resolve('../../dist/index.js'))})
    const facts = () => [process.eventNames().length, readdirSync('/proc/self/fd').length, process.title]
    const before = JSON.stringify(facts())
    const { name } = defineServer({ name: 'shop', worker: { run() {} } })
    console.log(name, JSON.stringify(facts()) === before)`
  expect(await scene.runFile(process.execPath, ['--input-type=module', '-e', text])).toMatchObject({
    code: 0,
    out: 'shop true\n',
    err: '',
  })
})
