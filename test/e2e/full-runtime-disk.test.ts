// The runtime directory on a disk that is full: what runs is supervised on, what can not be started says why.
import { closeSync, openSync, rmSync, writeSync } from 'node:fs'
import { expect, type test } from 'vitest'
import { mountTmpfs } from './harness/mount.ts'
import { isRoot, testWhere } from './harness/requirement.ts'
import { newScene, type Scene } from './harness/scene.ts'
import { waitFor } from './harness/wait-for.ts'

const asRoot: typeof test = testWhere(isRoot, 'a small disk needs root')
const SLEEP = ['sleep', '1000']

/** A page is 4 KB: room for the sockets, a handful of records and heartbeat tables. */
async function smallScene(options: string): Promise<Scene> {
  const scene = newScene()
  mountTmpfs(scene, 'run', `${options},mode=700`)
  scene.configure({
    services: {
      calm: { command: SLEEP },
      web: { command: SLEEP, instances: 2 },
      // What it would write of its requests is acted upon: there must be room for it.
      late: { command: SLEEP, autostart: false, requestTimeout: '10s', restart: { initial: '100ms', max: '300ms' } },
    },
  })
  await scene.up()
  return scene
}

/** @returns the emptying */
function fill(scene: Scene): () => void {
  const files: string[] = []
  try {
    for (;;) {
      const path = `${scene.runtimeDir}/filler${files.length}`
      const fd = openSync(path, 'w')
      files.push(path)
      try {
        for (;;) writeSync(fd, Buffer.alloc(4096))
      } catch {
        // No block left; the next file finds out whether there is an inode.
      } finally {
        closeSync(fd)
      }
      if (files.length > 500) break
    }
  } catch {
    // No inode left either.
  }
  return () => {
    for (const path of files) rmSync(path, { force: true })
  }
}

/** Every sleeper is one that `status` knows. */
async function expectNoneUnmanaged(scene: Scene): Promise<void> {
  const known = (await scene.status()).services.flatMap(({ workers }) => workers.map(({ pid }) => pid))
  const sleepers = scene
    .processes()
    .filter(({ command }) => command === 'sleep 1000' || command.endsWith('/sleep 1000'))
  expect(known).toEqual(expect.arrayContaining(sleepers.map(({ pid }) => pid)))
}

asRoot.each([
  ['without a free block', 'size=64k'],
  ['without a free inode', 'size=1m,nr_inodes=100'],
])('a runtime directory %s', async (_, options) => {
  const scene = await smallScene(options)
  const empty = fill(scene)

  // What has run before comes back, and the commands work.
  const before = await scene.worker('calm/0')
  process.kill(before.pid ?? 0, 'SIGKILL')
  await waitFor(async () => (await scene.worker('calm/0')).ready && (await scene.worker('calm/0')).pid !== before.pid)
  await expectNoneUnmanaged(scene)

  const start = await scene.holdfast('start', 'late')
  const why = await scene.holdfast('why', 'late')
  await expectNoneUnmanaged(scene)
  const scale = await scene.holdfast('scale', 'web', '8')
  await expectNoneUnmanaged(scene)
  if (start.code !== 0) {
    expect(start.all).toMatch(/no space left/i)
    expect(why.out).toMatch(/no space left/i)
    expect(why.out).toContain(`${scene.runtimeDir}/`)
  }
  expect([start.code, scale.code], `${start.all}${scale.all}`).toContain(1)
  expect(scale.code === 0 ? 'no space left' : scale.all).toMatch(/no space left/i)

  empty()
  await waitFor(async () => (await scene.service('late')).ready === 1)
  await waitFor(async () => (await scene.service('web')).ready === 8, { within: 40_000 })
  await expectNoneUnmanaged(scene)
  expect((await scene.down()).code).toBe(0)
})

asRoot('a supervisor that is killed while it could leave no records: down still finds what runs', async () => {
  const scene = newScene()
  mountTmpfs(scene, 'run', 'size=64k,mode=700')
  scene.configure({ services: { web: { command: SLEEP, instances: 2 } } })
  await scene.up()
  for (const { pid } of (await scene.service('web')).workers) process.kill(pid ?? 0, 'SIGKILL')
  const empty = fill(scene)
  await waitFor(async () => (await scene.service('web')).ready === 2)
  for (const record of ['web.0.a', 'web.0.b', 'web.1.a', 'web.1.b']) {
    rmSync(`${scene.runtimeDir}/workers/${record}.json`, { force: true })
  }
  process.kill(scene.supervisorPid(), 'SIGKILL')
  await waitFor(async () => (await scene.holdfast('status')).code === 5)
  empty()
  const up = await scene.holdfast('up', '--detach')
  expect(up.code).toBe(1)
  expect(up.err).toContain('a process of web/1')
  const down = await scene.down()
  expect(down.code, down.all).toBe(0)
  expect(scene.processes()).toEqual([])
})
