// Programs as Debian ships them, run as services unchanged; and the supervisor itself under start_server and systemd.
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { exchange, get } from './harness/exchange.ts'
import { freePort } from './harness/free-port.ts'
import { type LoadResult, startLoad } from './harness/http-load.ts'
import { testWith } from './harness/requirement.ts'
import { CLI, newScene, PROGRAMS, type Scene } from './harness/scene.ts'
import { waitFor } from './harness/wait-for.ts'

const onPort = { http: 'tcp://127.0.0.1:0' }

testWith('nginx', 'nginx-light')('nginx: its log arrives, and a reload by HUP drops no request', async () => {
  const scene = newScene()
  const port = await freePort()
  const configure = (answer: string) => scene.write('nginx.conf', nginxConfig(scene.dir, port, answer))
  configure('first')
  scene.configure({
    services: {
      nginx: {
        command: ['/usr/sbin/nginx', '-p', scene.dir, '-c', scene.path('nginx.conf')],
        ready: { http: `http://127.0.0.1:${port}/` },
        reload: { signal: 'HUP' },
        stop: { signals: ['QUIT', 'KILL'] },
      },
    },
  })
  await scene.up()
  const { pid } = await scene.worker('nginx/0')
  const load = startLoad({ port, newPerSecond: 100, keepAlive: 0 })
  configure('second')
  const reload = await scene.holdfast('reload', 'nginx')
  expect(reload.code, reload.all).toBe(0)
  await waitFor(async () => (await get({ port })) === 'second')
  const result = await load.stop()
  expect(result.failures).toEqual({})
  expect(result.answeredBy).toContain('first')
  expect(await scene.worker('nginx/0')).toMatchObject({ pid, restarts: 0 })
  // nginx opens /dev/stdout by itself.
  const logs = await scene.holdfast('logs', 'nginx', '--stream', 'out')
  expect(logs.out).toMatch(/ nginx\/0 out 127\.0\.0\.1 GET \/ 200/)
})

testWith('redis-server', 'redis-server')(
  'redis-server: ready when it says so, and back after a cold restart',
  async () => {
    const scene = newScene()
    const port = await freePort()
    const command = ['redis-server', '--port', String(port), '--bind', '127.0.0.1', '--save', '', '--dir', scene.dir]
    scene.configure({ services: { redis: { command, ready: { log: 'Ready to accept connections' } } } })
    await scene.up()
    const ping = () => exchange({ port }, 'PING\r\n', (answer) => answer.endsWith('\r\n'))
    expect(await ping()).toBe('+PONG\r\n')
    const before = await scene.worker('redis/0')
    const restart = await scene.holdfast('restart', '--cold', 'redis')
    expect(restart.code, restart.all).toBe(0)
    expect(await ping()).toBe('+PONG\r\n')
    const after = await scene.worker('redis/0')
    expect(after.pid).not.toBe(before.pid)
    // It was asked by TERM and saved and left by itself.
    expect(after.lastExit).toMatchObject({ code: 0, signal: null })
  },
)

testWith('gunicorn', 'gunicorn')('gunicorn: a rolling restart on an inherited socket drops no request', async () => {
  const scene = newScene()
  const command = ['gunicorn', '--chdir', PROGRAMS, '--workers', '2', '--preload', 'wsgi_app:app']
  scene.configure({
    sockets: onPort,
    services: { web: { command, sockets: ['http'], ready: { log: 'Booting worker' } } },
  })
  await scene.up()
  await restartsWithoutAFailure(scene)
})

// Traced: at its stop puma's reactor closes every connection that it has accepted and that has not sent anything yet, so that
// a client whose request is on its way is cut off. With `queue_requests false` (programs/puma.rb) a connection has a thread
// from its accept on, which waits for the request. These clients hesitate for long enough to meet every stop.
testWith('puma', 'puma')('puma: a rolling restart on an inherited socket drops no request', async () => {
  const scene = newScene()
  const command = ['puma', '-C', join(PROGRAMS, 'puma.rb'), join(PROGRAMS, 'rack_app.ru')]
  scene.configure({
    sockets: onPort,
    services: { web: { command, sockets: ['http'], ready: { log: 'Ctrl-C to stop' } } },
  })
  await scene.up()
  await restartsWithoutAFailure(scene, { hesitate: 50 })
})

testWith('starman', 'starman')('Starman takes its socket from SERVER_STARTER_PORT', async () => {
  const scene = newScene()
  const command = ['starman', '--workers', '2', '--preload-app', join(PROGRAMS, 'app.psgi')]
  // QUIT is the graceful stop of its master; a worker that gets one leaves in the middle of a request.
  const stop = { signals: ['QUIT', 'KILL'], group: false }
  const ready = { log: 'Setting gid' }
  scene.configure({ sockets: onPort, services: { web: { command, sockets: ['http'], stop, ready } } })
  await scene.up()
  const result = await restartUnderLoad(scene)
  // A worker that is told to leave between its accept and the first line of its own code closes that connection: the kernel
  // resets it if the request was there already, else it ends. An answer that has begun is never cut off.
  const closedUnread = ['new: ECONNRESET', 'new: closed without an answer']
  expect(Object.keys(result.failures).filter((failure) => !closedUnread.includes(failure))).toEqual([])
})

testWith('start_server', 'libserver-starter-perl')('a start_server worker that blocks in accept', async () => {
  const scene = newScene()
  const command = ['perl', join(PROGRAMS, 'starter_worker.pl')]
  scene.configure({
    sockets: onPort,
    services: { web: { command, instances: 2, sockets: ['http'], ready: { log: 'serving' } } },
  })
  await scene.up()
  await restartsWithoutAFailure(scene)
})

testWith('start_server', 'libserver-starter-perl')(
  'up under start_server takes its socket over by address',
  async () => {
    const scene = newScene()
    const port = await freePort()
    scene.configure({ sockets: { http: `tcp://127.0.0.1:${port}` }, services: { web: webWorker(2) } })
    const up = [process.execPath, CLI, 'up', '-c', scene.config]
    const starter = scene.launch('start_server', ['--port', `127.0.0.1:${port}`, '--', ...up])
    starter.stdout?.resume()
    starter.stderr?.resume()
    await waitFor(async () => scene.isUp() && (await scene.service('web')).ready === 2)
    expect(Number((await get({ port })).split(' ')[0])).toBeGreaterThan(1)
    expect((await scene.holdfast('restart', 'web')).code).toBe(0)
    const ended = new Promise((resolve) => starter.on('close', resolve))
    starter.kill('SIGTERM')
    expect(await ended).toBe(0)
    expect(scene.processes()).toEqual([])
  },
)

testWith('python3', 'python3')('up takes sockets over by name from LISTEN_FDS, as systemd gives them', async () => {
  const scene = newScene()
  const [first, second] = [await freePort(), await freePort()]
  scene.configure({
    // Port 0 would be another one: only the names say which is which.
    sockets: { admin: 'tcp://127.0.0.1:0', http: 'tcp://127.0.0.1:0' },
    services: { web: webWorker(1) },
  })
  const given = [`127.0.0.1:${first}`, 'http', `127.0.0.1:${second}`, 'admin']
  const up = [process.execPath, CLI, 'up', '-c', scene.config]
  const supervisor = scene.launch('python3', [join(PROGRAMS, 'socket-activate.py'), ...given, '--', ...up])
  supervisor.stdout?.resume()
  supervisor.stderr?.resume()
  await waitFor(async () => scene.isUp() && (await scene.service('web')).ready === 1)
  const { sockets, services } = await scene.status()
  expect(sockets.map(({ name, listen }) => `${name} ${listen}`).sort()).toEqual([
    `admin tcp://127.0.0.1:${second}`,
    `http tcp://127.0.0.1:${first}`,
  ])
  expect(await get({ port: first })).toBe(`${services[0]?.workers[0]?.pid} 1`)
  const ended = new Promise((resolve) => supervisor.on('close', resolve))
  supervisor.kill('SIGTERM')
  expect(await ended).toBe(0)
})

test('up --detach refuses sockets that were meant for the process that was started', async () => {
  const scene = newScene()
  scene.configure({ services: {} })
  const up = await scene.run(['-c', scene.config, 'up', '--detach'], { env: { LISTEN_FDS: '1', LISTEN_PID: '1' } })
  expect(up.code).toBe(2)
  expect(up.err).toContain('without --detach')
})

async function restartsWithoutAFailure(scene: Scene, load: { readonly hesitate?: number } = {}): Promise<void> {
  expect((await restartUnderLoad(scene, load)).failures).toEqual({})
}

/** Every worker is replaced while clients come, and new ones answer. */
async function restartUnderLoad(scene: Scene, options: { readonly hesitate?: number } = {}): Promise<LoadResult> {
  const port = await scene.port('http')
  const load = startLoad({ port, newPerSecond: 100, keepAlive: 0, ...options })
  const before = (await scene.service('web')).workers.map(({ pid }) => pid)
  const restart = await scene.holdfast('restart', 'web')
  expect(restart.code, restart.all).toBe(0)
  const answer = await get({ port })
  const result = await load.stop()
  expect(result.answeredBy.size).toBeGreaterThanOrEqual(2)
  expect(before).not.toContain(Number(/\d+/.exec(answer)?.[0]))
  const after = await scene.service('web')
  expect(after).toMatchObject({ generation: 2, state: 'running' })
  for (const { pid } of after.workers) expect(before).not.toContain(pid)
  return result
}

function webWorker(instances: number) {
  return { command: [process.execPath, join(PROGRAMS, 'web.mjs')], instances, sockets: ['http'], ready: 'notify' }
}

function nginxConfig(dir: string, port: number, answer: string): string {
  const temporary = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map(
    (name) => `${name}_temp_path ${dir}/tmp-${name};`,
  )
  return `daemon off;
worker_processes 2;
pid ${dir}/nginx.pid;
error_log stderr;
events {}
http {
  ${temporary.join('\n  ')}
  log_format short '$remote_addr $request_method $uri $status';
  access_log /dev/stdout short;
  server {
    listen 127.0.0.1:${port};
    location / { return 200 "${answer}"; }
  }
}
`
}
