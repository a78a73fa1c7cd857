import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { startLoad } from './harness/http-load.ts'
import { newScene, PROGRAMS, type Scene } from './harness/scene.ts'
import { waitFor } from './harness/wait-for.ts'

const WEB = [process.execPath, join(PROGRAMS, 'web.mjs')]

function webScene(service: Record<string, unknown> = {}): Scene {
  const scene = newScene()
  const web = { command: WEB, instances: 2, sockets: ['http'], ready: 'notify', stop: { timeout: '8s' }, ...service }
  scene.configure({ sockets: { http: 'tcp://127.0.0.1:0' }, services: { web } })
  return scene
}

test('a rolling restart under load replaces every worker and fails no request', async () => {
  const scene = webScene()
  await scene.up()
  const load = startLoad({ port: await scene.port('http'), newPerSecond: 100, keepAlive: 10 })
  const before = (await scene.service('web')).workers.map(({ pid }) => pid)
  for (let round = 0; round < 2; round++) {
    const restart = await scene.holdfast('restart', 'web')
    expect(restart.code, restart.all).toBe(0)
  }
  const scale = await scene.holdfast('scale', 'web', '4')
  expect(scale.code, scale.all).toBe(0)
  expect((await scene.holdfast('scale', 'web', '-3')).code).toBe(0)
  const { requests, failures } = await load.stop()
  expect(failures).toEqual({})
  expect(requests).toBeGreaterThan(100)
  const { workers, generation, desired } = await scene.service('web')
  expect({ generation, desired, pids: workers.filter(({ pid }) => before.includes(pid)).length }).toEqual({
    generation: 3,
    desired: 1,
    pids: 0,
  })
})

test('a new generation that exits at boot fails the rollout; the old one never stops serving', async () => {
  const scene = webScene()
  await scene.up()
  const port = await scene.port('http')
  const load = startLoad({ port, newPerSecond: 50, keepAlive: 5 })
  const before = (await scene.service('web')).workers.map(({ pid }) => pid)
  scene.configure({
    sockets: { http: 'tcp://127.0.0.1:0' },
    services: {
      web: {
        command: WEB,
        instances: 2,
        sockets: ['http'],
        ready: 'notify',
        stop: { timeout: '8s' },
        env: { BOOT: 'exit' },
      },
    },
  })
  const apply = await scene.holdfast('apply')
  expect(apply.code, apply.all).toBe(1)
  expect(apply.all).toContain('boot of web/0 (generation 2)')
  expect(apply.all).toContain('exited with code 4')
  expect(apply.all).toContain('cannot find the database')
  const web = await scene.service('web')
  expect(web.workers.map(({ pid }) => pid)).toEqual(before)
  expect(web).toMatchObject({ generation: 1, target: 1, rollout: { state: 'failed' } })
  expect((await load.stop()).failures).toEqual({})
  // The difference is still there.
  expect((await scene.holdfast('apply', '--dry-run')).out).toContain('env.BOOT')
})

test('hanging at boot, and dying within minReady, fail it too; maxSurge 0 goes back to the old spec', async () => {
  const scene = newScene()
  const program = 'echo "$MODE"; [ "$MODE" = exit ] && exit 3; sleep 1000'
  const service = (env: Record<string, string>, more: Record<string, unknown> = {}) =>
    scene.configure({
      services: {
        app: {
          command: ['sh', '-c', program],
          instances: 2,
          env,
          ready: { delay: '200ms' },
          restart: { immediate: 0 },
          ...more,
        },
      },
    })
  service({ MODE: 'good' })
  await scene.up()
  const before = await scene.service('app')
  service({ MODE: 'exit' })
  const apply = await scene.holdfast('apply')
  expect(apply.code, apply.all).toBe(1)
  const after = await waitFor(async () => {
    const app = await scene.service('app')
    return app.ready === 2 ? app : null
  })
  // One slot was taken, as maxUnavailable allows, and is back; the other was never touched.
  const kept = after?.workers.filter(({ pid }, slot) => pid === before.workers[slot]?.pid)
  expect(kept).toHaveLength(1)
  expect(after?.workers.map(({ generation }) => generation)).toEqual([1, 1])
})

test('dying within minReady fails the rollout', async () => {
  const scene = webScene({ rollout: { minReady: '1s' } })
  await scene.up()
  const before = (await scene.service('web')).workers.map(({ pid }) => pid)
  scene.configure({
    sockets: { http: 'tcp://127.0.0.1:0' },
    services: {
      web: {
        command: WEB,
        instances: 2,
        sockets: ['http'],
        ready: 'notify',
        stop: { timeout: '8s' },
        rollout: { minReady: '1s' },
        env: { BOOT: 'die-later' },
      },
    },
  })
  const apply = await scene.holdfast('apply')
  expect(apply.code, apply.all).toBe(1)
  expect(apply.all).toContain('probation of web/0')
  expect((await scene.service('web')).workers.map(({ pid }) => pid)).toEqual(before)
})

test('a second restart during a rollout is refused, --replace supersedes it, stop cancels it', async () => {
  const scene = webScene({ startTimeout: '20s', env: { BOOT: 'hang' } })
  scene.configure({
    sockets: { http: 'tcp://127.0.0.1:0' },
    services: {
      web: { command: WEB, sockets: ['http'], ready: 'notify', stop: { timeout: '8s' }, rollout: { minReady: '30s' } },
    },
  })
  await scene.up()
  const first = scene.holdfast('restart', 'web')
  await waitFor(async () => (await scene.service('web')).rollout.state !== 'stable')
  const second = await scene.holdfast('restart', 'web')
  expect(second.code).toBe(1)
  expect(second.err).toContain('rollout in progress since')
  const third = scene.holdfast('restart', 'web', '--replace')
  const superseded = await first
  expect(superseded.code, superseded.all).toBe(1)
  const stop = await scene.holdfast('stop', 'web')
  expect(stop.code, stop.all).toBe(0)
  expect((await third).code).toBe(1)
  expect((await scene.service('web')).state).toBe('stopped')
})

test('a cold restart stops all, then starts all; a single worker keeps its generation', async () => {
  const scene = webScene()
  await scene.up()
  expect((await scene.holdfast('restart', '--cold', 'web')).code).toBe(0)
  const cold = await scene.service('web')
  expect(cold).toMatchObject({ generation: 2, ready: 2 })
  const one = await scene.holdfast('restart', 'web/1')
  expect(one.code, one.all).toBe(0)
  const after = await scene.service('web')
  expect(after.generation).toBe(2)
  expect(after.workers[0]?.pid).toBe(cold.workers[0]?.pid)
  expect(after.workers[1]?.pid).not.toBe(cold.workers[1]?.pid)
})

test('scaled up and down again, the supervisor holds no more descriptors than before', async () => {
  const scene = newScene()
  scene.configure({ services: { many: { command: ['sleep', '1000'] } } })
  await scene.up()
  const { pid } = (await scene.status()).supervisor
  const open = () => readdirSync(`/proc/${pid}/fd`).length
  await scene.holdfast('status')
  const before = open()
  expect((await scene.holdfast('scale', 'many', '20')).code).toBe(0)
  expect(open()).toBeGreaterThan(before + 19)
  expect((await scene.holdfast('scale', 'many', '1')).code).toBe(0)
  await waitFor(() => open() <= before, { what: 'closed descriptors' })
  expect((await scene.holdfast('scale', 'many', '3')).code).toBe(0)
  expect((await scene.service('many')).ready).toBe(3)
})
