import { execFileSync } from 'node:child_process'
import { connect as http2Connect } from 'node:http2'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { RawHttpClient } from './raw-http-client.ts'
import { type WorkerProcess, Workshop } from './worker-process.ts'

let workshop: Workshop
let certificate: string
beforeAll(() => {
  workshop = new Workshop()
  const [key, cert] = [join(workshop.directory, 'key.pem'), join(workshop.directory, 'cert.pem')]
  execFileSync(
    'openssl',
    [
      ...'req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 1'.split(' '),
      '-subj',
      '/CN=localhost',
      '-keyout',
      key,
      '-out',
      cert,
    ],
    { stdio: 'ignore' },
  )
  certificate = `import fs from 'node:fs'
    const tls = { key: fs.readFileSync(${JSON.stringify(key)}), cert: fs.readFileSync(${JSON.stringify(cert)}) }`
})
afterAll(() => workshop.close())

const handler = `
  const send = (r, text) => { r.setHeader('Content-Length', text.length); r.end(text) }
  const handle = async (q, r) => {
    if (q.url === '/slow') { console.log('slow'); setTimeout(() => send(r, 'slow'), 400) }
    else if (q.url === '/stream') {
      r.writeHead(200, { 'Content-Length': 2 })
      r.write('a')
      console.log('stream')
      setTimeout(() => r.end('b'), 400)
    } else send(r, 'quick')
  }`

function start(program: string): Promise<{ worker: WorkerProcess; port: number }> {
  return startOn(workshop.socket(), program)
}

async function startOn(
  socket: { fd: number; port: number },
  program: string,
): Promise<{ worker: WorkerProcess; port: number }> {
  const worker = workshop.start({ sockets: { http: socket.fd }, program: workshop.program(handler + program) })
  await worker.notified('READY=1')
  return { worker, port: socket.port }
}

const http = `
  import http from 'node:http'
  const server = http.createServer(handle)
  await worker.listen('http', server)
  worker.ready()`

const https = `
  import https from 'node:https'
  ${'certificate'}
  const server = https.createServer(tls, handle)
  await worker.listen('http', server)
  worker.ready()`

const kinds: readonly { kind: string; program: () => string; options: { tls?: boolean } }[] = [
  { kind: 'http', program: () => http, options: {} },
  { kind: 'https', program: () => https.replace('certificate', certificate), options: { tls: true } },
]

describe.concurrent.each(kinds)('drain of an $kind server', ({ program, options }) => {
  it('lets answers under way finish, and closes after them', async () => {
    const { worker, port } = await start(program())
    const client = await RawHttpClient.connect(port, options)
    client.send('/slow')
    await worker.printed('slow')
    worker.signal('SIGTERM')
    expect(await client.answer()).toEqual({ status: 200, close: true, body: 'slow' })
    expect(await worker.exited).toEqual({ code: 0, signal: null })
  })

  it('answers one more request on a connection whose headers were sent already, then closes', async () => {
    const { worker, port } = await start(program())
    const client = await RawHttpClient.connect(port, options)
    client.send('/stream')
    await worker.printed('stream')
    worker.signal('SIGTERM')
    expect(await client.answer()).toEqual({ status: 200, close: false, body: 'ab' })
    expect(await client.get()).toEqual({ status: 200, close: true, body: 'quick' })
    expect(await worker.exited).toEqual({ code: 0, signal: null })
  })

  it('waits for the next request of an idle connection, answers it and closes', async () => {
    const { worker, port } = await start(program())
    const client = await RawHttpClient.connect(port, options)
    expect(await client.get()).toMatchObject({ close: false })
    worker.signal('SIGTERM')
    await worker.notified('STOPPING=1')
    await new Promise((resolve) => setTimeout(resolve, 300)) // silence is what is tested
    expect(client.ended).toBe(false)
    expect(await client.get()).toMatchObject({ status: 200, close: true })
    expect(await worker.exited).toEqual({ code: 0, signal: null })
  })

  it('answers a connection that had sent nothing yet, though it takes longer than the keep-alive timeout', async () => {
    const { worker, port } = await start(`${program()}; server.keepAliveTimeout = 200; console.log('set')`)
    await worker.printed('set')
    const client = await RawHttpClient.connect(port, options)
    const other = await RawHttpClient.connect(port, options)
    expect(await other.get()).toMatchObject({ status: 200 }) // so both are accepted
    worker.signal('SIGTERM')
    await worker.notified('STOPPING=1')
    expect(await client.get('/slow')).toEqual({ status: 200, close: true, body: 'slow' })
    expect(await worker.exited).toEqual({ code: 0, signal: null })
  })

  it('ends silent connections when the keep-alive timeout is over', async () => {
    const { worker, port } = await start(`${program()}; server.keepAliveTimeout = 300; console.log('set')`)
    await worker.printed('set')
    const silent = await RawHttpClient.connect(port, options)
    const idle = await RawHttpClient.connect(port, options)
    await idle.get()
    const asked = Date.now()
    worker.askToStop('scale down', 10_000)
    await Promise.all([silent.end(), idle.end()])
    expect(await worker.exited).toEqual({ code: 0, signal: null })
    expect(Date.now() - asked).toBeLessThan(5_000)
  })

  it('ends idle connections a second before the deadline', async () => {
    const { worker, port } = await start(program())
    const client = await RawHttpClient.connect(port, options)
    await client.get()
    const asked = Date.now()
    worker.askToStop('scale down', 2_500)
    await client.end()
    expect(Date.now() - asked).toBeGreaterThan(1_400)
    expect(await worker.exited).toEqual({ code: 0, signal: null })
    expect(Date.now() - asked).toBeLessThan(2_500)
  })
})

describe('drain', () => {
  it('gives clients room: announces 5 s, unless the program has set its own', async () => {
    const { port } = await start(http)
    const client = await RawHttpClient.connect(port)
    client.send()
    await client.answer()
    const own = await start(http.replace('await worker', 'server.keepAliveTimeout = 7000; await worker'))
    expect(await keepAliveHeader(port)).toBe('timeout=5')
    expect(await keepAliveHeader(own.port)).toBe('timeout=7')
    client.close()
  })

  it('lets answers under way finish in a program that closes its server itself', async () => {
    const { worker, port } = await start(`${http}
      process.on('SIGTERM', () => server.close())`)
    const client = await RawHttpClient.connect(port)
    client.send('/slow')
    await worker.printed('slow')
    worker.signal('SIGTERM')
    expect(await client.answer()).toMatchObject({ status: 200, body: 'slow' })
    expect(await worker.exited).toEqual({ code: 0, signal: null })
  })

  it('tells upgraded connections by the signal, and ends them at the deadline', async () => {
    const { worker, port } = await start(`${http}
      server.on('upgrade', (request, socket) => {
        socket.write('HTTP/1.1 101 Switching Protocols\\r\\nContent-Length: 0\\r\\n\\r\\n')
        if (request.url === '/polite') worker.signal.addEventListener('abort', () => socket.end())
      })`)
    const [polite, stubborn] = [await RawHttpClient.connect(port), await RawHttpClient.connect(port)]
    for (const [client, path] of [
      [polite, '/polite'],
      [stubborn, '/stubborn'],
    ] as const) {
      client.send(path, 'Connection: Upgrade\r\nUpgrade: chat\r\n')
      expect(await client.answer()).toMatchObject({ status: 101 })
    }
    const asked = Date.now()
    worker.askToStop('scale down', 2_000)
    await polite.end()
    expect(Date.now() - asked).toBeLessThan(800)
    await stubborn.end()
    expect(Date.now() - asked).toBeGreaterThan(900)
    expect(await worker.exited).toEqual({ code: 0, signal: null })
  })

  it('finishes HTTP/2 streams and says goodbye to the session', async () => {
    const { worker, port } = await start(`
      import http2 from 'node:http2'
      await worker.listen('http', http2.createServer((q, r) => {
        console.log(q.url)
        setTimeout(() => r.end('done'), 300)
      }))
      worker.ready()`)
    const session = http2Connect(`http://127.0.0.1:${port}`)
    const goaway = new Promise((resolve) => session.once('goaway', resolve))
    const stream = session.request({ ':path': '/slow' })
    await worker.printed('/slow')
    worker.signal('SIGTERM')
    let body = ''
    for await (const chunk of stream) body += chunk
    expect(body).toBe('done')
    expect(await goaway).toBe(0)
    expect(await worker.exited).toEqual({ code: 0, signal: null })
  })

  it('leaves the shared socket listening, so that the next worker has the connections that came between', async () => {
    const socket = workshop.socket()
    const first = await startOn(socket, http)
    first.worker.signal('SIGTERM')
    await first.worker.exited
    const waiting = await RawHttpClient.connect(socket.port)
    waiting.send()
    await startOn(socket, http)
    expect(await waiting.answer()).toMatchObject({ status: 200, body: 'quick' })
    waiting.close()
  })
})

async function keepAliveHeader(port: number): Promise<string | null> {
  const response = await fetch(`http://127.0.0.1:${port}/`)
  await response.text()
  return response.headers.get('keep-alive')
}
