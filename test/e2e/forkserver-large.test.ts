// An application as large as people have: some thousand modules, a graph of objects, 100 MB. Forks of it meet V8 at work: functions
// that become hot, pages that are full.
import { join, resolve } from 'node:path'
import { expect, test } from 'vitest'
import { generateCatalogue, generateModules } from '../../bench/forkserver/generate-application.ts'
import { newScene } from './harness/scene.ts'
import { waitFor } from './harness/wait-for.ts'

const ROOT = resolve(import.meta.dirname, '../..')
const APPLICATION = join(ROOT, 'bench/programs/warm')
const WORKERS = 8
const STARTS = 2

test('all workers of a large application are forked: none dies at its birth, at the start or after a kill', async () => {
  const scene = newScene()
  for (const name of ['lives', 'ports']) scene.write(name, '')
  const env = {
    BENCH_MODULES: generateModules(scene.dir),
    BENCH_CATALOGUE: generateCatalogue(scene.dir),
    BENCH_FIFO: join(scene.dir, 'lives'),
    BENCH_PORTS: join(scene.dir, 'ports'),
    BENCH_TAG: '0',
  }
  const preload = [join(APPLICATION, 'server.cjs'), join(ROOT, 'dist/worker.cjs')]
  const web = { forkserver: 'app', entry: join(APPLICATION, 'worker.cjs'), instances: WORKERS, sockets: ['http'], env }
  scene.configure({
    sockets: { http: 'tcp://127.0.0.1:0' },
    forkservers: { app: { runtime: 'node', preload, env } },
    services: { web: { ...web, ready: 'notify' } },
  })
  for (let start = 0; start < STARTS; start++) {
    await scene.up()
    for (let slot = 0; slot < WORKERS; slot++) {
      process.kill((await scene.worker(`web/${slot}`)).pid ?? 0, 'SIGKILL')
    }
    const forks = async () => (await scene.status()).forkservers[0] ?? { forks: 0, failedForks: 0 }
    await waitFor(async () => (await forks()).forks + (await forks()).failedForks >= 2 * WORKERS)
    expect(await forks()).toMatchObject({ forks: 2 * WORKERS, failedForks: 0 })
    expect((await scene.holdfast('down')).code).toBe(0)
  }
})
