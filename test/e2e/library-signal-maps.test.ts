// The signal maps, through the pid that stands in the pid file of a supervised program.
import { existsSync, renameSync } from 'node:fs'
import { expect, test } from 'vitest'
import { type LibraryScene, startedLibraryScene } from './harness/library-scene.ts'
import { waitFor } from './harness/wait-for.ts'

const start = (options: object) => startedLibraryScene({ workers: 2, supervised: true, ...options })

/** To the pid of the pid file, as a script does it. */
const send = (scene: LibraryScene, signal: NodeJS.Signals) => process.kill(scene.serverPid, signal)
const server = async (scene: LibraryScene) => (await scene.service('shop-server')).workers[0]
const times = (scene: LibraryScene, note: string) => scene.notes.filter((one) => one.startsWith(note)).length
const until = (scene: LibraryScene, note: string, count: number) => waitFor(() => times(scene, note) === count)
const sendUntil = (scene: LibraryScene, signal: NodeJS.Signals, note: string, count: number) => {
  send(scene, signal)
  return until(scene, note, count)
}
const gone = (scene: LibraryScene) => waitFor(() => scene.processes().length === 0)

test('ghost: TTIN and TTOU resize, HUP reloads, QUIT waits for work under way', async () => {
  const scene = await start({ signals: 'ghost' })
  const first = (await server(scene))?.pid
  await sendUntil(scene, 'SIGTTIN', 'worker.run', 3)
  await sendUntil(scene, 'SIGTTOU', 'onReap', 1)
  await sendUntil(scene, 'SIGHUP', 'worker.reload', 2)
  expect((await server(scene))?.pid).toBe(first)
  send(scene, 'SIGQUIT')
  await gone(scene)
  expect(times(scene, 'stop true')).toBe(1)
  expect(times(scene, 'worker.stop')).toBe(3)
  expect(existsSync(scene.path('shop.pid'))).toBe(false)
})

test.each(['ghost', 'unicorn'])(
  '%s: TERM and INT stop at once, though a worker would take its time',
  async (signals) => {
    const scene = await start({ signals, stop: { timeout: '10m' } })
    for (const signal of ['SIGTERM', 'SIGINT'] as const) {
      if (!scene.isUp()) expect((await scene.command('start')).code).toBe(0)
      send(scene, signal)
      await gone(scene)
    }
    expect(times(scene, 'afterStart')).toBe(2)
  },
)

test('unicorn: HUP replaces the workers one by one, WINCH stops them, USR2 replaces the server, QUIT waits', async () => {
  const scene = await start({ signals: 'unicorn' })
  const first = (await server(scene))?.pid
  await sendUntil(scene, 'SIGTTIN', 'worker.run', 3)
  await sendUntil(scene, 'SIGHUP', 'worker.run', 6)
  await until(scene, 'onReap', 3)
  expect(times(scene, 'reloadConfig')).toBe(1)
  await sendUntil(scene, 'SIGTTOU', 'onReap', 4)
  await sendUntil(scene, 'SIGWINCH', 'onReap', 6)
  expect((await server(scene))?.pid).toBe(first)
  send(scene, 'SIGUSR2')
  await waitFor(async () => {
    const { pid, ready } = (await server(scene)) ?? {}
    return pid !== first && ready === true
  })
  send(scene, 'SIGQUIT')
  await gone(scene)
  expect(times(scene, 'worker.stop')).toBe(times(scene, 'worker.run'))
})

test('serverengine: USR1 stops all workers at once, and each starts again as it ends: who has work under way holds up nobody', async () => {
  const scene = await start({
    signals: 'serverengine',
    stop: { timeout: '5m' },
    sockets: { http: 'tcp://127.0.0.1:0' },
  })
  const ask = async (path: string) => {
    const answer = await fetch(`http://127.0.0.1:${await scene.port('http')}${path}`, {
      headers: { connection: 'close' },
    })
    return ((await answer.json()) as { pid: number }).pid
  }
  const slow = ask('/until-go')
  slow.catch(() => {})
  await until(scene, 'until-go', 1)
  await sendUntil(scene, 'SIGUSR1', 'onReap', 1)
  await until(scene, 'worker.run', 3)
  const fresh = await ask('/')
  scene.write('go', '')
  expect(await slow).not.toBe(fresh)
  await until(scene, 'worker.run', 4)
  expect((await scene.command('stop')).code).toBe(0)
  expect(scene.read('log/shop.server.log')).not.toContain('SIGKILL')
})

test.each(['holdfast', 'unicorn', 'serverengine'])(
  '%s: USR1 opens all logs anew, the supervisor’s too',
  async (signals) => {
    const scene = await start({ signals })
    const logs = ['shop.supervisor.log', 'shop.server.log'].map((name) => scene.path(`log/${name}`))
    await waitFor(() => logs.every(existsSync))
    for (const log of logs) renameSync(log, `${log}.moved`)
    send(scene, 'SIGUSR1')
    await waitFor(() => logs.every(existsSync))
    expect((await scene.command('stop')).code).toBe(0)
    for (const log of logs) {
      expect(scene.read(log.slice(scene.dir.length + 1))).toContain('goes down')
      expect(scene.read(`${log.slice(scene.dir.length + 1)}.moved`)).not.toContain('goes down')
    }
  },
)

test('a map of one’s own: every signal in it goes on to the server; detach, where that is not allowed, stops everything', async () => {
  const signals = { ALRM: 'rolling-restart', SIGIO: 'reload', URG: 'ignore', WINCH: 'detach' }
  const scene = await start({ signals, serverProcess: { enableDetach: false } })
  const first = (await server(scene))?.pid
  for (const signal of ['SIGURG', 'SIGIO', 'SIGALRM'] as const) send(scene, signal)
  await until(scene, 'reloadConfig', 1)
  await until(scene, 'worker.run', 4)
  expect((await server(scene))?.pid).toBe(first)
  send(scene, 'SIGWINCH')
  await gone(scene)
  expect(times(scene, 'stop true')).toBe(1)
  expect(times(scene, 'beforeRun')).toBe(1)
})
