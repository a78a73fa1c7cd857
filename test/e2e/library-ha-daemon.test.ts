// What HADaemon::Control does, as its commands are used: mains and standbys that are whole servers.
import { spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { expect, onTestFinished, test } from 'vitest'
import { lockHolder } from '../../src/os/file-lock.ts'
import { type LibraryScene, newLibraryScene } from './harness/library-scene.ts'
import { factsOf } from './harness/process-facts.ts'
import { waitFor } from './harness/wait-for.ts'

const LOCK_FILE = 'log/shop.state/supervisor/locks/shop-server/slot-0'

const servers = async (scene: LibraryScene) => (await scene.service('shop-server')).workers
const pidsOf = async (scene: LibraryScene, role: 'main' | 'standby'): Promise<number[]> =>
  (await servers(scene)).flatMap((one) => (one.role === role && one.pid !== null && one.ready ? [one.pid] : []))
const reloads = (scene: LibraryScene): string[] => scene.notes.filter((note) => note.startsWith('worker.reload'))

async function says(scene: LibraryScene, command: string, code: number, text: RegExp): Promise<void> {
  const result = await scene.command(command)
  expect(result.code, result.all).toBe(code)
  expect(result.all, command).toMatch(text)
}

test('a day of a main and a standby: each command says what it did, and again changes nothing', async () => {
  const scene = newLibraryScene()
  scene.options({ slots: { mains: 1, standbys: 1 } })
  await says(scene, 'status', 3, /is not running/)
  await says(scene, 'start', 0, /shop: started, pid \d+, 1 worker ready/)
  const supervisor = scene.serverPid
  await says(scene, 'start', 0, new RegExp(`is running already, pid ${supervisor}`))
  await says(scene, 'fork', 0, /is running already/)
  const [main = 0] = await pidsOf(scene, 'main')
  const [standby = 0] = await pidsOf(scene, 'standby')
  const mainId = (await servers(scene)).find(({ pid }) => pid === main)?.id
  for (const pid of [main, standby, supervisor]) expect(factsOf(pid).session).toBe(pid)
  expect((await scene.status()).locks).toMatchObject([{ mains: 1, holders: [{ slot: 0, worker: mainId }] }])

  // The main alone is told; a standby reads its configuration when it starts.
  await says(scene, 'reload', 0, /reloaded/)
  expect(reloads(scene)).toHaveLength(1)

  process.kill(main, 'SIGKILL')
  await waitFor(async () => (await pidsOf(scene, 'main')).includes(standby))
  // Replenished at once, without a fork.
  await waitFor(async () => (await pidsOf(scene, 'standby')).length === 1)
  await says(scene, 'status', 0, /shop +running +1\/1/)
  await says(scene, 'status', 0, /shop-server\/\d .* main of slot 0, token \d+\n/)
  await says(scene, 'status', 0, /shop-server\/\d .* standby\n/)

  const before = (await servers(scene)).map(({ pid }) => pid)
  await says(scene, 'restart', 0, /replaced/)
  expect((await servers(scene)).filter(({ pid }) => before.includes(pid))).toEqual([])
  expect(await pidsOf(scene, 'main')).toHaveLength(1)
  await says(scene, 'hard-restart', 0, /stopped\n.*started/)
  expect(scene.serverPid).not.toBe(supervisor)

  await says(scene, 'stop', 0, /stopped/)
  expect(scene.processes()).toEqual([])
  await says(scene, 'stop', 0, /is not running/)
  // No stop file keeps it from coming back.
  await says(scene, 'fork', 0, /started/)
  await says(scene, 'stop', 0, /stopped/)
})

test('two mains and a standby: a restart replaces all of them', async () => {
  const scene = newLibraryScene()
  scene.options({ slots: { mains: 2, standbys: 1 } })
  expect((await scene.command('start')).code).toBe(0)
  const before = (await servers(scene)).map(({ pid }) => pid)
  expect(await scene.command('restart')).toMatchObject({ code: 0 })
  expect((await servers(scene)).filter(({ pid }) => before.includes(pid))).toEqual([])
  expect(await pidsOf(scene, 'main')).toHaveLength(2)
  expect(await scene.command('stop')).toMatchObject({ code: 0 })
})

test('without standbys a restart stops and starts', async () => {
  const scene = newLibraryScene()
  scene.options({ slots: { mains: 1, standbys: 0 } })
  expect((await scene.command('start')).code).toBe(0)
  const [before] = await pidsOf(scene, 'main')
  expect(await scene.command('restart')).toMatchObject({ code: 0 })
  const [after] = await pidsOf(scene, 'main')
  expect(after).not.toBe(before)
  const notes = scene.notes
  expect(notes).toContain('afterRun -')
  expect(notes.lastIndexOf('initialize -')).toBeGreaterThan(notes.indexOf('afterRun -'))
  expect(await scene.command('stop')).toMatchObject({ code: 0 })
})

test('a program that does not listen to TERM is killed, main and standby', async () => {
  const scene = newLibraryScene('inside.mjs')
  scene.options({
    workerType: 'process',
    does: 'stubborn',
    stop: { timeout: '300ms' },
    slots: { mains: 1, standbys: 1 },
  })
  scene.setConfig({ exitOnStop: false })
  expect((await scene.command('start')).code).toBe(0)
  expect(scene.processes()).toHaveLength(5)
  expect(await scene.command('stop')).toMatchObject({ code: 0, out: 'shop: stopped\n' })
  expect(scene.processes()).toEqual([])
})

test('a slot that a stranger holds: he is named, and our server waits for it', async () => {
  const scene = newLibraryScene()
  scene.options({ slots: { mains: 1, standbys: 1 } })
  expect((await scene.command('start')).code).toBe(0)
  expect((await scene.command('stop')).code).toBe(0)
  const stranger = spawn('flock', ['--no-fork', scene.path(LOCK_FILE), 'sleep', '1000'])
  const end = () => !stranger.killed && stranger.kill('SIGKILL')
  onTestFinished(() => void end())
  await waitFor(() => lockHolder(scene.path(LOCK_FILE)) === stranger.pid)
  const { code, err } = await scene.command('start')
  expect(code, err).toBe(0)
  expect((await servers(scene)).map(({ role }) => role)).toEqual(['standby', 'standby'])
  expect(err).toContain(`nobody works: every main slot is held by pid ${stranger.pid} (sleep 1000)`)
  end()
  await waitFor(async () => (await pidsOf(scene, 'main')).length === 1)
  expect(await scene.command('stop')).toMatchObject({ code: 0 })
})

test('in the foreground there are no slots: the server works, and the commands know that it is alone', async () => {
  const scene = newLibraryScene()
  const stopFile = scene.path('held')
  scene.options({ slots: { mains: 1, standbys: 1, stopFile }, sockets: { http: 'tcp://127.0.0.1:0' } })
  const server = scene.launch(process.execPath, [scene.program, 'foreground'])
  let out = ''
  server.stdout?.on('data', (chunk) => (out += chunk))
  const ended = new Promise((resolve) => server.on('close', resolve))
  await waitFor(() => /shop\/0: process \d+ is ready/.test(out))
  const answer = await fetch(`http://127.0.0.1:${await scene.port('http')}/`, { headers: { connection: 'close' } })
  expect(await answer.json()).toMatchObject({ greeting: 'hello' })
  expect(existsSync(scene.path(LOCK_FILE))).toBe(false)
  scene.write('held', '')
  await says(scene, 'start', 0, new RegExp(`is running already, pid ${server.pid}`))
  await says(scene, 'status', 0, /^shop {2}server \d+ .*\n\nSERVICE .*\nshop +running +1\/1/)
  server.kill('SIGTERM')
  expect(await ended).toBe(0)
})
