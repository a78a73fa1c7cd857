// The main promise under load, on the quickstart's application. CHAOS_SECONDS=60 for the full length.
import { cpSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { expect, test } from 'vitest'
import { type LoadResult, startLoad } from '../e2e/harness/http-load.ts'
import { newScene, type Scene } from '../e2e/harness/scene.ts'
import { waitFor } from '../e2e/harness/wait-for.ts'

const SECONDS = Number(process.env.CHAOS_SECONDS ?? 10)
const ROOT = resolve(import.meta.dirname, '../..')

/** The quickstart's web service, on a free port. */
async function webScene(): Promise<{ scene: Scene; port: number }> {
  const scene = newScene()
  cpSync(join(ROOT, 'examples/quickstart'), scene.path('app'), { recursive: true })
  cpSync(join(ROOT, 'package.json'), scene.path('package.json'))
  cpSync(join(ROOT, 'dist'), scene.path('dist'), { recursive: true })
  scene.configure({
    sockets: { http: 'tcp://127.0.0.1:0' },
    services: { web: { command: ['node', 'app/web.mjs'], cwd: '.', instances: 2, sockets: ['http'], ready: 'notify' } },
  })
  await scene.up()
  return { scene, port: await scene.port('http') }
}

function pause(seconds: number): Promise<unknown> {
  const until = performance.now() + seconds * 1000
  return waitFor(() => performance.now() > until, { within: seconds * 1000 + 5_000 })
}

async function underLoad(port: number, disturb: (until: number) => Promise<void>): Promise<LoadResult> {
  const load = startLoad({ port, newPerSecond: 500, keepAlive: 50 })
  await disturb(performance.now() + SECONDS * 1000)
  const result = await load.stop()
  console.log(`${result.requests} requests, failures ${JSON.stringify(result.failures)}`)
  return result
}

test('a rolling restart every 2 s: nothing refused, nothing reset, nothing failed', async () => {
  const { scene, port } = await webScene()
  let restarts = 0
  const { requests, failures } = await underLoad(port, async (until) => {
    while (performance.now() < until) {
      const [restart] = await Promise.all([scene.holdfast('restart', 'web'), pause(2)])
      expect(restart.code, restart.all).toBe(0)
      restarts++
    }
  })
  expect(failures).toEqual({})
  expect(requests).toBeGreaterThan(SECONDS * 500)
  expect(restarts).toBeGreaterThan(SECONDS / 4)
})

test('scaling from 2 to 6 to 1 while restarting: nothing failed', async () => {
  const { scene, port } = await webScene()
  const { failures } = await underLoad(port, async (until) => {
    for (const size of ['6', '1', '2', '6', '1', '3']) {
      const scale = await scene.holdfast('scale', 'web', size)
      expect(scale.code, scale.all).toBe(0)
      const restart = await scene.holdfast('restart', 'web')
      expect(restart.code, restart.all).toBe(0)
      if (performance.now() > until) break
    }
  })
  expect(failures).toEqual({})
})

test('kill -9 of a random worker every second: nobody is refused, only what the dead worker held fails', async () => {
  const { scene, port } = await webScene()
  let kills = 0
  const { requests, failures } = await underLoad(port, async (until) => {
    while (performance.now() < until) {
      const { workers } = await scene.service('web')
      const victim = workers[Math.floor(Math.random() * workers.length)]?.pid
      if (victim) process.kill(victim, 'SIGKILL')
      kills++
      await pause(1)
    }
  })
  expect(Object.keys(failures).filter((what) => what.includes('ECONNREFUSED'))).toEqual([])
  // Each killed worker held about half of the 50 kept connections, and what it had just accepted.
  const failed = Object.values(failures).reduce((sum, count) => sum + count, 0)
  expect(failed).toBeLessThan(kills * 60)
  expect(requests).toBeGreaterThan(SECONDS * 400)
})
