// A tier that is killed: what the tiers below it do, and how what is left is ended.
import { existsSync } from 'node:fs'
import { expect, test } from 'vitest'
import { restsSoon } from './harness/cpu-time.ts'
import { startLoad } from './harness/http-load.ts'
import { newLibraryScene } from './harness/library-scene.ts'
import { waitFor } from './harness/wait-for.ts'

const HTTP = { sockets: { http: 'tcp://127.0.0.1:0' } }

async function kill9(pid: number): Promise<void> {
  process.kill(pid, 'SIGKILL')
  await waitFor(() => !existsSync(`/proc/${pid}`))
}

test('the supervisor above a server is killed: it goes on serving, until stop ends it', async () => {
  const scene = newLibraryScene()
  scene.options({ workers: 2, supervised: true, ...HTTP })
  expect((await scene.command('start')).code).toBe(0)
  const load = startLoad({ port: await scene.port('http'), newPerSecond: 100, keepAlive: 4 })
  await kill9(scene.serverPid)
  expect(await scene.command('status')).toMatchObject({ code: 1, err: expect.stringContaining('shop-server/0 (pid') })
  const { failures, requests } = await load.stop()
  expect(failures).toEqual({})
  expect(requests).toBeGreaterThan(0)
  await Promise.all(scene.processes().map(({ pid }) => restsSoon(pid)))
  expect(await scene.command('stop')).toMatchObject({ code: 0, out: expect.stringContaining('its server was dead') })
  expect(scene.processes()).toEqual([])
  expect(scene.notes.filter((note) => note.startsWith('worker.stop'))).toHaveLength(2)
})

test('the next start ends what a killed supervisor has left, and serves in its place', async () => {
  const scene = newLibraryScene()
  scene.options({ workers: 1, supervised: true, ...HTTP })
  expect((await scene.command('start')).code).toBe(0)
  const left = scene.processes().map(({ pid }) => pid)
  await kill9(scene.serverPid)
  expect((await scene.command('start')).code).toBe(0)
  expect(scene.processes().filter(({ pid }) => left.includes(pid))).toEqual([])
  expect(scene.processes()).toHaveLength(3)
  expect(await scene.command('stop')).toMatchObject({ code: 0 })
})

for (const [orphans, living] of [
  ['finish', 0],
  ['stay', 2],
] as const) {
  test(`below a supervisor, workers that are any program (orphans: ${orphans}), when their server is killed`, async () => {
    const scene = newLibraryScene('spawner.mjs')
    scene.options({ supervised: true, workers: 2, command: 'sleep 1000', ready: { delay: 0 }, orphans })
    expect((await scene.command('start')).code).toBe(0)
    const sleepers = (): number[] =>
      scene.processes().flatMap(({ pid, command }) => (command.includes('sleep') ? [pid] : []))
    const old = sleepers()
    expect(old).toHaveLength(2)
    const [server] = (await scene.service('shop-server')).workers
    await kill9(server?.pid ?? 0)
    await waitFor(
      () => sleepers().length === 2 + living && sleepers().filter((pid) => old.includes(pid)).length === living,
    )
    expect(await scene.command('stop')).toMatchObject({ code: 0 })
    expect(scene.processes()).toEqual([])
  })
}

test('words on stdin: it does not end with the server; stop ends what is left', async () => {
  const scene = newLibraryScene('spawner.mjs')
  const reader = 'while read -r word; do [ "$word" = GRACEFUL_STOP ] && exit 0; done; echo end of file; exec sleep 1000'
  scene.options({ workers: 2, command: ['sh', '-c', reader], commandSender: 'pipe', ready: { delay: 0 } })
  expect((await scene.command('start')).code).toBe(0)
  const workers = (await scene.service('shop')).workers.map(({ pid }) => pid ?? 0)
  await kill9(scene.serverPid)
  expect(await scene.command('status')).toMatchObject({ code: 1 })
  for (const pid of workers) expect(existsSync(`/proc/${pid}`)).toBe(true)
  expect(await scene.command('stop')).toMatchObject({ code: 0 })
  expect(scene.processes()).toEqual([])
  expect(scene.read('log/shop.log')).not.toContain('end of file')
})
