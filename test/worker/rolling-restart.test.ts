// The promise that matters most: clients notice nothing when a worker is replaced. 50 keep-alive clients that never retry and
// a stream of new connections, while the worker on one shared socket is replaced every second.
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { HttpLoad } from './http-load.ts'
import { type WorkerProcess, Workshop } from './worker-process.ts'

let workshop: Workshop
beforeAll(() => {
  workshop = new Workshop()
})
afterAll(() => workshop.close())

const millis = 10_000
const program = `
  import http from 'node:http'
  const server = http.createServer((q, r) => setTimeout(() => {
    const body = worker.slot + ' of ' + process.pid
    r.writeHead(200, { 'Content-Length': body.length })
    r.end(body)
  }, q.url === '/slow' ? 150 : 0))
  await worker.listen('http', server)
  worker.ready()`

it('loses no request while the worker is replaced again and again', { timeout: 40_000 }, async () => {
  const socket = workshop.socket()
  const path = workshop.program(program)
  const startOne = async (): Promise<WorkerProcess> => {
    const worker = workshop.start({ program: path, sockets: { http: socket.fd } })
    await worker.notified('READY=1')
    return worker
  }
  let current = await startOne()
  const load = new HttpLoad(socket.port)
  const clients = [load.newConnections(10)]
  for (let n = 0; n < 30; n++) clients.push(load.keepAliveClient('/', 20))
  for (let n = 0; n < 10; n++) clients.push(load.keepAliveClient('/slow', 5))
  for (let n = 0; n < 10; n++) clients.push(load.keepAliveClient('/', 2_500))

  const old: WorkerProcess[] = []
  const end = Date.now() + millis
  while (Date.now() < end) {
    await sleep(500)
    const next = await startOne()
    current.askToStop('rolling restart', 10_000)
    current.signal('SIGTERM')
    old.push(current)
    current = next
  }
  load.running = false
  await Promise.all(clients)
  const exits = await Promise.all(old.map((worker) => worker.exited))
  expect(load.failures).toEqual([])
  expect(new Set(exits.map((exit) => JSON.stringify(exit)))).toEqual(new Set(['{"code":0,"signal":null}']))
  expect(old.length).toBeGreaterThan(5)
  // Connections were really kept: far fewer than requests.
  expect(load.requests).toBeGreaterThan(load.connections * 2)
})
