// What workers know of their server's settings, from their start and after a reload; and how the server ends.
import { mkdirSync, rmSync, symlinkSync } from 'node:fs'
import { expect, test } from 'vitest'
import { callSupervisor } from '../../src/control/client.ts'
import { type LibraryScene, newLibraryScene } from './harness/library-scene.ts'
import { factsOf } from './harness/process-facts.ts'
import { waitFor } from './harness/wait-for.ts'

async function start(options: Record<string, unknown>, config: Record<string, unknown> = {}): Promise<LibraryScene> {
  const scene = newLibraryScene('plain.mjs')
  scene.options(options)
  scene.setConfig(config)
  await scene.up()
  return scene
}

async function reload(scene: LibraryScene, config: Record<string, unknown>): Promise<void> {
  scene.setConfig(config)
  const { code, all } = await scene.command('reload')
  expect(code, all).toBe(0)
}

async function stop(scene: LibraryScene): Promise<void> {
  expect(await scene.command('stop')).toMatchObject({ code: 0 })
}

for (const workerType of ['process', 'thread', 'embedded']) {
  test(`${workerType}: ctx.config is what config() returned, also where that is nothing`, async () => {
    const scene = await start({ workerType }, { nothing: 'undefined' })
    await waitFor(() => scene.notes.includes('runs with 0 undefined'))
    for (const [config, known] of [
      [{ nothing: 'null' }, 'null'],
      [{ a: 1 }, '{"a":1}'],
      [{ nothing: 'undefined' }, 'undefined'],
    ] as const) {
      await reload(scene, config)
      await waitFor(() => scene.notes.includes(`reloaded to 0 ${known}`))
    }
    await stop(scene)
  })

  test(`${workerType}: logLevel counts from the start, and again from a reload on`, async () => {
    const scene = await start({ workerType, logLevel: 'warn' }, { a: 1 })
    const said = (when: string): string[] =>
      [...scene.read('log/shop.log').matchAll(/ (\w+) (at the start|after the reload)$/gm)].flatMap(([, level, at]) =>
        at === when && level !== undefined ? [level] : [],
      )
    await waitFor(() => said('at the start').length === 3)
    await reload(scene, { a: 2, logLevel: 'trace' })
    await waitFor(() => said('after the reload').includes('fatal'))
    expect(said('after the reload').toSorted()).toEqual(['debug', 'error', 'fatal', 'info', 'trace', 'warn'])
    expect(said('at the start').toSorted()).toEqual(['error', 'fatal', 'warn'])
    scene.setConfig({ logLevel: 'loud' })
    expect(await scene.command('reload')).toMatchObject({ code: 2, err: expect.stringContaining('"loud"') })
    await stop(scene)
  })
}

test('a worker that is started before a reload and ready after it has the new configuration', async () => {
  const scene = await start({ workers: 2, startTimeout: '1m' }, { a: 1 })
  scene.write('hold-1', '')
  process.kill((await scene.worker('shop/1')).pid ?? 0, 'SIGKILL')
  await waitFor(() => scene.notes.filter((line) => line === 'runs with 1 {"a":1}').length === 2)
  await reload(scene, { a: 2 })
  await waitFor(() => scene.notes.includes('reloaded to 0 {"a":2}'))
  expect(scene.notes).not.toContain('reloaded to 1 {"a":2}')
  rmSync(scene.path('hold-1'))
  await waitFor(() => scene.notes.includes('reloaded to 1 {"a":2}'))
  await stop(scene)
  expect(scene.notes.filter((line) => line.startsWith('reloaded to'))).toHaveLength(2)
})

test('an asynchronous afterRun is waited for', async () => {
  const scene = await start({})
  await stop(scene)
  expect(scene.notes.slice(-2)).toEqual(['afterRun begins', 'afterRun ends'])
})

test('a second TERM in the foreground hurries, and the hooks are called all the same', async () => {
  const scene = newLibraryScene('plain.mjs')
  scene.options({ deaf: true, stop: { timeout: '1m' } })
  const child = scene.launch(process.execPath, [scene.program, 'foreground'])
  const ended = new Promise<number | null>((resolve) => child.on('close', (code) => resolve(code)))
  await waitFor(async () => scene.isUp() && (await scene.service('shop')).ready === 1)
  child.kill('SIGTERM')
  await waitFor(() => scene.notes.includes('deaf to TERM'))
  child.kill('SIGTERM')
  expect(await ended).toBe(0)
  expect(scene.notes.slice(-2)).toEqual(['afterRun begins', 'afterRun ends'])
  expect(scene.notes).toContain('onFinish true')
})

test('the same program is the same server, by whatever name it is called', async () => {
  const scene = await start({})
  symlinkSync(scene.program, scene.path('link.mjs'))
  mkdirSync(scene.path('app'))
  symlinkSync(scene.program, scene.path('app/main.mjs'))
  scene.write('app/package.json', '{ "main": "main.mjs" }')
  const status = (word: string, cwd: string) => scene.runFile(process.execPath, [word, 'status'], { cwd })
  for (const [word, cwd] of [
    ['link.mjs', scene.dir],
    ['./app/../link.mjs', scene.dir],
    ['.', scene.path('app')],
  ] as const) {
    expect(await status(word, cwd)).toMatchObject({ code: 0, err: '' })
  }
  await stop(scene)
})

test('each setting that config may change is in force after the reload, in workers that were there before it as well', async () => {
  const scene = await start({ workers: 2, env: { PLACE: 'a' } })
  const before = (await scene.service('shop')).workers.map(({ pid }) => pid)
  const changed = {
    workers: 3,
    startTimeout: '7s',
    requestTimeout: '8s',
    heartbeat: { timeout: '9s' },
    restart: { initial: '300ms' },
    pace: { interval: '40ms' },
    earlyDeath: { steady: 'shut-down' },
    stop: { timeout: '6s' },
    rollout: { maxSurge: 2 },
    env: { PLACE: 'b' },
    nice: 3,
    umask: '0027',
  }
  await reload(scene, changed)
  const socket = scene.path('run/holdfast.sock')
  const { body } = await callSupervisor(socket, { method: 'GET', path: '/v1/config' })
  expect(body).toMatchObject({
    services: {
      shop: {
        startTimeout: 7_000,
        requestTimeout: 8_000,
        // Left out, the interval is a third.
        heartbeat: { timeout: 9_000, interval: 3_000 },
        restart: { initial: 300 },
        pace: { interval: 40 },
        earlyDeath: { steady: 'shut-down' },
        stop: { timeout: 6_000 },
        rollout: { maxSurge: 2 },
      },
    },
  })
  const workers = await scene.service('shop')
  const own = factsOf(scene.serverPid).nice
  expect(workers.ready).toBe(3)
  for (const { pid } of workers.workers) {
    expect(before).not.toContain(pid)
    const { environment, nice, umask } = factsOf(pid ?? 0)
    expect({ place: environment.PLACE, nice, umask }).toEqual({ place: 'b', nice: own + 3, umask: '0027' })
  }
  await stop(scene)
})
