// The tier above a server: when it counts as hung, how it comes back, and how it is detached.
import { existsSync } from 'node:fs'
import { expect, test } from 'vitest'
import { startLoad } from './harness/http-load.ts'
import { type LibraryScene, newLibraryScene } from './harness/library-scene.ts'
import { waitFor } from './harness/wait-for.ts'

const OPTIONS = { supervised: true, sockets: { http: 'tcp://127.0.0.1:0' } }

async function start(scene: LibraryScene, options: object): Promise<number> {
  scene.options({ ...OPTIONS, ...options })
  await scene.up()
  return serverPid(scene)
}

const server = async (scene: LibraryScene) => (await scene.service('shop-server')).workers[0]
const serverPid = async (scene: LibraryScene) => (await server(scene))?.pid ?? 0

/** A request that is under way when this resolves, and ends at `go`. */
async function request(scene: LibraryScene): Promise<{ go(): Promise<number> }> {
  const answer = fetch(`http://127.0.0.1:${await scene.port('http')}/until-go`, { headers: { connection: 'close' } })
  answer.catch(() => {})
  await waitFor(() => scene.notes.includes('until-go'))
  return {
    async go() {
      scene.write('go', '')
      return ((await (await answer).json()) as { server: { pid: number } }).server.pid
    },
  }
}

/** Longer than the stop timeout of these workers. */
async function outlast(stopTimeout: number): Promise<void> {
  const until = performance.now() + 2 * stopTimeout
  await waitFor(() => performance.now() > until)
}

test('a server whose event loop hangs is replaced, and its sockets stay', async () => {
  const scene = newLibraryScene()
  const first = await start(scene, {
    hangAt: 'SIGWINCH',
    serverProcess: { heartbeat: { interval: '200ms', timeout: '2s' } },
  })
  const load = startLoad({ port: await scene.port('http'), newPerSecond: 50, keepAlive: 2 })
  process.kill(first, 'SIGWINCH')
  await waitFor(async () => (await serverPid(scene)) !== first && (await server(scene))?.ready === true)
  expect((await load.stop()).failures).toEqual({})
  expect((await server(scene))?.lastExit?.reason).toContain('no heartbeat')
  expect((await scene.command('stop')).code).toBe(0)
})

test('a server that crashes is started again as often as it crashes, each time after the wait', async () => {
  const scene = newLibraryScene()
  let pid = await start(scene, { serverProcess: { restart: { delay: '300ms' } } })
  for (let crash = 1; crash <= 2; crash++) {
    process.kill(pid, 'SIGKILL')
    const before = pid
    await waitFor(async () => (await serverPid(scene)) !== before && (await server(scene))?.ready === true)
    pid = await serverPid(scene)
    expect((await server(scene))?.restarts).toBe(crash)
  }
  const log = scene.read('log/shop.supervisor.log').split('\n')
  const times = (pattern: RegExp) =>
    log.filter((line) => pattern.test(line)).map((line) => Date.parse(line.split(' ')[0] ?? ''))
  const deaths = times(/killed by SIGKILL/)
  const starts = times(/→ starting/).slice(-2)
  expect([deaths.length, starts.length]).toEqual([2, 2])
  // Both clocks are rounded.
  for (const [index, at] of starts.entries()) expect(at - (deaths[index] ?? 0)).toBeGreaterThanOrEqual(290)
  expect((await scene.command('stop')).code).toBe(0)
})

test('stop, while the server is dead and the next one has to wait: nothing is left of it', async () => {
  const scene = newLibraryScene()
  process.kill(await start(scene, { serverProcess: { restart: { delay: '1h' } } }), 'SIGKILL')
  await waitFor(async () => (await server(scene))?.state === 'backoff')
  expect((await scene.command('stop')).code).toBe(0)
})

test('a replaced server may finish its work beside the new one for longer than a stop may take', async () => {
  const scene = newLibraryScene()
  const first = await start(scene, { stop: { timeout: '500ms' }, serverProcess: { detachWait: '30s' } })
  const { go } = await request(scene)
  // Without standbys it is a live restart.
  const upgrade = scene.command('upgrade')
  await waitFor(async () => (await server(scene))?.other?.state === 'draining')
  const meanwhile = await fetch(`http://127.0.0.1:${await scene.port('http')}/`, { headers: { connection: 'close' } })
  expect(((await meanwhile.json()) as { server: { pid: number } }).server.pid).toBe(await serverPid(scene))
  expect(await serverPid(scene)).not.toBe(first)
  await outlast(500)
  expect(await go()).toBe(first)
  expect(await upgrade).toMatchObject({ code: 0, out: 'shop: replaced, 1 worker ready\n' })
  expect(existsSync(`/proc/${first}`)).toBe(false)
  expect(await serverPid(scene)).not.toBe(first)
  expect((await scene.command('stop')).code).toBe(0)
})

test('a stop waits for what is under way as long as the workers may take', async () => {
  const scene = newLibraryScene()
  const first = await start(scene, { stop: { timeout: '1m' } })
  const { go } = await request(scene)
  const stop = scene.command('stop')
  await waitFor(() => scene.notes.includes('worker.stop 0'))
  await outlast(500)
  expect(await go()).toBe(first)
  expect(await stop).toMatchObject({ code: 0, out: 'shop: stopped\n' })
  expect(scene.read('log/shop.server.log')).not.toContain('SIGKILL')
  expect(scene.read('log/shop.supervisor.log')).not.toContain('SIGKILL')
})

test('INT to the supervisor detaches the server where its map says so: a live restart', async () => {
  const scene = newLibraryScene()
  const first = await start(scene, { signals: 'serverengine' })
  const supervisor = scene.serverPid
  process.kill(supervisor, 'SIGINT')
  await waitFor(async () => (await serverPid(scene)) !== first && (await server(scene))?.ready === true)
  expect(scene.serverPid).toBe(supervisor)
  expect((await scene.command('stop')).code).toBe(0)
})

test('without enableDetach INT stops everything', async () => {
  const scene = newLibraryScene()
  await start(scene, { signals: 'serverengine', serverProcess: { enableDetach: false } })
  process.kill(scene.serverPid, 'SIGINT')
  await waitFor(() => scene.processes().length === 0)
})

test.each(['supervisor', 'server'])(
  'exitOnDetach, INT to the %s: the supervisor ends, the server finishes alone',
  async (who) => {
    const scene = newLibraryScene()
    const first = await start(scene, {
      signals: 'serverengine',
      stop: { timeout: '500ms' },
      serverProcess: { exitOnDetach: true, detachWait: '30s' },
    })
    const supervisor = scene.serverPid
    const { go } = await request(scene)
    process.kill(who === 'server' ? first : supervisor, 'SIGINT')
    await waitFor(() => !existsSync(`/proc/${supervisor}`))
    expect(existsSync(`/proc/${first}`)).toBe(true)
    expect(await scene.command('status')).toMatchObject({ code: 3 })
    if (who === 'supervisor') await outlast(500)
    expect(await go()).toBe(first)
    await waitFor(() => scene.processes().length === 0)
  },
)

test('exitOnDetach: nobody is left to take the second step after a stop file, so the signal comes at once', async () => {
  const scene = newLibraryScene()
  // What is to stand below a file can not be made, nor be looked for.
  scene.write('none', '')
  const file = scene.path('none/%p')
  const serverProcess = { exitOnDetach: true, stop: { file, fileTimeout: '1h' } }
  await start(scene, { signals: 'serverengine', serverProcess })
  process.kill(scene.serverPid, 'SIGINT')
  await waitFor(() => scene.processes().length === 0)
  expect(scene.notes).toContain('stop true')
})

test('what can not be is said by its name, with exit code 2', async () => {
  const scene = newLibraryScene()
  for (const [options, key] of [
    [{ serverProcess: {} }, 'serverProcess:'],
    [{ ...OPTIONS, serverProcess: { hartbeat: {} } }, 'serverProcess.hartbeat:'],
    [{ ...OPTIONS, serverProcess: { detachWait: 'long' } }, 'serverProcess.detachWait:'],
    [{ ...OPTIONS, serverProcess: { stop: { timeot: 1 } } }, 'serverProcess.stop.timeot:'],
  ] as const) {
    scene.options(options)
    expect(await scene.command('start')).toMatchObject({ code: 2, err: expect.stringContaining(`  ${key}`) })
  }
})
