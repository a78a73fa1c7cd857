// Signals of a program's own, and a stop that is asked for again.
import { existsSync } from 'node:fs'
import { expect, test } from 'vitest'
import { type LibraryScene, newLibraryScene, startedLibraryScene } from './harness/library-scene.ts'
import { waitFor } from './harness/wait-for.ts'

const start = (program: string, options: object = {}) => startedLibraryScene(options, program)

const times = (scene: LibraryScene, note: string): number => scene.notes.filter((one) => one === note).length
const log = (scene: LibraryScene): string => scene.read('log/shop.server.log')
const gone = (scene: LibraryScene) => waitFor(() => scene.processes().length === 0)

test.each([false, true])(
  'functions and actions, once for each signal; one that throws is reported; a stop from within (supervised: %s)',
  async (supervised) => {
    const scene = await start('signals.mjs', { supervised })
    // Or that of the supervisor, which hands them on.
    const { serverPid } = scene
    for (const count of [1, 2]) {
      process.kill(serverPid, 'SIGUSR2')
      await waitFor(() => times(scene, 'reloadConfig') === count)
      expect(times(scene, 'SIGUSR2')).toBe(count)
    }
    process.kill(serverPid, 'SIGCONT')
    await waitFor(() => log(scene).includes('SIGCONT: this handler fails as it was told to'))
    process.kill(serverPid, 'SIGWINCH')
    await waitFor(() => scene.notes.includes('WINCH 3'))
    // Ignored: what comes after it is carried out, and it left nothing.
    process.kill(serverPid, 'SIGUSR1')
    process.kill(serverPid, 'SIGUSR2')
    await waitFor(() => times(scene, 'reloadConfig') === 3)
    expect(scene.notes).toHaveLength(9)
    if (supervised) await scene.command('stop')
    else process.kill(serverPid, 'SIGHUP')
    await gone(scene)
    expect(existsSync(scene.path('shop.pid'))).toBe(false)
  },
)

test('a hundred signals at once: none is too many', async () => {
  const scene = await start('signals.mjs')
  for (let count = 0; count < 100; count++) process.kill(scene.serverPid, 'SIGUSR2')
  await waitFor(() => times(scene, 'reloadConfig') > 0)
  await waitFor(() => times(scene, 'reloadConfig') === times(scene, 'SIGUSR2'))
  expect(await scene.command('status')).toMatchObject({ code: 0 })
  expect(await scene.command('stop')).toMatchObject({ code: 0 })
})

for (const [workerType, signals, first, second, supervised = false] of [
  ['process', 'holdfast', 'SIGTERM', 'SIGQUIT'],
  ['process', 'holdfast', 'SIGTERM', 'SIGTERM'],
  ['process', 'ghost', 'SIGQUIT', 'SIGTERM'],
  ['process', 'serverengine', 'SIGTERM', 'SIGQUIT'],
  ['thread', 'ghost', 'SIGQUIT', 'SIGTERM'],
  ['process', 'serverengine', 'SIGTERM', 'SIGQUIT', true],
  ['process', 'holdfast', 'SIGTERM', 'SIGTERM', true],
] as const) {
  const where = supervised ? ', below a supervisor' : ''
  test(`${workerType}, ${signals}${where}: ${second} during a graceful stop by ${first} acts at once`, async () => {
    const scene = newLibraryScene('inside.mjs')
    scene.options({ workerType, signals, supervised, does: 'stubborn', stop: { timeout: '10m' } })
    scene.setConfig({ exitOnStop: false })
    expect((await scene.command('start')).code).toBe(0)
    process.kill(scene.serverPid, first)
    await waitFor(() => /shop\/0 running → stopping/.test(log(scene)))
    process.kill(scene.serverPid, second)
    await gone(scene)
    expect(log(scene)).toContain('killed by SIGKILL')
  })
}

test('a stop ladder that a reload has brought is that of the workers that run', async () => {
  const scene = newLibraryScene('inside.mjs')
  scene.options({ workerType: 'process', does: 'stubborn', stop: { timeout: '10m' } })
  scene.setConfig({ exitOnStop: false })
  expect((await scene.command('start')).code).toBe(0)
  const pids = async () => (await scene.service('shop')).workers.map(({ pid }) => pid)
  const before = await pids()
  scene.setConfig({ exitOnStop: false, stop: { timeout: '200ms' } })
  expect((await scene.command('reload')).code).toBe(0)
  expect(await pids()).toEqual(before)
  expect((await scene.command('stop')).code).toBe(0)
  expect(log(scene)).toContain('killed by SIGKILL')
})
