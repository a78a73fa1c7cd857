// A proxy script written for ControlFreak, as a forkserver (reference B and E1.40 to E1.45).
import { join } from 'node:path'
import { expect, test } from 'vitest'
import type { ForkserverReport } from '../../src/supervisor/status-report.ts'
import { newScene, PROGRAMS, type Scene } from './harness/scene.ts'
import { waitFor } from './harness/wait-for.ts'

const PROXY = ['perl', join(PROGRAMS, 'controlfreak-proxy.pl'), 'app.pl']
const SERVE = `print "serving $main::LOADED->{answer} as $ENV{CONTROL_FREAK_SERVICE}: a:b\\n"; print STDERR "to stderr\\n"; sleep 1 while 1;`

function proxyScene(service: Record<string, unknown> = {}): Scene {
  const scene = newScene()
  scene.write('app.pl', '{ answer => 42 }')
  scene.write('serve.pl', SERVE)
  scene.write('die.pl', 'die "no database\\n"')
  scene.write('exit.pl', 'print "bye\\n"; POSIX::_exit(3)')
  scene.configure({
    forkservers: { app: { command: PROXY, cwd: scene.dir } },
    services: { web: { forkserver: 'app', entry: 'serve.pl', instances: 2, ready: 'notify', ...service } },
  })
  return scene
}

async function forkserverOf(scene: Scene): Promise<ForkserverReport> {
  const [report] = (await scene.status()).forkservers
  if (report === undefined) throw new Error('no forkserver in status')
  return report
}

test('it starts, serves, logs and stops as any other; its workers are ready after a second', async () => {
  const scene = proxyScene()
  await scene.up()
  expect(await scene.service('web')).toMatchObject({ state: 'running', ready: 2 })
  expect(await forkserverOf(scene)).toMatchObject({ state: 'running', ready: true, workers: 2, forks: 2 })
  await waitFor(async () => {
    const { out } = await scene.holdfast('logs', 'web')
    return /web\/1 out serving 42 as web\/1\.1: a:b/.test(out) && /web\/1 err to stderr/.test(out)
  })
  expect((await scene.holdfast('logs', 'forkserver:app')).out).toContain('forkserver:app@1 out loaded app.pl')
  const pid = (await scene.worker('web/0')).pid ?? 0
  process.kill(pid, 'SIGKILL')
  await waitFor(async () => (await scene.worker('web/0')).lastExit?.signal === 'SIGKILL')
  await waitFor(async () => (await scene.worker('web/0')).ready)
  expect((await scene.holdfast('restart', 'web')).code).toBe(0)
  expect((await scene.holdfast('stop', 'web')).code).toBe(0)
  await waitFor(async () => (await forkserverOf(scene)).pid === null)
})

test('its death harms no worker: they are ours from then on, and their ends are seen', async () => {
  const scene = proxyScene({ instances: 1 })
  await scene.up()
  const worker = (await scene.worker('web/0')).pid ?? 0
  const proxy = (await forkserverOf(scene)).pid ?? 0
  process.kill(proxy, 'SIGKILL')
  await waitFor(async () => {
    const { pid } = await forkserverOf(scene)
    return pid !== null && pid !== proxy
  })
  expect((await scene.worker('web/0')).pid).toBe(worker)
  process.kill(worker, 'SIGTERM')
  await waitFor(async () => {
    const { pid, ready } = await scene.worker('web/0')
    return ready && pid !== worker
  })
  expect((await scene.worker('web/0')).lastExit).toMatchObject({ signal: 'SIGTERM' })
})

test('E1.44: a script that dies, one that exits, and a proxy that can not load', async () => {
  const scene = proxyScene({ instances: 1, entry: 'die.pl', restart: { maxRetries: 1, immediate: 1, initial: '20ms' } })
  const up = await scene.holdfast('up', '--detach')
  expect(up.code).toBe(1)
  expect(up.all).toContain("Couldn't do 'die.pl': no database")
  await scene.sees({ web: 'fatal' })
  expect((await scene.worker('web/0')).lastExit).toMatchObject({ code: 255 })
  await scene.down()
  scene.write('app.pl', 'die "no module\\n"')
  const again = await scene.holdfast('up', '--detach')
  expect(again.code).toBe(1)
  expect(again.all).toContain('forkserver app could not load: exited with code')
  expect(again.all).toContain('cannot load app.pl: no module')
})
