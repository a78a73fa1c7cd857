// The order in which services start and stop.
import { rmSync } from 'node:fs'
import { expect, test } from 'vitest'
import { newScene, type Scene } from './harness/scene.ts'

const SLEEP = ['sleep', '1000']

/** Ready when the file is there. */
const readyWith = (file: string) => ({ command: SLEEP, ready: { exec: ['test', '-e', file] } })

test('start: each waits for what it asked for, ready, started or exited; stop: the other way round', async () => {
  const scene = newScene()
  scene.configure({
    services: {
      web: { command: SLEEP, dependsOn: { db: 'ready', migrate: 'exited', cache: 'started' } },
      db: readyWith('db-ready'),
      cache: readyWith('cache-ready'),
      migrate: {
        command: ['sh', '-c', 'while [ ! -e migrated ]; do sleep 0.02; done'],
        restart: { when: 'never' },
        dependsOn: { db: 'ready' },
      },
    },
  })
  const up = scene.holdfast('up', '--detach')
  await scene.sees({ web: 'waiting', db: 'starting', cache: 'starting', migrate: 'waiting' })
  expect((await scene.worker('web/0')).message).toMatch(/waits for .*db/)
  scene.write('db-ready', '')
  await scene.sees({ web: 'waiting', db: 'running', cache: 'starting', migrate: 'running' })
  const why = await scene.holdfast('why', 'web')
  expect(why.out).toMatch(/web\/0 .*waits for migrate/)
  scene.write('migrated', '')
  // The cache is started, which is all that was asked.
  await scene.sees({ web: 'running', db: 'running', cache: 'starting', migrate: 'exited' })
  scene.write('cache-ready', '')
  const { code, all } = await up
  expect(code, all).toBe(0)
  const down = await scene.holdfast('down')
  expect(down.code, down.all).toBe(0)
  const stopped = entries(scene)
    .filter(({ to }) => to === 'stopped')
    .map(({ service }) => service)
  expect(stopped.indexOf('web')).toBeLessThan(stopped.indexOf('db'))
  expect(stopped.indexOf('web')).toBeLessThan(stopped.indexOf('cache'))
})

test('a stop is refused while dependents are up; --with-dependents stops them first; start starts what is needed', async () => {
  const scene = newScene()
  scene.configure({
    services: {
      db: { command: SLEEP },
      app: { command: SLEEP, dependsOn: { db: 'ready' } },
      web: { command: SLEEP, dependsOn: { app: 'ready' } },
      other: { command: SLEEP },
    },
  })
  await scene.up()
  const before = await scene.status()
  const refused = await scene.holdfast('stop', 'db')
  expect(refused.code).toBe(1)
  expect(refused.err).toMatch(/db: .*app/)
  expect(refused.err).toContain('--with-dependents')
  expect((await scene.status()).services.map(({ state }) => state)).toEqual(before.services.map(({ state }) => state))
  const mark = entries(scene).length
  const stop = await scene.holdfast('stop', '--with-dependents', 'db')
  expect(stop.code, stop.all).toBe(0)
  await scene.sees({ db: 'stopped', app: 'stopped', web: 'stopped', other: 'running' })
  const order = entries(scene)
    .slice(mark)
    .filter(({ to }) => to === 'stopped')
    .map(({ service }) => service)
  expect(order).toEqual(['web', 'app', 'db'])
  const start = await scene.holdfast('start', 'app')
  expect(start.code, start.all).toBe(0)
  await scene.sees({ db: 'running', app: 'running', web: 'stopped', other: 'running' })
  // All of them together need no asking.
  expect((await scene.holdfast('stop', 'db', 'app')).code).toBe(0)
})

test('a crash of a dependency touches nobody; while it is fatal, dependents that are to start wait', async () => {
  const scene = newScene()
  const crashing = ['sh', '-c', 'if [ -e broken ]; then exit 4; fi; exec sleep 1000']
  scene.configure({
    services: {
      db: { command: crashing, ready: { delay: '50ms' }, restart: { maxRetries: 1, immediate: 0, initial: '50ms' } },
      web: { command: SLEEP, dependsOn: { db: 'ready' } },
    },
  })
  await scene.up()
  const web = await scene.worker('web/0')
  scene.write('broken', '')
  process.kill((await scene.worker('db/0')).pid ?? 0, 'SIGKILL')
  await scene.sees({ db: 'fatal', web: 'running' })
  expect(await scene.worker('web/0')).toMatchObject({ pid: web.pid, restarts: 0 })
  expect((await scene.holdfast('stop', 'web')).code).toBe(0)
  const start = await scene.holdfast('start', 'web')
  expect(start.code).toBe(1)
  await scene.sees({ db: 'fatal', web: 'waiting' })
  const why = await scene.holdfast('why', 'web')
  expect(why.out).toMatch(/waits for db/)
  expect((await scene.holdfast('status', 'web')).code).toBe(3)
  rmSync(scene.path('broken'))
  expect((await scene.holdfast('start', 'db')).code).toBe(0)
  await scene.sees({ db: 'running', web: 'running' })
})

test('up, start, scale and apply do not wait for what waits in vain: exit 1, and for whom', async () => {
  const scene = newScene()
  const db = { command: ['sh', '-c', 'echo no disk; exit 4'], ready: { delay: '50ms' }, restart: { maxRetries: 0 } }
  const app = { command: SLEEP, dependsOn: { db: 'ready' } }
  const web = { command: SLEEP, dependsOn: { app: 'started' } }
  scene.configure({ services: { db, app, web, other: { command: SLEEP } } })
  const up = await scene.holdfast('up', '--detach')
  expect(up.code, up.all).toBe(1)
  expect(up.err).toMatch(/^not up: db, app, web\./m)
  expect(up.err).toMatch(/^web: .*waits for app, which does not come up/m)
  expect(up.err).toContain('    no disk\n')
  await scene.sees({ db: 'fatal', app: 'waiting', web: 'waiting', other: 'running' })
  expect((await scene.holdfast('start', 'web')).code).toBe(1)
  expect((await scene.holdfast('scale', 'web', '2')).code).toBe(1)
  scene.configure({
    services: { db, app, web, other: { command: SLEEP }, more: { command: SLEEP, dependsOn: { db: 'exited' } } },
  })
  const apply = await scene.holdfast('apply')
  expect(apply.code, apply.all).toBe(1)
  expect(apply.err).toMatch(/^more: .*waits for db, which does not come up/m)
})

test('autostart false: not with the supervisor, unless somebody needs it', async () => {
  const scene = newScene()
  scene.configure({
    services: {
      idle: { command: SLEEP, autostart: false },
      needed: { command: SLEEP, autostart: false },
      web: { command: SLEEP, dependsOn: { needed: 'ready' } },
    },
  })
  await scene.up()
  await scene.sees({ idle: 'stopped', needed: 'running', web: 'running' })
  expect((await scene.holdfast('start', 'idle')).code).toBe(0)
  await scene.sees({ idle: 'running' })
})

interface Entry {
  readonly service?: string
  readonly to?: string
}

function entries(scene: Scene): Entry[] {
  return scene
    .read('log/journal.jsonl')
    .split('\n')
    .filter(Boolean)
    .map((line) => JSON.parse(line))
}
