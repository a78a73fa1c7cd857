// What a program's own functions do wrong: said in a sentence that names the function, and nobody else pays for it.
import { renameSync } from 'node:fs'
import { expect, test } from 'vitest'
import { type LibraryScene, newLibraryScene, startedLibraryScene } from './harness/library-scene.ts'
import { waitFor } from './harness/wait-for.ts'

const start = (options: object) => startedLibraryScene(options, 'hooks.mjs')

async function stop(scene: LibraryScene): Promise<void> {
  expect(await scene.command('stop')).toMatchObject({ code: 0 })
}

for (const hook of ['config', 'initialize', 'beforeRun']) {
  for (const [how, problem] of [
    ['throw', `${hook} does not like it`],
    ['reject', `TypeError: ${hook} does not like it`],
    ['hang', 'it has not ended within 500ms (startTimeout)'],
  ] as const) {
    test(`${hook} (${how}): the server does not start, and its own frames alone are shown`, async () => {
      const scene = newLibraryScene('hooks.mjs')
      scene.options({ acts: { [hook]: how }, startTimeout: '500ms', daemonizeErrorExitCode: 9 })
      const { code, err } = await scene.command('start')
      expect(err.split('\n', 1)).toEqual([`shop: did not start: ${hook} failed: ${problem}`])
      expect(err).not.toMatch(/internal error|dist\//)
      expect(code).toBe(9)
      expect(scene.processes()).toEqual([])
    })
  }
}

test.each([
  [false, 'initialize'],
  [true, 'beforeRun'],
])(
  'a hook that computes without end (supervised: %s): its process is ended, and the start names it',
  async (supervised, hook) => {
    const scene = newLibraryScene('hooks.mjs')
    const serverProcess = supervised ? { serverProcess: { restart: { immediate: 0 } } } : {}
    scene.options({ acts: { [hook]: 'loop' }, startTimeout: '500ms', supervised, ...serverProcess })
    const { code, err } = await scene.command('start')
    expect(code).toBe(1)
    expect(err).toContain(
      supervised ? 'reason: killed by SIGALRM' : 'it ends its process, or computes for longer than 500ms',
    )
    expect(err).toContain(supervised ? `${hook} is called` : `shop: did not start: ${hook} failed: `)
    expect(await scene.command('status')).toMatchObject({ code: 3 })
    expect(scene.processes()).toEqual([])
  },
)

test('afterStart computes without end: the start says that the server does not answer', async () => {
  const scene = newLibraryScene('hooks.mjs')
  scene.options({ acts: { afterStart: 'loop' }, startTimeout: '500ms' })
  const { code, err } = await scene.command('start')
  expect(err).toMatch(/^shop: its process \(pid \d+\) did not answer within 5 s\n/)
  expect(code).toBe(1)
  process.kill(scene.serverPid, 'SIGKILL')
  await stop(scene)
})

for (const hook of ['config', 'reloadConfig']) {
  test(`${hook} throws at a reload: nothing is changed, and the command says so`, async () => {
    const scene = await start({ acts: hook === 'config' ? {} : { [hook]: 'throw' } })
    if (hook === 'config') scene.write('config.json', 'no JSON')
    const { code, err } = await scene.command('reload')
    expect(code).toBe(1)
    expect(err).toMatch(new RegExp(`^shop: ${hook} failed: `))
    expect(err).toContain('Nothing is changed: the configuration of before stays in force.')
    expect(err).not.toMatch(/internal error|bug in Holdfast/)
    await stop(scene)
  })
}

for (const how of ['throw', 'reject']) {
  test(`worker.stop (${how}) is reported, and what the worker has to finish is finished`, async () => {
    const scene = await start({ acts: { 'worker.stop': how } })
    await stop(scene)
    expect(scene.read('log/shop.log')).toMatch(/shop\/0 err stop: \w*Error: worker.stop does not like it/)
    expect(scene.notes).toContain('worker.run has finished')
    expect(scene.read('log/shop.server.log')).toContain('exited with code 0 (asked to stop')
  })
}

test('what afterRun throws is in the log of the server', async () => {
  const scene = await start({ acts: { afterRun: 'throw' } })
  await stop(scene)
  expect(scene.read('log/shop.server.log')).toContain('the hook afterRun failed: Error: afterRun does not like it')
})

for (const workerType of ['process', 'thread']) {
  test(`${workerType}: a worker with nothing left to do ends with code 0, and says why`, async () => {
    const scene = newLibraryScene('hooks.mjs')
    scene.options({ workerType, acts: { run: 'return' } })
    const { code, err } = await scene.command('start')
    expect(code).toBe(1)
    expect(err).toContain('reason: exited with code 0')
    expect(err).toContain('run has returned, and nothing is left to do: this worker ends')
  })
}

test('what keeps a server from starting is said once', async () => {
  const scene = newLibraryScene('hooks.mjs')
  scene.write('taken', '')
  scene.options({ logDir: scene.path('taken/log') })
  const { code, err } = await scene.command('start')
  expect(code).toBe(1)
  expect(err.match(/taken\/log/g)).toHaveLength(1)
})

test('config is evaluated once by who starts it, to see whether it can be, and once by the server', async () => {
  for (const supervised of [false, true]) {
    const scene = await start({ supervised })
    expect(scene.notes.filter((note) => note === 'config')).toHaveLength(2)
    await stop(scene)
  }
})

test('a server whose workers are never killed is not killed by its supervisor either', async () => {
  const scene = await start({ supervised: true, stop: { signals: ['TERM/never'] } })
  await stop(scene)
})

test('logRotation: counts from the start, and again from a reload on; what hooks print follows', async () => {
  const scene = await start({ acts: { reloadConfig: 'say' }, logRotation: { maxSize: 200, keep: 2 } })
  const reload = async (config: Record<string, unknown>): Promise<void> => {
    scene.setConfig(config)
    expect(await scene.command('reload')).toMatchObject({ code: 0 })
  }
  const say = 'a line of some length, so that a hundred of them are more than two files may have'
  await reload({ say, lines: 100 })
  await waitFor(() => scene.exists('log/shop.log.2'))
  await reload({ say: 'once more', lines: 1, logRotation: { maxSize: 'never' } })
  await reload({ say, lines: 200, logRotation: { maxSize: 'never' } })
  await waitFor(() => scene.read('log/shop.log').split(say).length > 200)
  expect(scene.exists('log/shop.log.3')).toBe(false)
  expect(scene.exists('log/shop.server.log.1')).toBe(true)
  renameSync(scene.path('log/shop.server.log'), scene.path('moved.log'))
  process.kill(scene.serverPid, 'SIGUSR1')
  await waitFor(() => scene.exists('log/shop.server.log'))
  await reload({ say, lines: 1 })
  expect(scene.read('log/shop.server.log')).toContain('reloadConfig was here')
  scene.setConfig({ logRotation: { keep: 'many' } })
  expect(await scene.command('reload')).toMatchObject({ code: 2, err: expect.stringContaining('logRotation.keep: ') })
  await stop(scene)
})
