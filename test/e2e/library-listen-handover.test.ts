// Sockets that workers have asked for at run time, when workers or the server are replaced.
import { createSocket } from 'node:dgram'
import { existsSync } from 'node:fs'
import { connect } from 'node:net'
import { expect, test } from 'vitest'
import { allHaveAsked, counted, got, pids, portOf, startAsking } from './harness/asking-scene.ts'
import { get } from './harness/exchange.ts'
import { freePort } from './harness/free-port.ts'
import { startLoad } from './harness/http-load.ts'
import { waitFor } from './harness/wait-for.ts'

async function refused(port: number): Promise<boolean> {
  return get({ port }).then(
    () => false,
    ({ code }: NodeJS.ErrnoException) => code === 'ECONNREFUSED',
  )
}

test('kill -9 of the only worker: who connects meanwhile waits for the next one', async () => {
  const scene = await startAsking([{ id: 'web', tcp: ['127.0.0.1', 0] }], { workers: 1 })
  const port = portOf(scene, 'web')
  const [pid = 0] = await pids(scene)
  process.kill(pid, 'SIGKILL')
  await waitFor(() => !existsSync(`/proc/${pid}/fd/0`))
  const answers = await Promise.all(Array.from({ length: 30 }, () => get({ port })))
  expect(new Set(answers).size).toBe(1)
  expect(Number(answers[0])).not.toBe(pid)
  expect(portOf(scene, 'web')).toBe(port)
  await scene.command('stop')
})

test('rolling restarts under load: no request fails', async () => {
  const scene = await startAsking([{ id: 'web', tcp: ['127.0.0.1', 0] }])
  const load = startLoad({ port: portOf(scene, 'web'), newPerSecond: 200, keepAlive: 10 })
  for (let round = 0; round < 3; round++) expect((await scene.command('rolling-restart')).code).toBe(0)
  const { requests, failures: failed, answeredBy } = await load.stop()
  expect(failed).toEqual({})
  expect(requests).toBeGreaterThan(100)
  expect(answeredBy.size).toBeGreaterThan(4)
  await scene.command('stop')
})

test('a live restart switches servers: 100 connections and 100 datagrams are counted, each once', async () => {
  const asks = [
    { id: 'tcp', tcp: ['127.0.0.1', 0], serve: 'counter' },
    { id: 'udp', udp: ['127.0.0.1', 0] },
    { id: 'admin', unix: 'admin.sock' },
  ]
  const scene = await startAsking(asks, { supervised: true })
  const [tcp, udp] = [portOf(scene, 'tcp'), portOf(scene, 'udp')]
  let restarted = false
  const restart = scene.command('live-restart').then((result) => {
    restarted = true
    return result
  })
  const sender = createSocket('udp4')
  const one = (number: number) =>
    new Promise<string>((resolve, reject) => {
      const client = connect(tcp, '127.0.0.1', () => client.write(`${number}`))
      let answer = ''
      client.on('data', (chunk) => (answer += chunk))
      client.on('error', reject)
      client.on('close', () => resolve(answer))
    })
  const answers: Promise<string>[] = []
  // Spread over the switch: the last ten when it is done.
  for (let number = 0; number < 100; number++) {
    answers.push(one(number))
    sender.send(`${number}`, udp, '127.0.0.1')
    if (number < 90) await new Promise((resolve) => setTimeout(resolve, 10))
    else await waitFor(() => restarted)
  }
  expect(await restart).toMatchObject({ code: 0, out: 'shop: replaced, 2 workers ready\n' })
  const numbers = Array.from({ length: 100 }, (_, number) => String(number))
  expect(await Promise.all(answers)).toEqual(numbers)
  await waitFor(() => counted(scene, 'udp').length >= 100)
  expect(counted(scene, 'tcp').toSorted()).toEqual(numbers.toSorted())
  expect(counted(scene, 'udp').toSorted()).toEqual(numbers.toSorted())
  sender.close()
  await allHaveAsked(scene, 4)
  // Both servers’ workers asked, and got the same ones.
  expect(got(scene, 'tcp').map(({ port }) => port)).toEqual([tcp, tcp, tcp, tcp])
  await waitFor(() => scene.processes().length === 4)
  await expect(get({ path: scene.path('admin.sock') })).resolves.toMatch(/^\d+$/)
  await scene.command('stop')
  expect(existsSync(scene.path('admin.sock'))).toBe(false)
})

test('after a live restart that asks for less, the rest is closed; one that fails leaves the old server its sockets', async () => {
  const port = await freePort()
  const web = { id: 'web', tcp: ['127.0.0.1', 0] }
  const scene = await startAsking([web, { id: 'old', tcp: ['127.0.0.1', port] }, { id: 'admin', unix: 'admin.sock' }], {
    supervised: true,
  })
  const options = JSON.parse(scene.read('options.json'))
  const broken = scene.write('broken.mjs', "throw new Error('broken')\n")
  scene.options({ ...options, worker: `file://${broken}` })
  expect((await scene.command('live-restart')).code).toBe(1)
  for (const address of [{ port: portOf(scene, 'web') }, { port }, { path: scene.path('admin.sock') }])
    expect(await get(address)).toMatch(/^\d+$/)
  scene.options(options)
  scene.setConfig({ asks: [web] })
  expect((await scene.command('live-restart')).code).toBe(0)
  await waitFor(() => scene.processes().length === 4)
  await waitFor(() => refused(port))
  await waitFor(() => !existsSync(scene.path('admin.sock')))
  expect(await get({ port: portOf(scene, 'web') })).toMatch(/^\d+$/)
  await scene.command('stop')
})
