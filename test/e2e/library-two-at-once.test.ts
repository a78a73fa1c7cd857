// Commands of a program that meet another one, or find its server as they did not expect it: each says so, in the words of the program.
import { existsSync, readdirSync, rmSync, symlinkSync } from 'node:fs'
import { expect, onTestFinished, test } from 'vitest'
import { type LibraryScene, newLibraryScene } from './harness/library-scene.ts'
import { waitFor } from './harness/wait-for.ts'

const SOCKETS = { http: 'tcp://127.0.0.1:0' }
const SLOTS = { mains: 1, standbys: 1 }

async function start(scene: LibraryScene, options: Record<string, unknown>): Promise<void> {
  scene.options(options)
  await scene.up()
}

/** A request that is answered when there is a file `go`: until then whoever has it can not end. Resolves when somebody has it. */
async function longRequest(scene: LibraryScene): Promise<{ readonly answer: Promise<Response> }> {
  const port = await scene.port('http')
  const answer = fetch(`http://127.0.0.1:${port}/until-go`, { headers: { connection: 'close' } })
  await waitFor(() => scene.notes.includes('until-go'))
  return { answer }
}

test.each([
  [true, 'restart', 'shop-server'],
  [true, 'live-restart', 'shop-server'],
  [false, 'rolling-restart', 'shop'],
])('supervised: %s: a second %s while one is in progress', async (supervised, command, service) => {
  const scene = newLibraryScene()
  await start(scene, { supervised, sockets: SOCKETS, stop: { timeout: '60s' } })
  const { answer } = await longRequest(scene)
  const first = scene.command(command)
  await waitFor(async () => (await scene.service(service)).rollout.state !== 'stable')
  const second = await scene.command(command)
  expect(second.code, second.all).toBe(1)
  expect(second.err).toMatch(
    /^shop: a restart is in progress since \d{4}-.*; nothing was changed\n.*shop\.mjs status\n$/,
  )
  scene.write('go', '')
  expect((await answer).status).toBe(200)
  expect(await first).toMatchObject({ code: 0 })
  expect((await scene.command('stop')).code).toBe(0)
})

test('a second upgrade while a main is asked: it says which file is there, and leaves it', async () => {
  const scene = newLibraryScene()
  // The hook throws, so that the file stays until the test takes it away.
  scene.setConfig({ onUpgrade: 'throw' })
  await start(scene, { slots: SLOTS, upgrade: { file: scene.path('upgrade/%p'), timeout: '60s' } })
  const first = scene.command('upgrade')
  const files = () => (existsSync(scene.path('upgrade')) ? readdirSync(scene.path('upgrade')) : [])
  await waitFor(() => files().length === 1)
  const [file = ''] = files()
  const second = await scene.command('upgrade')
  expect(second.code, second.all).toBe(1)
  expect(second.err).toContain(
    `${scene.path('upgrade')}/${file} is there: another upgrade is under way, or it was left`,
  )
  expect(files()).toEqual([file])
  rmSync(scene.path(`upgrade/${file}`))
  expect(await first).toMatchObject({ code: 0, out: expect.stringContaining('shop: upgraded') })
  expect((await scene.command('stop')).code).toBe(0)
})

test('a stop file that can not be made: everything is stopped, and it is said that fork would start it again', async () => {
  for (const kind of ['a file in place of its directory', 'a link in its place']) {
    const scene = newLibraryScene()
    scene.write('flags', '')
    const stopFile = scene.path(kind.startsWith('a file') ? 'flags/stopped' : 'link')
    if (kind.startsWith('a link')) symlinkSync(scene.path('elsewhere'), stopFile)
    await start(scene, { slots: { ...SLOTS, stopFile } })
    const { code, all } = await scene.command('stop')
    expect(code, all).toBe(1)
    expect(all, kind).toMatch(
      /shop: stopped\n(.*\n)*.*the stop file could not be made, so that fork would start it again/,
    )
    expect(scene.processes(), kind).toEqual([])
    expect(scene.exists('elsewhere')).toBe(false)
  }
})

test('the server waits for its next start, below its supervisor: status 4, and nothing to reload', async () => {
  const scene = newLibraryScene()
  await start(scene, { supervised: true, serverProcess: { restart: { delay: '10m' } } })
  const pid = (await scene.service('shop-server')).workers[0]?.pid ?? 0
  process.kill(pid, 'SIGKILL')
  await waitFor(async () => (await scene.service('shop-server')).workers[0]?.state === 'backoff')
  expect(await scene.command('status')).toMatchObject({ code: 4, out: expect.stringMatching(/shop-server +backoff/) })
  expect(await scene.command('reload')).toMatchObject({
    code: 1,
    err: 'shop: its supervisor has no server running just now\n',
  })
  expect(await scene.command('stop')).toMatchObject({ code: 0, out: 'shop: stopped\n' })
  expect(scene.processes()).toEqual([])
})

test('a server in the foreground has no supervisor, whatever the options say: commands go by what runs', async () => {
  const scene = newLibraryScene()
  scene.options({ slots: SLOTS, upgrade: { file: scene.path('upgrade.%p') } })
  const server = scene.launch(process.execPath, [scene.program])
  const ended = new Promise((resolve) => server.on('close', resolve))
  await waitFor(() => scene.notes.includes('afterStart -'))
  expect(await scene.command('status')).toMatchObject({ code: 0, out: expect.stringMatching(/shop +running +1\/1/) })
  expect(await scene.command('reload')).toMatchObject({ code: 0, out: 'shop: reloaded, 1 worker ready\n' })
  expect(await scene.command('rolling-restart')).toMatchObject({ code: 0 })
  for (const command of ['live-restart', 'upgrade'])
    expect(await scene.command(command)).toMatchObject({ code: 3, err: expect.stringContaining('in the foreground') })
  expect(await scene.command('stop')).toMatchObject({ code: 0 })
  expect(await ended).toBe(0)
})

test('a server that is stopped by a signal is not one that does not run', async () => {
  const scene = newLibraryScene()
  await start(scene, {})
  const { serverPid } = scene
  process.kill(serverPid, 'SIGSTOP')
  onTestFinished(() => void (existsSync(`/proc/${serverPid}`) && process.kill(serverPid, 'SIGCONT')))
  const err = expect.stringMatching(
    new RegExp(`its process \\(pid ${serverPid}\\) is stopped, and does not answer\n.*kill -CONT ${serverPid}`),
  )
  const asked = ['reload', 'status', 'stop'].map((command) => scene.command(command))
  expect(await Promise.all(asked)).toMatchObject([
    { code: 1, err },
    { code: 4, err },
    { code: 1, err },
  ])
  process.kill(serverPid, 'SIGCONT')
  expect(await scene.command('stop')).toMatchObject({ code: 0 })
})
