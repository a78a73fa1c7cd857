// `upgrade`, and the files by which mains and standbys are told to stop.
import { existsSync, readdirSync, writeFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { type LibraryScene, newLibraryScene } from './harness/library-scene.ts'
import { waitFor } from './harness/wait-for.ts'

const SLOTS = { mains: 1, standbys: 1 }
const OPTIONS = { slots: SLOTS, sockets: { http: 'tcp://127.0.0.1:0' } }

const servers = async (scene: LibraryScene) => (await scene.service('shop-server')).workers
const mainOf = async (scene: LibraryScene) => (await servers(scene)).find(({ role }) => role === 'main')?.pid ?? 0
const pidsOf = async (scene: LibraryScene) => (await servers(scene)).map(({ pid }) => pid)

async function start(scene: LibraryScene, options: object): Promise<void> {
  scene.options({ ...OPTIONS, ...options })
  await scene.up()
}

test('upgrade: fresh standbys, then the main is asked by its file: it refuses, goes on, or makes room', async () => {
  const scene = newLibraryScene()
  await start(scene, { upgrade: { file: scene.path('upgrade/%p'), timeout: '3s' } })
  const main = await mainOf(scene)
  const upgrade = async (onUpgrade: string) => {
    scene.setConfig({ onUpgrade })
    const before = await pidsOf(scene)
    const result = await scene.command('upgrade')
    expect(readdirSync(scene.path('upgrade'))).toEqual([])
    return { ...result, kept: (await pidsOf(scene)).filter((pid) => before.includes(pid)) }
  }
  expect(await upgrade('throw')).toMatchObject({
    code: 1,
    err: expect.stringMatching(
      /not upgraded: the main shop-server\/\d \(pid \d+\) has not removed .*upgrade\/\d+ within 3.0s/,
    ),
    kept: [main],
  })
  expect(await upgrade('return')).toMatchObject({ code: 0, out: 'shop: upgraded, 1 worker ready\n', kept: [main] })
  expect(await upgrade('stop')).toMatchObject({ code: 0, out: 'shop: upgraded, 1 worker ready\n', kept: [] })
  expect(scene.notes.filter((note) => note === 'upgrade')).toHaveLength(3)
  expect((await scene.command('stop')).code).toBe(0)
})

test('options of upgrade that can not be: by their names, 2', async () => {
  const scene = newLibraryScene()
  for (const [options, key] of [
    [{ upgrade: { file: '/tmp/%p' } }, 'upgrade:'],
    [{ slots: SLOTS, upgrade: { file: '/tmp/x' } }, 'upgrade.file:'],
    [{ slots: SLOTS, upgrade: { file: '/tmp/%p', timeot: 1 } }, 'upgrade.timeot:'],
    [{ slots: SLOTS, upgrade: { file: '/tmp/%p', timeout: 'long' } }, 'upgrade.timeout:'],
  ] as const) {
    scene.options(options)
    expect(await scene.command('start')).toMatchObject({ code: 2, err: expect.stringContaining(`  ${key}`) })
  }
})

test('stop leaves the stop file: fork starts nothing; start takes it away', async () => {
  const scene = newLibraryScene()
  const stopFile = scene.path('flags/stopped')
  await start(scene, { slots: { ...SLOTS, stopFile } })
  expect((await scene.command('fork')).code).toBe(0)
  expect(await scene.command('upgrade')).toMatchObject({ code: 3, err: expect.stringContaining('upgrade.file') })
  expect((await scene.command('stop')).code).toBe(0)
  expect(await scene.command('fork')).toMatchObject({ code: 1, err: expect.stringContaining(stopFile) })
  expect(scene.processes()).toEqual([])
  expect((await scene.command('start')).code).toBe(0)
  expect(existsSync(stopFile)).toBe(false)
  expect((await servers(scene)).map(({ role }) => role).toSorted()).toEqual(['main', 'standby'])
  expect((await scene.command('hard-restart')).code).toBe(0)
  expect(existsSync(stopFile)).toBe(false)
  await scene.command('stop')
})

test('while the stop file is there a main that dies has no follower', async () => {
  const scene = newLibraryScene()
  const stopFile = scene.path('stopped')
  await start(scene, { slots: { ...SLOTS, stopFile } })
  const before = await pidsOf(scene)
  writeFileSync(stopFile, '')
  process.kill(await mainOf(scene), 'SIGKILL')
  await waitFor(async () => (await servers(scene)).every(({ state }) => state === 'backoff'))
  const { locks, services } = await scene.status()
  expect(locks[0]?.holders).toEqual([])
  expect(services[0]?.workers[0]?.message + String(services[0]?.workers[0]?.lastExit?.reason)).toContain(stopFile)
  expect(scene.processes().filter(({ pid }) => before.includes(pid))).toEqual([])
  expect(await scene.command('fork')).toMatchObject({ code: 1 })
  expect(await scene.command('start')).toMatchObject({ code: 0, out: 'shop: started, 1 worker ready\n' })
  expect((await servers(scene)).map(({ role }) => role).toSorted()).toEqual(['main', 'standby'])
  expect((await scene.command('stop')).code).toBe(0)
})

test('servers that are stopped by a file end before any signal', async () => {
  const scene = newLibraryScene()
  await start(scene, { serverProcess: { stop: { file: scene.path('stop-%p'), fileTimeout: '30s' } } })
  const pids = await pidsOf(scene)
  expect((await scene.command('stop')).code).toBe(0)
  expect(pids.filter((pid) => scene.exists(`stop-${pid}`))).toEqual([])
  expect(scene.read('log/shop.server.log')).toContain('the stop file is there')
  expect(scene.read('log/shop.supervisor.log')).not.toContain('SIGTERM')
})
