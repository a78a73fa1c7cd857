// The commands of a program that is its own server, and their exit codes (LSB).
import { existsSync, readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { restsSoon } from './harness/cpu-time.ts'
import { newLibraryScene } from './harness/library-scene.ts'
import { waitFor } from './harness/wait-for.ts'

const get = async (port: number): Promise<{ pid: number; id: number; greeting: string }> =>
  (await fetch(`http://127.0.0.1:${port}/`, { headers: { connection: 'close' } })).json() as never

test('start, status, stop: each says what it did, and again changes nothing', async () => {
  const scene = newLibraryScene()
  scene.options({ workers: 2, sockets: { http: 'tcp://127.0.0.1:0' } })
  expect(await scene.command('status')).toMatchObject({ code: 3, out: 'shop: is not running\n' })
  expect(await scene.command('stop')).toMatchObject({ code: 0, out: 'shop: is not running\n' })
  expect(await scene.command('start')).toMatchObject({
    code: 0,
    out: expect.stringMatching(/^shop: started, pid \d+, 2 workers ready\n$/),
  })
  const pid = scene.serverPid
  expect(await get(await scene.port('http'))).toMatchObject({ greeting: 'hello', server: { name: 'shop', pid } })
  expect(await scene.command('start')).toMatchObject({ code: 0, out: `shop: is running already, pid ${pid}\n` })
  expect(await scene.command('--status')).toMatchObject({ code: 0, out: expect.stringContaining('shop/1  running') })
  expect(await scene.command('stop')).toMatchObject({ code: 0, out: 'shop: stopped\n' })
  expect(existsSync(scene.path('shop.pid'))).toBe(false)
  expect(await scene.command('status')).toMatchObject({ code: 3 })
})

test.each([false, true])(
  'two of a kind at once, supervised: %s; each says what came out, and exits 0',
  async (supervised) => {
    const scene = newLibraryScene()
    scene.options({ supervised })
    const both = (command: string) => Promise.all([scene.command(command), scene.command(command)])
    for (let round = 0; round < 2; round++) {
      for (const { code, all } of await both('start')) expect(code, all).toBe(0)
      const { code, out } = await scene.command('status', '--json')
      expect({ code, services: JSON.parse(out).services }).toMatchObject({ code: 0, services: [{ name: 'shop' }] })
      for (const { code, all } of await both('stop')) expect(code, all).toBe(0)
      expect(await scene.command('status')).toMatchObject({ code: 3 })
    }
    expect((await scene.command('start')).code).toBe(0)
    const [stop, start] = await Promise.all([scene.command('stop'), scene.command('start')])
    expect([stop.code, start.code], stop.all + start.all).toEqual([0, 0])
  },
)

test('what does not run can not be reloaded or restarted: 7; what nobody knows: 2', async () => {
  const scene = newLibraryScene()
  for (const command of ['reload', 'rolling-restart', 'live-restart', 'upgrade']) {
    expect(await scene.command(command), command).toMatchObject({ code: 7, err: 'shop: is not running\n' })
  }
  const unknown = await scene.command('restrat')
  expect(unknown).toMatchObject({ code: 2, err: expect.stringContaining('did you mean restart?') })
  expect((await scene.command('help')).out).toContain('rolling-restart')
})

test('a worker that has nothing but a timer, and says nothing, is ready after a second', async () => {
  const scene = newLibraryScene()
  scene.setConfig({ mute: true })
  expect(await scene.command('start')).toMatchObject({ code: 0, out: expect.stringContaining('1 worker ready') })
})

test('a worker whose run returns, with nothing left to do, has ended well: 0, and not with a code of Node', async () => {
  const scene = newLibraryScene('inside.mjs')
  scene.options({ workerType: 'process', does: 'return', restart: { when: 'never' } })
  expect((await scene.command('start')).code).toBe(0)
  expect((await scene.service('shop')).workers[0]).toMatchObject({ state: 'exited', lastExit: { code: 0 } })
  await waitFor(() => scene.read('log/shop.log').includes('run has returned, and nothing is left to do'))
  expect((await scene.command('stop')).code).toBe(0)
})

test('another program with a server of the same name: nothing is done to the one that runs', async () => {
  const scene = newLibraryScene()
  expect((await scene.command('start')).code).toBe(0)
  scene.write('other.mjs', `await import(${JSON.stringify(scene.program)})`)
  for (const command of ['start', 'stop', 'restart', 'reload', 'status']) {
    const { code, err } = await scene.runFile(process.execPath, [scene.path('other.mjs'), command])
    expect(code, command).toBe(command === 'status' ? 4 : 1)
    expect(err, command).toContain(`${scene.program}#shop`)
  }
  expect(await scene.command('status')).toMatchObject({ code: 0 })
})

test('restart starts what does not run; hard_restart and restart bring new processes', async () => {
  const scene = newLibraryScene()
  expect((await scene.command('restart')).code).toBe(0)
  const first = scene.serverPid
  expect((await scene.command('hard_restart')).code).toBe(0)
  expect(scene.serverPid).not.toBe(first)
  const [before] = (await scene.service('shop')).workers
  expect(await scene.command('rolling-restart')).toMatchObject({ code: 0, out: 'shop: restarted, 1 worker ready\n' })
  const [after] = (await scene.service('shop')).workers
  expect(after?.pid).not.toBe(before?.pid)
  expect((await scene.command('stop')).code).toBe(0)
})

test('a worker that does not come up: start says why, with its last words, and nothing is left', async () => {
  const scene = newLibraryScene()
  scene.options({ fail: { 'worker.run': true }, daemonizeErrorExitCode: 9 })
  const { code, err } = await scene.command('start')
  expect(code, err).toBe(9)
  expect(err).toContain('worker.run fails as it was told to')
  expect(err).toContain('shop: did not start')
  expect(await scene.command('status')).toMatchObject({ code: 3 })
})

test.each(['config', 'initialize'])(
  'what %s throws at the start: its words, and the exit code that was chosen',
  async (name) => {
    const scene = newLibraryScene()
    for (const supervised of [false, true]) {
      scene.options({ fail: { [name]: true }, daemonizeErrorExitCode: 9, supervised })
      const { code, err } = await scene.command('start')
      expect(code, err).toBe(9)
      expect(err).toContain(`${name} fails as it was told to`)
      expect(scene.processes()).toEqual([])
    }
    expect(await scene.command('foreground')).toMatchObject({ code: 9 })
  },
)

test.each([false, true])(
  'a server whose process ends where it should start is not started (supervised: %s)',
  async (supervised) => {
    const scene = newLibraryScene()
    scene.options({ fail: { initialize: 7 }, daemonizeErrorExitCode: 9, supervised })
    const { code, err, out } = await scene.command('start')
    expect({ code, out }, err).toEqual({ code: 9, out: '' })
    expect(err).toMatch(supervised ? /exited with code 7/ : /initialize failed: .* it ends its process/)
    expect(await scene.command('status')).toMatchObject({ code: 3 })
  },
)

test('options that can not be: all of them, by their names, exit code 2', async () => {
  const scene = newLibraryScene()
  scene.options({ workers: 'many', restart: { initail: '1s' }, stopp: 1 })
  const { code, err } = await scene.command('start')
  expect(code, err).toBe(2)
  expect(err).toMatch(/^shop: 3 errors in the options of server "shop"\n/)
  for (const key of ['workers:', 'restart.initail:', 'stopp:']) expect(err).toContain(key)
})

test('the server was killed: status 1, and stop ends what is left of it', async () => {
  const scene = newLibraryScene()
  scene.options({ orphans: 'stay' })
  expect((await scene.command('start')).code).toBe(0)
  const { serverPid } = scene
  process.kill(serverPid, 'SIGKILL')
  await waitFor(() => !existsSync(`/proc/${serverPid}`))
  expect(await scene.command('status')).toMatchObject({ code: 1, err: expect.stringContaining('shop/0 (pid') })
  // What told them of their server has ended; they do not look at it for ever.
  await Promise.all(scene.processes().map(({ pid }) => restsSoon(pid)))
  expect(await scene.command('stop')).toMatchObject({ code: 0, out: expect.stringContaining('its server was dead') })
})

test('orphans finish by themselves when their server is gone, however many there are', async () => {
  const scene = newLibraryScene()
  scene.options({ workers: 3 })
  expect((await scene.command('start')).code).toBe(0)
  process.kill(scene.serverPid, 'SIGKILL')
  await waitFor(() => scene.processes().length === 0)
  for (const id of [0, 1, 2]) expect(scene.notes).toContain(`worker.stop ${id}`)
  // Its sockets and directories are gone with the next command.
  expect((await scene.command('start')).code).toBe(0)
  expect((await scene.command('stop')).code).toBe(0)
})

test('in the foreground: the output of the workers, and Ctrl-C stops everything', async () => {
  const scene = newLibraryScene()
  const server = scene.launch(process.execPath, [scene.program])
  let out = ''
  server.stdout?.on('data', (chunk) => (out += chunk))
  const ended = new Promise((resolve) => server.on('close', resolve))
  await waitFor(() => /shop\/0: process \d+ is ready/.test(out))
  expect((await scene.command('foreground')).code).toBe(1)
  expect(scene.serverPid).toBe(server.pid)
  server.kill('SIGINT')
  expect(await ended).toBe(0)
  expect(scene.exists('shop.pid')).toBe(false)
  expect(out).toContain('everything is stopped')
  expect(out).toMatch(/server "shop", pid \d+.*\n(.*\n)*.*from another terminal: node .*\/shop\.mjs status\n/)
})

test('a program that goes on after start and stop has nothing of it: no zombie, no descriptor', async () => {
  const scene = newLibraryScene('cycles.mjs')
  scene.options({ cycles: 2 })
  const { out, err } = await scene.runFile(process.execPath, [scene.program])
  const [first, second, ...more] = out.split('\n')
  expect(JSON.parse(first ?? ''), err).toMatchObject({ codes: [0, 0], children: '', processes: [], shared: [] })
  expect([second, more]).toEqual([first, ['']])
})

test('two servers in one program: each command is for both, and a worker is of one', async () => {
  const scene = newLibraryScene('two.mjs')
  expect(await scene.command('start')).toMatchObject({ code: 0, out: expect.stringContaining('codes 0 0') })
  expect(scene.processes()).toHaveLength(4)
  expect(await scene.command('status')).toMatchObject({ out: expect.stringContaining('codes 0 0') })
  expect(await scene.command('stop')).toMatchObject({ out: expect.stringContaining('codes 0 0') })
  expect(scene.processes()).toEqual([])
  expect(readFileSync(scene.path('log/left/left.server.log'), 'utf8')).toContain('the supervisor goes down')
})

test('init-file: the script starts, shows and stops the server, with its exit codes', async () => {
  const scene = newLibraryScene()
  const { out } = await scene.command('init-file')
  const script = scene.write('shop.init', out, 0o755)
  const init = (...words: string[]) => scene.runFile(script, words)
  expect(await init('status')).toMatchObject({ code: 3 })
  expect(await init('start')).toMatchObject({ code: 0 })
  expect(await init('status')).toMatchObject({ code: 0 })
  expect(await init('stop')).toMatchObject({ code: 0 })
  expect((await scene.command('init-file', 'systemd')).out).toContain('ExecStart=')
  expect((await scene.command('init_file', 'openrc')).out).toMatch(/^#!\/sbin\/openrc-run/)
  expect(await scene.command('init-file', 'launchd')).toMatchObject({ code: 2, err: expect.stringContaining('openrc') })
})
