// What Daemon::Control promises: the file for init, programs that end, output in files, users that do not exist, and root.
import { chmodSync, rmSync } from 'node:fs'
import { expect, test } from 'vitest'
import { newLibraryScene } from './harness/library-scene.ts'
import { factsOf } from './harness/process-facts.ts'
import { isRoot, testWhere } from './harness/requirement.ts'
import { waitFor } from './harness/wait-for.ts'

const asRoot = testWhere(isRoot, 'to name users, and to lack none, needs root')

test('init-file: LSB fields, an init config that is read if it is there, and the init code as it stands', async () => {
  const scene = newLibraryScene()
  const config = scene.write('shop.default', 'GREETING="from the config"\n')
  const code = 'echo "code says: $GREETING" >&2'
  const description = 'Sells things.\nAll day long.'
  scene.options({ initFile: { config, code, description, requiredStart: ['$network'], requiredStop: ['$local_fs'] } })
  const { code: exit, out } = await scene.command('init-file')
  expect(exit).toBe(0)
  for (const line of [
    '# Provides:          shop',
    '# Required-Start:    $network',
    '# Required-Stop:     $local_fs',
    '# Default-Start:     2 3 4 5',
    '# Default-Stop:      0 1 6',
    '# Short-Description: Sells things.',
    code,
  ])
    expect(out.split('\n')).toContain(line)
  const script = scene.write('shop.init', out, 0o755)
  expect(await scene.runFile(script, ['status'])).toMatchObject({ code: 3, err: 'code says: from the config\n' })
  rmSync(config)
  expect(await scene.runFile(script, ['status'])).toMatchObject({ code: 3, err: 'code says: \n' })
})

test('a command that ends and is not wanted again: the server stays and says so; restart runs it once more', async () => {
  const scene = newLibraryScene('spawner.mjs')
  scene.options({ command: ['sh', '-c', 'echo has run'], restart: { when: 'never' }, ready: { delay: 0 } })
  const runs = () => scene.read('log/shop.log').match(/out has run$/gm)?.length ?? 0
  expect(await scene.command('start')).toMatchObject({ code: 0 })
  await waitFor(async () => (await scene.service('shop')).state === 'exited')
  expect(await scene.command('status')).toMatchObject({
    code: 0,
    out: expect.stringMatching(/shop +exited +0\/1 .*exited with code 0/),
  })
  expect(await scene.command('restart')).toMatchObject({ code: 0 })
  await waitFor(() => runs() === 2)
  expect(await scene.command('stop')).toMatchObject({ code: 0 })
})

test('stdout and stderr in files of their own are appended to at each start', async () => {
  const scene = newLibraryScene('spawner.mjs')
  const [stdout, stderr] = [`file:${scene.path('out.txt')}`, `file:${scene.path('err.txt')}`]
  const command = ['sh', '-c', 'echo to stdout; echo to stderr >&2; exec sleep 1000']
  scene.options({ command, stdout, stderr, ready: { delay: 0 } })
  for (const count of [1, 2]) {
    expect(await scene.command('start')).toMatchObject({ code: 0 })
    await waitFor(() => scene.read('err.txt') === 'to stderr\n'.repeat(count))
    expect(scene.read('out.txt')).toBe('to stdout\n'.repeat(count))
    expect(await scene.command('stop')).toMatchObject({ code: 0 })
  }
  expect(scene.read('log/shop.log')).not.toContain('to std')
})

test('a user or group that does not exist: start names it; help, status, stop and init-file work', async () => {
  const scene = newLibraryScene()
  for (const [options, name] of [
    [{ user: 'nobody-of-this-name' }, 'nobody-of-this-name'],
    [{ user: 'root', group: 'nogroup-of-this-name' }, 'nogroup-of-this-name'],
  ] as const) {
    scene.options(options)
    const { code, err } = await scene.command('start')
    expect(code, err).toBeGreaterThan(0)
    expect(err).toContain(name)
    for (const [command, expected] of Object.entries({ help: 0, status: 3, stop: 0, 'init-file': 0 }))
      expect((await scene.command(command)).code, command).toBe(expected)
  }
  expect(scene.processes()).toEqual([])
})

asRoot('root by its name and as 0, group 0 and umask 0 are values like others', async () => {
  const scene = newLibraryScene('spawner.mjs')
  chmodSync(scene.dir, 0o711)
  const facts = async () => factsOf((await scene.service('shop')).workers[0]?.pid ?? 0)
  for (const [options, before] of [
    [{ user: 'root', umask: '0' }, '022'],
    [{ user: 0, group: 0, umask: 0 }, '077'],
    [{ user: 'nobody', group: 0, umask: 0 }, '0'],
  ] as const) {
    scene.options({ command: 'sleep 1000', ready: { delay: 0 }, ...options })
    const start = `umask ${before}; exec "$0" "$1" start`
    const { code, all } = await scene.runFile('sh', ['-c', start, process.execPath, scene.program])
    expect(code, all).toBe(0)
    expect(await facts()).toMatchObject({ uid: options.user === 'nobody' ? 65534 : 0, gid: 0, umask: '0000' })
    expect(all + scene.read('log/shop.server.log')).not.toContain('umask')
    expect((await scene.command('stop')).code).toBe(0)
  }
})

asRoot('another user, who may not signal it, does not take a server that runs for one that does not', async () => {
  const scene = newLibraryScene()
  expect((await scene.command('start')).code).toBe(0)
  const { serverPid } = scene
  chmodSync(scene.dir, 0o755)
  const nobody = ['--reuid=nobody', '--regid=nogroup', '--clear-groups', process.execPath, scene.program]
  for (const command of ['status', 'start', 'fork', 'stop', 'restart']) {
    const { code, all } = await scene.runFile('setpriv', [...nobody, command])
    expect(code, `${command}: ${all}`).toBe(4)
    expect(all, command).toContain('no permission')
  }
  expect(scene.serverPid).toBe(serverPid)
  expect(await scene.command('status')).toMatchObject({ code: 0 })
  expect((await scene.command('stop')).code).toBe(0)
})
