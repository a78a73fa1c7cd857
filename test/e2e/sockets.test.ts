import { createSocket } from 'node:dgram'
import { existsSync, statSync } from 'node:fs'
import { connect, type NetConnectOpts } from 'node:net'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { newScene, PROGRAMS, type Scene } from './harness/scene.ts'
import { waitFor } from './harness/wait-for.ts'

const ACCEPT = ['python3', join(PROGRAMS, 'accept.py')]

function socketScene(more: Record<string, unknown> = {}): Scene {
  const scene = newScene()
  scene.configure({
    sockets: {
      'web-one': 'tcp://127.0.0.1:0',
      six: 'tcp6://[::1]:0',
      local: { listen: 'unix:local.sock', mode: '0620' },
      data: 'udp://127.0.0.1:0',
    },
    services: {
      server: {
        command: ACCEPT,
        sockets: ['web-one', 'six', 'local', 'data'],
        ready: 'notify',
        stop: { timeout: '200ms' },
        ...more,
      },
    },
  })
  return scene
}

/** All that the server says until it closes. */
function ask(where: NetConnectOpts): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect(where)
    let said = ''
    socket.on('data', (chunk) => (said += chunk))
    socket.on('error', reject)
    socket.on('end', () => resolve(said))
  })
}

test('a worker gets every kind of socket, by fd 3 and up and by the names of three protocols', async () => {
  const scene = socketScene()
  await scene.up()
  const port = await scene.port('web-one')
  const said = Object.fromEntries(
    (await ask({ port, host: '127.0.0.1' })).split('\n').map((line) => line.split(/=(.*)/s)),
  )
  expect(said).toMatchObject({
    LISTEN_FDS: '4',
    LISTEN_FDNAMES: 'web-one:six:local:data',
    LISTEN_PID: said.pid,
    HOLDFAST_SOCKET_WEB_ONE: '3',
    HOLDFAST_SOCKET_DATA: '6',
    SERVER_STARTER_GENERATION: '1',
  })
  expect(said.SERVER_STARTER_PORT).toContain(`127.0.0.1:${port}=3`)
  expect(await ask({ port: await scene.port('six'), host: '::1' })).toContain('LISTEN_FDS=4')
  expect(await ask({ path: scene.path('local.sock') })).toContain('LISTEN_FDS=4')
  expect(statSync(scene.path('local.sock')).mode & 0o777).toBe(0o620)
  const answer = new Promise((resolve) => {
    const client = createSocket('udp4')
    client.on('message', (message) => {
      client.close()
      resolve(message.toString())
    })
    void scene.port('data').then((udp) => client.send('hello', udp, '127.0.0.1'))
  })
  expect(await answer).toBe('echo hello')
  await scene.down()
  expect(existsSync(scene.path('local.sock'))).toBe(false)
})

test('a connection waits in the backlog while no worker is up, and is served by the next one', async () => {
  const scene = socketScene()
  await scene.up()
  const port = await scene.port('web-one')
  expect((await scene.holdfast('stop', 'server')).code).toBe(0)
  const waiting = ask({ port, host: '127.0.0.1' })
  await waitFor(async () => (await scene.status()).sockets.find(({ name }) => name === 'web-one')?.queued === 1)
  expect((await scene.holdfast('start', 'server')).code).toBe(0)
  expect(await waiting).toContain('LISTEN_FDS=4')
})

test('an unrecoverable exit code stops everything where it should', async () => {
  const scene = newScene()
  scene.configure({
    services: {
      fatal: {
        command: ['sh', '-c', 'sleep 0.3; exit 9'],
        restart: { unrecoverable: [9], stopAllOnUnrecoverable: true },
      },
      other: { command: 'sleep 1000' },
    },
  })
  await scene.holdfast('up', '--detach')
  await waitFor(async () => (await scene.holdfast('status')).code === 5)
  expect(scene.processes()).toEqual([])
  // Nobody's init system is to take it for a success.
  const foreground = await scene.holdfast('up')
  expect(foreground.code, foreground.all).toBe(9)
  expect(foreground.all).toContain('everything is stopped, for fatal/0: exited with code 9')
})

test('reload by command and by signal tells how it came out', async () => {
  const scene = newScene()
  const program = 'trap "echo reloaded >> signalled" HUP; echo up; while :; do sleep 0.05; done'
  scene.configure({
    services: {
      signal: { command: ['sh', '-c', program], ready: { log: 'up' }, reload: { signal: 'HUP' } },
      command: { command: ['sleep', '1000'], reload: { command: ['sh', '-c', 'echo "$HOLDFAST_PID" > told'] } },
      broken: { command: ['sleep', '1000'], reload: { command: ['sh', '-c', 'exit 3'] } },
    },
  })
  await scene.up()
  expect((await scene.holdfast('reload', 'signal')).code).toBe(0)
  await waitFor(() => scene.read('signalled') === 'reloaded\n')
  expect((await scene.holdfast('reload', 'command')).code).toBe(0)
  expect(Number(scene.read('told'))).toBe((await scene.worker('command/0')).pid)
  const broken = await scene.holdfast('reload', 'broken')
  expect(broken.code).toBe(1)
  expect(broken.err).toContain('exited with code 3')
  await scene.holdfast('stop', 'broken')
  expect((await scene.holdfast('reload', 'broken')).code).toBe(1)
})
