// A worker that dies before it was ready, where that is the end of the whole service (`earlyDeath`).
import { expect, test } from 'vitest'
import { startUnderInit } from './harness/background-exit.ts'
import { newLibraryScene } from './harness/library-scene.ts'
import { testWith } from './harness/requirement.ts'
import { newScene } from './harness/scene.ts'
import { waitFor } from './harness/wait-for.ts'

const withPython = testWith('python3', 'python3')

const ALWAYS = { firstBoot: 'shut-down', newGeneration: 'shut-down', steady: 'shut-down' }

test('in the daemon the service is fatal until somebody starts it again, and the others go on', async () => {
  const scene = newScene()
  const bad = {
    command: ['sh', '-c', 'test -e mended || exit 3; exec sleep 1000'],
    instances: 2,
    ready: { delay: 0.3 },
  }
  scene.configure({
    services: { good: { command: 'sleep 1000' }, bad: { ...bad, earlyDeath: { firstBoot: 'shut-down' } } },
  })
  const up = await scene.holdfast('up', '--detach')
  expect(up).toMatchObject({ code: 1, err: expect.stringContaining('earlyDeath.firstBoot is shut-down') })
  await scene.sees({ good: 'running', bad: 'fatal' })
  await waitFor(async () => (await scene.service('bad')).workers.every(({ state }) => state === 'fatal'))
  const { workers } = await scene.service('bad')
  expect(workers.filter(({ message }) => message.startsWith('exited with code 3, before it was ready'))).not.toEqual([])
  expect(workers.map(({ restarts, nextRetryAt }) => [restarts, nextRetryAt])).toEqual([
    [0, null],
    [0, null],
  ])
  expect((await scene.holdfast('why', 'bad')).out).toContain('is given up since ')
  scene.write('mended', '')
  expect(await scene.holdfast('start', 'bad')).toMatchObject({ code: 0 })
  await scene.sees({ good: 'running', bad: 'running' })
})

test('a server ends with the exit code of that worker, and says why', async () => {
  const scene = newLibraryScene()
  scene.options({ workers: 2, earlyDeath: ALWAYS })
  scene.setConfig({ exitWith: [3, 3] })
  expect(await scene.command('foreground')).toMatchObject({ code: 3 })
  const { code, err } = await scene.command('start')
  expect({ code, err }).toMatchObject({ code: 1, err: expect.stringContaining('earlyDeath.firstBoot is shut-down') })
  expect(scene.read('log/shop.server.log')).toContain(
    'the service is shut down: exited with code 3, before it was ready',
  )
  expect((await scene.command('status')).code).toBe(3)
  expect(scene.processes()).toEqual([])
})

test('so does a server whose workers were up, with one that is started later', async () => {
  const scene = newLibraryScene()
  scene.options({ earlyDeath: { steady: 'shut-down' } })
  scene.setConfig({ greeting: 'hello', workers: 2 })
  const ended = scene.command('foreground')
  await waitFor(async () => scene.isUp() && (await scene.service('shop')).ready === 2)
  scene.setConfig({ greeting: 'hello', workers: 3, exitWith: { 2: 3 } })
  const reloaded = scene.command('reload')
  const { code, all } = await ended
  expect(code, all).toBe(3)
  expect(scene.read('log/shop.server.log')).toContain('earlyDeath.steady is shut-down')
  await reloaded
})

withPython('a supervised server takes its supervisor with it, which has its exit code', async () => {
  const scene = newLibraryScene()
  const options = { workers: 2, supervised: true, earlyDeath: ALWAYS }
  const broken = { ...options, fail: { 'worker.run': 6 } }
  scene.options(broken)
  const refused = await scene.command('start')
  expect(refused).toMatchObject({ code: 1, err: expect.stringContaining('earlyDeath.firstBoot is shut-down') })
  expect(scene.processes()).toEqual([])

  scene.options(options)
  const server = await startUnderInit(scene)
  scene.options(broken)
  const restarted = scene.command('rolling-restart')
  expect(await server.exitCode()).toBe(6)
  await waitFor(() => scene.processes().length === 0, { within: 20_000 })
  await restarted
  expect(scene.read('log/shop.server.log')).toContain('earlyDeath.newGeneration is shut-down')
  expect((await scene.command('status')).code).toBe(3)
})
