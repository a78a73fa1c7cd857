// Workers that are no processes: threads of the server, and code in its own event loop.
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import type { WorkerReport } from '../../src/supervisor/status-report.ts'
import { startLoad } from './harness/http-load.ts'
import { type LibraryScene, newLibraryScene, startedLibraryScene } from './harness/library-scene.ts'
import { CLI, PROGRAMS } from './harness/scene.ts'
import { waitFor } from './harness/wait-for.ts'

const HTTP = { sockets: { http: 'tcp://127.0.0.1:0' } }
const TYPES = ['thread', 'embedded'] as const

const start = (options: object) => startedLibraryScene({ workerType: 'thread', ...HTTP, ...options }, 'inside.mjs')

const ask = async (scene: LibraryScene, path = '/'): Promise<string> => {
  const port = await scene.port('http')
  return (await fetch(`http://127.0.0.1:${port}${path}`, { headers: { connection: 'close' } })).text()
}

const answers = async (scene: LibraryScene, count = 20): Promise<{ thread: number; id: number; greeting: string }[]> =>
  Promise.all(Array.from({ length: count }, async () => JSON.parse(await ask(scene))))

const worker = async (scene: LibraryScene): Promise<WorkerReport> => {
  const [first] = (await scene.service('shop')).workers
  if (first === undefined) throw new Error('no worker')
  return first
}

const stop = async (scene: LibraryScene): Promise<void> => {
  const { code, all } = await scene.command('stop')
  expect(code, all).toBe(0)
  expect(scene.processes()).toEqual([])
}

/** Of the workers, and of what happened to them. */
const log = (scene: LibraryScene): string => scene.read('log/shop.log')
const serverLog = (scene: LibraryScene): string => scene.read('log/shop.server.log')

test('threads: one process, no pid, no record, no FIFO; their lines are in the log', async () => {
  const scene = await start({ workers: 2, heartbeat: { interval: '100ms', timeout: '2s' } })
  expect(scene.processes()).toHaveLength(1)
  await waitFor(async () => new Set((await answers(scene)).map(({ thread }) => thread)).size === 2)
  expect((await answers(scene)).every(({ thread }) => thread > 0)).toBe(true)
  const { workers } = await scene.service('shop')
  for (const { pid, startTime, rss, startedAt, ready } of workers) {
    expect({ pid, startTime, rss, ready }).toEqual({ pid: null, startTime: null, rss: null, ready: true })
    expect(startedAt).not.toBeNull()
  }
  const files = readdirSync(scene.path('run'), { recursive: true, encoding: 'utf8' })
  expect(files.filter((file) => /shop/.test(file))).toEqual([])
  await waitFor(async () => (await worker(scene)).heartbeatAge !== null && ((await worker(scene)).requests ?? 0) > 0)
  for (const line of ['shop/0 out serves as shop/0', 'shop/1 out serves as shop/1', 'shop/0 out a line of console.log'])
    expect(log(scene)).toContain(line)
  expect(await scene.command('status')).toMatchObject({ code: 0, out: expect.stringContaining('shop/1  running') })
  await stop(scene)
  expect(serverLog(scene)).not.toMatch(/pid 0|null/)
})

for (const workerType of TYPES) {
  test(`${workerType}: a reload is seen without a replacement; a rolling restart brings a new generation`, async () => {
    const scene = await start({ workerType })
    const before = await answers(scene, 1)
    scene.setConfig({ greeting: 'good day' })
    expect((await scene.command('reload')).code).toBe(0)
    expect(await answers(scene, 1)).toEqual(before.map((one) => ({ ...one, greeting: 'good day' })))
    expect(await worker(scene)).toMatchObject({ message: 'reloaded to good day', restarts: 0, generation: 1 })
    expect((await scene.command('rolling-restart')).code).toBe(0)
    expect(await answers(scene, 1)).toMatchObject([{ greeting: 'good day' }])
    expect(await worker(scene)).toMatchObject({ generation: 2 })
    await stop(scene)
  })

  test(`${workerType}: a rolling restart and a stop under load lose no request`, async () => {
    const scene = await start({ workerType, workers: workerType === 'thread' ? 2 : 1 })
    const load = startLoad({ port: await scene.port('http'), newPerSecond: 100, keepAlive: 4 })
    for (let turn = 0; turn < 3; turn++) expect((await scene.command('rolling-restart')).code).toBe(0)
    const { failures, requests } = await load.stop()
    expect(failures).toEqual({})
    expect(requests).toBeGreaterThan(50)
    await stop(scene)
  })

  test(`${workerType}: TERM waits for the request under way`, async () => {
    const scene = await start({ workerType })
    const answer = ask(scene, '/slow')
    await waitFor(() => scene.exists('slow'))
    process.kill(scene.serverPid, 'SIGTERM')
    expect(await answer).toBe('after the stop')
    await waitFor(() => scene.processes().length === 0)
    expect(serverLog(scene)).toContain('exited with code 0')
  })

  test(`${workerType}: what run throws is in the log, and the worker is started again with back-off`, async () => {
    const scene = newLibraryScene('inside.mjs')
    scene.options({ workerType, does: 'throw', restart: { immediate: 0, initial: '100ms' } })
    const { code, err } = await scene.command('start')
    expect(code, err).toBe(1)
    expect(err).toContain('run fails as it was told to')
    expect(log(scene)).toMatch(/shop\/0 err Error: run fails as it was told to\n.*shop\/0 err {5}at /)
    expect(serverLog(scene)).toMatch(/shop\/0 starting → backoff {2}exited with code 1/)
    expect(scene.processes()).toEqual([])
  })
}

test('an exception and process.exit() end the thread alone, which is there again', async () => {
  const scene = await start({ workers: 2 })
  const { serverPid } = scene
  for (const [path, code] of [
    ['/throw', 1],
    ['/exit', 7],
  ] as const) {
    const restarts = async () => (await scene.service('shop')).workers.reduce((sum, one) => sum + one.restarts, 0)
    const before = await restarts()
    await ask(scene, path).catch(() => {})
    await waitFor(async () => (await restarts()) > before && (await scene.service('shop')).ready === 2)
    expect(serverLog(scene)).toContain(`exited with code ${code}`)
  }
  expect(log(scene)).toContain('err TypeError: Cannot read properties of null')
  expect(scene.serverPid).toBe(serverPid)
  await stop(scene)
})

test('a thread in an endless loop is ended within its heartbeat, and replaced; others serve meanwhile', async () => {
  const scene = await start({ workers: 2, heartbeat: { interval: '100ms', timeout: '1s', signals: ['KILL'] } })
  const before = new Set((await answers(scene, 40)).map(({ thread }) => thread))
  void ask(scene, '/hang').catch(() => {})
  await waitFor(() => /no heartbeat for [\d.]+s \(timeout 1s\)/.test(serverLog(scene)))
  await waitFor(async () => (await scene.service('shop')).ready === 2)
  await waitFor(async () => (await answers(scene)).some(({ thread }) => !before.has(thread)))
  expect(serverLog(scene)).toContain('SIGKILL: no heartbeat')
  expect(serverLog(scene)).toContain('killed by SIGKILL')
  await stop(scene)
})

test('TTIN and TTOU: a thread more, a thread less; a signal of the operator reaches the thread', async () => {
  const scene = await start({})
  process.kill(scene.serverPid, 'SIGTTIN')
  await waitFor(async () => (await scene.service('shop')).ready === 2)
  process.kill(scene.serverPid, 'SIGTTOU')
  await waitFor(async () => (await scene.service('shop')).workers.length === 1)
  expect(
    (
      await scene.runFile(process.execPath, [
        CLI,
        '--socket',
        scene.path('run/holdfast.sock'),
        'signal',
        'KILL',
        'shop/0',
      ])
    ).code,
  ).toBe(0)
  await waitFor(async () => (await worker(scene)).restarts === 1 && (await worker(scene)).ready)
  expect(serverLog(scene)).toContain('SIGKILL by the operator')
  await stop(scene)
})

test('a thread that never goes back to its event loop sees the stop in tick()', async () => {
  const scene = await start({ does: 'loop' })
  await stop(scene)
  expect(log(scene)).toContain('the loop has ended')
  expect(serverLog(scene)).not.toContain('SIGKILL')
})

test('a thread that does not end by itself is ended by the ladder', async () => {
  const scene = newLibraryScene('inside.mjs')
  scene.options({ workerType: 'thread', does: 'stubborn', stop: { timeout: '300ms' } })
  scene.setConfig({ exitOnStop: false })
  expect((await scene.command('start')).code).toBe(0)
  await stop(scene)
  expect(serverLog(scene)).toContain('killed by SIGKILL')
})

test('embedded: one worker, in the event loop of the server; two are refused, from the start and later', async () => {
  const scene = newLibraryScene('inside.mjs')
  scene.options({ workerType: 'embedded', ...HTTP, workers: 2 })
  const refused = await scene.command('start')
  expect(refused.code, refused.err).toBe(2)
  expect(refused.err).toContain('workers: an embedded server has one worker, in its own event loop, not 2')
  scene.options({ workerType: 'embedded', ...HTTP })
  expect((await scene.command('start')).code).toBe(0)
  expect(await answers(scene, 1)).toEqual([{ thread: 0, id: 0, greeting: 'hello' }])
  process.kill(scene.serverPid, 'SIGTTIN')
  await waitFor(() => serverLog(scene).includes('2 workers are more than 1, which is all that this server can have'))
  scene.setConfig({ greeting: 'two', workers: 2 })
  expect(await scene.command('reload')).toMatchObject({
    code: expect.any(Number),
    err: expect.stringContaining('not 2'),
  })
  expect(await answers(scene, 1)).toMatchObject([{ greeting: 'hello' }])
  await stop(scene)
})

for (const exitOnStop of [true, false]) {
  test(`embedded: what does not end can not be killed; the journal says so (exitOnStop ${exitOnStop})`, async () => {
    const scene = newLibraryScene('inside.mjs')
    scene.options({ workerType: 'embedded', does: 'stubborn', stop: { timeout: '300ms' } })
    scene.setConfig({ exitOnStop })
    expect((await scene.command('start')).code).toBe(0)
    await stop(scene)
    expect(serverLog(scene).match(/what runs in the event loop of the server can not be killed/g)).toHaveLength(1)
    expect(serverLog(scene)).toContain(exitOnStop ? 'exited with code 0' : 'killed by SIGKILL')
  })
}

test('embedded: a run that returns is not run again', async () => {
  const scene = await start({ workerType: 'embedded', does: 'return' })
  expect(await worker(scene)).toMatchObject({ state: 'running', ready: true, restarts: 0 })
  await stop(scene)
  expect(log(scene).match(/run returns/g)).toHaveLength(1)
})

test('what only a process can have is refused by name', async () => {
  const scene = newLibraryScene('inside.mjs')
  scene.options({ workerType: 'thread', nice: 5, umask: '077' })
  const { code, err } = await scene.command('start')
  expect(code, err).toBe(2)
  for (const key of ['nice', 'umask']) expect(err).toContain(`${key}: a thread has none of its own`)
})

test('a guest: threads in somebody else’s program, which leave nothing behind', async () => {
  const scene = newLibraryScene('guest.mjs')
  const { code, out, err } = await scene.runFile(process.execPath, [join(PROGRAMS, 'library', 'guest.mjs')])
  expect(code, err).toBe(0)
  const [first, second, third, last] = out
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line))
  expect(first).toEqual({ ok: true, isMainThread: true, threadId: 0, answers: ['0 false', '1 false'] })
  expect(second.restarted).toBe(2)
  expect(second.leaked).toBeLessThanOrEqual(0)
  expect(third).toEqual({ heard: 'running', refused: 'HF_BAD_REQUEST' })
  expect(err).toContain('the hook onEvent failed: Error: the listener throws')
  expect(last).toEqual({ code: 0 })
})

test('supervised: a live restart replaces the server with its threads', async () => {
  const scene = await start({ supervised: true, workers: 2 })
  const load = startLoad({ port: await scene.port('http'), newPerSecond: 50, keepAlive: 2 })
  const { code, all } = await scene.command('live-restart')
  expect(code, all).toBe(0)
  expect((await load.stop()).failures).toEqual({})
  expect(readFileSync(scene.path('log/shop.server.log'), 'utf8')).toContain('shop/1 starting → running')
  expect((await scene.command('stop')).code).toBe(0)
})

test('threads: a dump has the stack and the heap of each, also of one that hangs; one that is sent the signal writes its own', async () => {
  const scene = newLibraryScene('inside.mjs')
  scene.options({
    workerType: 'thread',
    workers: 2,
    ...HTTP,
    signals: 'serverengine',
    stop: { signals: ['TERM/200ms', 'KILL'] },
  })
  const dump = scene.path('dump.log')
  expect((await scene.commandWith({ env: { SIGDUMP_PATH: dump } }, 'start')).code).toBe(0)
  const socket = scene.path('run/holdfast.sock')
  const asked = await scene.run(['--socket', socket, 'signal', 'CONT', 'shop/1'])
  expect(asked.code, asked.all).toBe(0)
  await waitFor(() => log(scene).includes(`shop/1 out dump written to ${dump}`))
  expect(scene.read('dump.log')).toContain('Heap statistics')
  void ask(scene, '/hang').catch(() => {})
  await waitFor(() => scene.exists('hangs'))
  process.kill(scene.serverPid, 'SIGCONT')
  await waitFor(() => serverLog(scene).includes(`dump written to ${dump}`))
  const text = scene.read('dump.log')
  const [, ...threads] = text.split(/^(?=Dump at .*\(thread shop\/\d\))/m)
  expect(threads).toHaveLength(2)
  for (const thread of threads) expect(thread).toMatch(/Stack:.*Active resources:.*Heap statistics:\n +[\d,]+ /s)
  expect(threads.filter((thread) => /Stack:\n +at .*\n?.*inside\.mjs/.test(thread))).toHaveLength(1)
  await stop(scene)
})
