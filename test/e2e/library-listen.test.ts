// Sockets that workers ask their server for at run time.
import { createSocket } from 'node:dgram'
import { chmodSync, closeSync, existsSync, readFileSync, statSync } from 'node:fs'
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { askForAll, askForSocket } from '../../src/server/ask-for-sockets.ts'
import { allHaveAsked, counted, got, notes, pids, portOf, startAsking } from './harness/asking-scene.ts'
import { get } from './harness/exchange.ts'
import { freePort } from './harness/free-port.ts'
import { type LibraryScene, newLibraryScene } from './harness/library-scene.ts'
import { factsOf } from './harness/process-facts.ts'
import { isRoot, testWhere } from './harness/requirement.ts'
import { waitFor } from './harness/wait-for.ts'

const asRoot = testWhere(isRoot, 'workers of another user need root')

function failures(scene: LibraryScene, id: string): Record<string, unknown>[] {
  return notes(scene).flatMap((note) => (note.id === id && note.failed ? [note.failed] : []))
}

async function socketNames(scene: LibraryScene): Promise<string[]> {
  return (await scene.status()).sockets.map(({ name }) => name).sort()
}

/** Where the workers of the scene ask, with the secret that they were given. */
async function desk(scene: LibraryScene): Promise<{ path: string; secret: string }> {
  const [pid] = await pids(scene)
  const environment = readFileSync(`/proc/${pid}/environ`, 'utf8').split('\0')
  const value = (name: string) => environment.find((line) => line.startsWith(`${name}=`))?.slice(name.length + 1) ?? ''
  return { path: value('HOLDFAST_SERVER_SOCKETS'), secret: value('HOLDFAST_SERVER_SECRET') }
}

test('two workers share a port asked for at run time; status shows it, and both serve', async () => {
  const scene = await startAsking([{ id: 'web', tcp: ['localhost', 0] }])
  const port = portOf(scene, 'web')
  expect(got(scene, 'web')).toHaveLength(2)
  const workers = await pids(scene)
  const host = got(scene, 'web')[0]?.address ?? ''
  const answers = new Set<string>()
  await waitFor(async () => answers.add(await get({ port, host })).size === 2)
  expect([...answers].map(Number).sort()).toEqual(workers.toSorted())
  const { sockets } = await scene.status()
  expect(sockets).toMatchObject([{ listen: host.includes(':') ? `tcp6://[${host}]:${port}` : `tcp://${host}:${port}` }])
  // What a worker starts itself finds nothing of it.
  expect(notes(scene).flatMap(({ leaks = [] }) => leaks)).toEqual([])
  expect((await scene.command('stop')).code).toBe(0)
  await expect(get({ port, host })).rejects.toMatchObject({ code: 'ECONNREFUSED' })
})

test('each address has a socket of its own: loopback is not every address, UDP is not TCP, a name tells free ports apart', async () => {
  const port = await freePort()
  const scene = await startAsking([
    { id: 'loopback', tcp: ['127.0.0.1', port] },
    { id: 'again', tcp: ['127.0.0.1', port] },
    { id: 'every', tcp: ['0.0.0.0', port] },
    { id: 'udp', udp: ['127.0.0.1', port] },
    { id: 'free', tcp: ['127.0.0.1', 0] },
    { id: 'free-every', tcp: ['0.0.0.0', 0] },
    { id: 'free-named', tcp: ['127.0.0.1', 0], name: 'admin' },
    { id: 'fd', tcp: ['127.0.0.1', 0], name: 'fd', serve: 'nothing' },
  ])
  for (const id of ['loopback', 'again', 'udp']) expect(portOf(scene, id)).toBe(port)
  // ServerEngine gave the one of the loopback here.
  expect(failures(scene, 'every')).toMatchObject([
    { code: 'EADDRINUSE', address: '0.0.0.0', port },
    { code: 'EADDRINUSE', address: '0.0.0.0', port },
  ])
  const free = ['free', 'free-every', 'free-named', 'fd'].map((id) => portOf(scene, id))
  expect(new Set([...free, port]).size).toBe(5)
  expect(got(scene, 'free-every')[0]?.address).toBe('0.0.0.0')
  expect(await socketNames(scene)).toEqual(
    [
      `tcp://127.0.0.1:${port}`,
      `udp://127.0.0.1:${port}`,
      'tcp://127.0.0.1:0',
      'tcp://0.0.0.0:0',
      'tcp://127.0.0.1:0#admin',
      'tcp://127.0.0.1:0#fd',
    ].sort(),
  )
  await scene.command('stop')
})

test('IPv4 and IPv6 stand on one port, and both are served', async () => {
  const port = await freePort()
  const scene = await startAsking([
    { id: 'six', tcp: ['::', port] },
    { id: 'four', tcp: ['0.0.0.0', port] },
    { id: 'spelt', tcp: ['0:0::0', port] },
  ])
  for (const id of ['six', 'four', 'spelt']) expect(portOf(scene, id)).toBe(port)
  expect(await socketNames(scene)).toEqual([`tcp6://[::]:${port}`, `tcp://0.0.0.0:${port}`].sort())
  for (const host of ['127.0.0.1', '::1']) expect(await pids(scene)).toContain(Number(await get({ port, host })))
  await scene.command('stop')
})

test('UDP: datagrams go to one worker or the other, each once', async () => {
  const scene = await startAsking([
    { id: 'four', udp: ['127.0.0.1', 0] },
    { id: 'six', udp: ['::1', 0] },
  ])
  const [four, six] = [createSocket('udp4'), createSocket('udp6')]
  for (let number = 0; number < 20; number++) {
    four.send(`four ${number}`, portOf(scene, 'four'), '127.0.0.1')
    six.send(`six ${number}`, portOf(scene, 'six'), '::1')
  }
  await waitFor(() => counted(scene, 'udp').length === 40)
  expect(new Set(counted(scene, 'udp')).size).toBe(40)
  for (const socket of [four, six]) socket.close()
  await scene.command('stop')
})

test('what can not be opened is thrown where it was asked for, as Node says it', async () => {
  const other = createServer()
  await new Promise<void>((resolve) => other.listen(0, '127.0.0.1', resolve))
  onTestFinished(() => void other.close())
  const { port } = other.address() as AddressInfo
  const scene = await startAsking([
    { id: 'taken', tcp: ['127.0.0.1', port] },
    { id: 'elsewhere', tcp: ['192.0.2.1', 80] },
    { id: 'unknown', tcp: ['no-such-host.invalid', 80] },
    { id: 'port', tcp: ['127.0.0.1', 70_000] },
    { id: 'directory', unix: 'none/here.sock' },
  ])
  const message = `bind EADDRINUSE: address already in use 127.0.0.1:${port}`
  const taken = { code: 'EADDRINUSE', syscall: 'bind', errno: -98, address: '127.0.0.1', port, message }
  expect(failures(scene, 'taken')).toEqual([taken, taken])
  expect(failures(scene, 'elsewhere')[0]).toMatchObject({ code: 'EADDRNOTAVAIL', address: '192.0.2.1', port: 80 })
  expect(failures(scene, 'unknown')[0]).toMatchObject({ syscall: 'getaddrinfo' })
  expect(failures(scene, 'port')[0]).toMatchObject({ code: 'ERR_SOCKET_BAD_PORT' })
  expect(failures(scene, 'directory')[0]).toMatchObject({ code: 'ENOENT', address: scene.path('none/here.sock') })
  expect(await socketNames(scene)).toEqual([])
  await scene.command('stop')
})

test('a unix socket: shared, with its mode, and its file goes with the server', async () => {
  const scene = await startAsking([{ id: 'admin', unix: 'admin.sock', mode: 0o600 }])
  expect(got(scene, 'admin')).toMatchObject([{ path: scene.path('admin.sock') }, { path: scene.path('admin.sock') }])
  expect(await pids(scene)).toContain(Number(await get({ path: scene.path('admin.sock') })))
  await scene.command('stop')
  expect(existsSync(scene.path('admin.sock'))).toBe(false)
})

test('a declared socket is found by its address', async () => {
  const port = await freePort()
  const sockets = { http: `tcp://127.0.0.1:${port}` }
  const scene = await startAsking([{ id: 'web', tcp: ['127.0.0.1', port] }], { sockets })
  expect(portOf(scene, 'web')).toBe(port)
  expect(await socketNames(scene)).toEqual(['http'])
  await get({ port })
  await scene.command('stop')
})

test('threads and the embedded worker ask in the same way, and leave no descriptor in the server', async () => {
  const asks = [
    { id: 'web', tcp: ['127.0.0.1', 0] },
    { id: 'six', tcp: ['::1', 0] },
    { id: 'udp', udp: ['127.0.0.1', 0] },
  ]
  for (const [workerType, workers] of [
    ['thread', 2],
    ['embedded', 1],
  ] as const) {
    const scene = await startAsking(asks, { workerType, workers })
    const port = portOf(scene, 'web')
    expect(await get({ port })).toBe(String(scene.serverPid))
    expect(await get({ port: portOf(scene, 'six'), host: '::1' })).toBe(String(scene.serverPid))
    const sender = createSocket('udp4')
    sender.send(workerType, portOf(scene, 'udp'), '127.0.0.1')
    await waitFor(() => counted(scene, 'udp').join() === workerType)
    sender.close()
    const open = () => factsOf(scene.serverPid).fds.length
    expect((await scene.command('rolling-restart')).code).toBe(0)
    // The command returns with the first socket of the last worker: that makes it ready.
    await allHaveAsked(scene, 2 * workers)
    const before = open()
    for (let round = 0; round < 3; round++) expect((await scene.command('rolling-restart')).code).toBe(0)
    await waitFor(() => open() <= before, { what: 'closed descriptors' })
    expect(await get({ port })).toBe(String(scene.serverPid))
    await scene.command('stop')
    if (workerType === 'thread') expect(scene.read('log/shop.log')).not.toContain('Warning')
  }
})

test('who is no worker of the server gets one clear error; silent, slow and noisy clients keep nobody waiting', async () => {
  const scene = await startAsking([{ id: 'web', tcp: ['127.0.0.1', 0] }])
  const { path, secret } = await desk(scene)
  expect(path).toBe(join(scene.path('run'), 'sockets'))
  const wish = {
    address: { family: 'tcp4', host: '127.0.0.1', port: 0 },
    name: 'mine',
    backlog: 5,
    mode: null,
  } as const
  const refusal = { code: 'EACCES', message: expect.stringContaining('the secret is another one') }
  await expect(askForSocket({ path, secret: 'x' }, wish)).rejects.toMatchObject(refusal)
  await expect(askForAll({ path, secret }, 10_000)).rejects.toMatchObject(refusal)
  const say = (text: string) =>
    new Promise<string>((resolve) => {
      const client = connect(path)
      let answer = ''
      client.on('data', (chunk) => (answer += chunk))
      client.on('error', () => {})
      client.on('close', () => resolve(answer))
      client.write(text)
    })
  expect(await say('GET / HTTP/1.1\n')).toContain('not a request for a socket')
  expect(await say('x'.repeat(100_000))).toContain('longer than 4096 characters')
  const nameless = { secret, open: { ...wish, address: { family: 'tcp4', host: 'localhost', port: 0 } } }
  expect(await say(`${JSON.stringify(nameless)}\n`)).toContain('localhost is not an IPv4 address')
  const silent: Socket[] = []
  for (let client = 0; client < 700; client++) silent.push(connect(path).on('error', () => {}))
  onTestFinished(() => {
    for (const client of silent) client.destroy()
  })
  await waitFor(() => silent.every(({ connecting }) => !connecting))
  const open = () => factsOf(scene.serverPid).fds.length
  const { fd, socket } = await askForSocket({ path, secret }, wish)
  closeSync(fd)
  expect(socket.key).toBe('tcp://127.0.0.1:0#mine')
  // Before their deadline.
  await waitFor(() => open() < 600, { within: 4_000, what: 'connections above the limit are closed' })
  for (const client of silent) client.destroy()
  await waitFor(() => open() < 100, { what: 'connections that ended are closed' })
  await scene.command('stop')
})

test('a worker that is a module of its own asks, too', async () => {
  const scene = newLibraryScene('on-demand.mjs')
  const run =
    "async run(ctx) { ctx.status('at ' + (await ctx.listenTcp('127.0.0.1', 0, { server: createServer() })).port) }"
  const file = scene.write('module.mjs', `import { createServer } from 'node:net'\nexport default { ${run} }\n`)
  scene.options({ worker: `file://${file}` })
  expect(await scene.command('start')).toMatchObject({ code: 0, err: '' })
  expect((await scene.status()).sockets).toMatchObject([{ name: 'tcp://127.0.0.1:0' }])
  await scene.command('stop')
})

asRoot('workers of another user ask, and get ports below 1024', async () => {
  const scene = newLibraryScene('on-demand.mjs')
  chmodSync(scene.dir, 0o711)
  scene.write('notes.txt', '', 0o666)
  chmodSync(scene.path('notes.txt'), 0o666)
  scene.options({ workers: 1, user: 'nobody' })
  scene.setConfig({ asks: [{ id: 'low', tcp: ['127.0.0.77', 79] }] })
  await scene.up()
  const [pid = 0] = await pids(scene)
  expect(factsOf(pid).uid).not.toBe(0)
  expect(await get({ host: '127.0.0.77', port: 79 })).toBe(String(pid))
  expect(statSync(scene.path('run/sockets'))).toMatchObject({ uid: factsOf(pid).uid })
  expect(statSync(scene.path('run/sockets')).mode & 0o777).toBe(0o600)
  await scene.command('stop')
})
