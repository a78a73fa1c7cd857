import { execFileSync } from 'node:child_process'
import { createSocket } from 'node:dgram'
import { existsSync } from 'node:fs'
import { connect } from 'node:net'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { Workshop } from './worker-process.ts'

let workshop: Workshop
beforeAll(() => {
  workshop = new Workshop()
})
afterAll(() => workshop.close())

const failure = `catch (error) { console.log(error.message) }`

describe('listen', () => {
  it('leaves the backlog of the shared socket as it is', async () => {
    const socket = workshop.socket('tcp4', 37)
    const worker = workshop.start({
      sockets: { http: socket.fd },
      env: { HOLDFAST_BACKLOG_HTTP: '37' },
      program: workshop.program(`import net from 'node:net'
        await worker.listen('http', net.createServer())
        worker.ready()`),
    })
    await worker.notified('READY=1')
    expect(backlogOf(socket.fd)).toBe(37)
  })

  it('serves on a unix socket, and leaves its file there for the next worker', async () => {
    const socket = workshop.unixSocket()
    const worker = workshop.start({
      sockets: { app: socket.fd },
      program: workshop.program(`import net from 'node:net'
        await worker.listen('app', net.createServer((socket) => socket.end('hello')))
        worker.ready()`),
    })
    await worker.notified('READY=1')
    const heard: string[] = []
    connect(socket.path).on('data', (data) => heard.push(data.toString()))
    await worker.until('an answer', () => heard.length > 0)
    expect(heard).toEqual(['hello'])
    worker.signal('SIGTERM')
    await worker.exited
    expect(existsSync(socket.path)).toBe(true)
  })

  it('refuses a name that the service does not have, and says which it has', async () => {
    const worker = workshop.start({
      sockets: { api: workshop.socket().fd },
      program: workshop.program(`import net from 'node:net'
        try { await worker.listen('http', net.createServer(), 0) } ${failure}`),
    })
    await worker.exited
    expect(worker.output).toEqual([
      'this service has no socket "http" (it has api): add it to the service\'s `sockets`',
    ])
  })

  it('says what kind of socket it is where something else is to listen on it', async () => {
    const worker = workshop.start({
      sockets: { http: workshop.socket().fd, dns: workshop.socket('udp4').fd },
      program: workshop.program(`import net from 'node:net'
        import dgram from 'node:dgram'
        const attempts = [['http', dgram.createSocket('udp4')], ['dns', net.createServer()], ['dns', dgram.createSocket('udp6')],
          ['http', null], ['http'], [net.createServer()], ['http', 'server']]
        for (const given of attempts) try { await worker.listen(...given) } ${failure}`),
    })
    await worker.exited
    const noServer =
      "listen: give it a server, listen('http', server); for an Express or Koa application: http.createServer(app)"
    expect(worker.output).toEqual([
      'socket "http" is not for datagrams: listen on it with a server',
      'socket "dns" is for datagrams: listen on it with a socket of node:dgram',
      "listen: the address is IPv4: give it createSocket('udp4')",
      noServer,
      noServer,
      "listen: the name of a socket first, then what is to listen: listen('http', server)",
      noServer,
    ])
  })

  it('binds a port of its own where the service has no sockets and a port is named', async () => {
    const worker = workshop.start({
      program: workshop.program(`import net from 'node:net'
        const server = net.createServer()
        const { port } = await worker.listen('http', server, { port: 0, host: '127.0.0.1' })
        console.log(port > 0 && port === server.address().port)
        server.close()`),
    })
    await worker.exited
    expect(worker.output.at(-1)).toBe('true')
  })

  it('refuses to listen twice on one socket', async () => {
    const worker = workshop.start({
      sockets: { http: workshop.socket().fd },
      program: workshop.program(`import net from 'node:net'
        await worker.listen('http', net.createServer())
        try { await worker.listen('http', net.createServer()) } ${failure}
        await worker.stop()`),
    })
    await worker.exited
    expect(worker.output).toEqual(['this worker listens on socket "http" already'])
  })

  it('refuses an application that is not a server, and says what to do', async () => {
    const worker = workshop.start({
      program: workshop.program(`const express = () => {}
        express.listen = () => {}
        try { await worker.listen('http', express) } ${failure}`),
    })
    await worker.exited
    expect(worker.output[0]).toContain('http.createServer(app)')
  })

  it('takes the server out of a framework, after its ready()', async () => {
    const socket = workshop.socket()
    const worker = workshop.start({
      sockets: { http: socket.fd },
      program: workshop.program(`import http from 'node:http'
        let plugins = 'not loaded'
        const app = {
          server: http.createServer((q, r) => r.end(plugins)),
          ready: async () => { plugins = 'loaded' },
          listen() { throw new Error('not called') },
        }
        await worker.listen('http', app)
        worker.ready()`),
    })
    await worker.notified('READY=1')
    expect(await (await fetch(`http://127.0.0.1:${socket.port}`)).text()).toBe('loaded')
  })

  it('says what is wrong when the descriptors were closed on the way', async () => {
    const worker = workshop.start({
      closeDescriptors: true,
      sockets: { http: workshop.socket().fd },
      program: workshop.program(`import net from 'node:net'
        worker.ready()
        try { await worker.listen('http', net.createServer()) } ${failure}
        console.log('alive')`),
    })
    expect((await worker.exited).code).toBe(0)
    const text = worker.output.join('\n')
    expect(text).toMatch(/HOLDFAST_NOTIFY_FD=4, but that file descriptor is .*npm start/)
    expect(text).toMatch(/HOLDFAST_SOCKET_HTTP=3, but that file descriptor is not/)
    expect(worker.output.at(-1)).toBe('alive')
  })

  it('leaves the slot of the worker alone in its child processes', async () => {
    const child = workshop.program(`worker.ready(); worker.heartbeat(); console.log('child', worker.service)`)
    const worker = workshop.start({
      env: { HOLDFAST_HEARTBEAT_TIMEOUT_MS: '60000' },
      program: workshop.program(`import { execFileSync } from 'node:child_process'
        worker.ready()
        console.log(execFileSync(process.execPath, [${JSON.stringify(child)}], { encoding: 'utf8' }))`),
    })
    await worker.exited
    expect(worker.output).toContain('child web')
    expect(worker.slot.pid).toBe(worker.pid)
    expect(worker.notifications).toEqual(['READY=1'])
  })

  it('receives datagrams, and answers those under way after it stopped receiving', async () => {
    const { fd, port } = workshop.socket('udp4')
    const worker = workshop.start({
      sockets: { dns: fd },
      program: workshop.program(`import dgram from 'node:dgram'
        const socket = dgram.createSocket('udp4')
        socket.on('message', (message, peer) => worker.request(async () => {
          if (message.toString() === 'slow') {
            console.log('asked')
            await new Promise((resolve) => setTimeout(resolve, 300))
          }
          await new Promise((resolve) => socket.send('re: ' + message, peer.port, peer.address, resolve))
        }))
        await worker.listen('dns', socket)
        worker.ready()`),
    })
    await worker.notified('READY=1')
    const client = createSocket('udp4')
    const answers: string[] = []
    client.on('message', (message) => answers.push(message.toString()))
    client.send('quick', port, '127.0.0.1')
    await worker.until('an answer', () => answers.includes('re: quick'))
    client.send('slow', port, '127.0.0.1')
    await worker.printed('asked')
    worker.signal('SIGTERM')
    await worker.notified('STOPPING=1')
    client.send('late', port, '127.0.0.1')
    expect(await worker.exited).toEqual({ code: 0, signal: null })
    await worker.until('the slow answer', () => answers.includes('re: slow'))
    // It stays in the socket's queue, for the next worker.
    expect(answers).not.toContain('re: late')
    client.close()
  })
})

describe('outside Holdfast', () => {
  it('falls back to PORT, and everything else is harmless', async () => {
    const worker = workshop.start({
      supervised: false,
      env: { PORT: '0' },
      program: workshop.program(`import http from 'node:http'
        const server = http.createServer((q, r) => r.end('alone'))
        const { port } = await worker.listen('http', server)
        worker.ready(); worker.heartbeat(); worker.status('x'); worker.finishing(); worker.assertMain()
        worker.onPromote(({ token }) => console.log('main with token', token))
        console.log([worker.supervised, worker.tick(), worker.service, worker.fencingToken(), worker.signal.aborted].join())
        console.log(await (await fetch('http://127.0.0.1:' + port)).text())
        console.log(process.listenerCount('SIGTERM'), process.listenerCount('SIGINT'))`),
    })
    await worker.printed('0 0')
    expect(worker.output[0]).toMatch(/^socket "http" listens on \[::\]:\d+$/)
    expect(worker.output.slice(1)).toEqual(['false,true,,,false', 'main with token null', 'alone', '0 0'])
    worker.signal('SIGTERM')
    expect(await worker.exited).toEqual({ code: null, signal: 'SIGTERM' })
  })

  it('loads no server module, opens nothing and lets the program end', async () => {
    const worker = workshop.start({
      supervised: false,
      program: workshop.program(`
        const loaded = process.moduleLoadList.filter((name) => /NativeModule (net|http|dgram|worker_threads)$/.test(name))
        console.log(JSON.stringify(loaded))`),
    })
    expect(await worker.exited).toEqual({ code: 0, signal: null })
    // The program's own output goes to a socket, which is net's.
    expect(JSON.parse(worker.output[0] ?? '')).toEqual([])
  })

  it('is one worker for import and require', async () => {
    const worker = workshop.start({
      supervised: false,
      program: workshop.program(`import { createRequire } from 'node:module'
        console.log(createRequire(import.meta.url)('./worker.cjs').worker === worker)`),
    })
    await worker.exited
    expect(worker.output).toEqual(['true'])
  })
})

describe('a plain net server', () => {
  it('lets connections end by themselves, and ends them at the deadline', async () => {
    const socket = workshop.socket()
    const worker = workshop.start({
      sockets: { echo: socket.fd },
      program: workshop.program(`import net from 'node:net'
        await worker.listen('echo', net.createServer((socket) => socket.pipe(socket)))
        worker.ready()`),
    })
    await worker.notified('READY=1')
    const [leaving, staying] = [connect(socket.port, '127.0.0.1'), connect(socket.port, '127.0.0.1')]
    const heard: string[] = []
    for (const client of [leaving, staying]) {
      client.on('data', (data) => heard.push(data.toString()))
      client.write('hello')
    }
    await worker.until('both echoes', () => heard.length === 2)
    const asked = Date.now()
    worker.askToStop('scale down', 2_000)
    await worker.notified('STOPPING=1')
    leaving.end('bye')
    staying.write('still here')
    await worker.until('answers while draining', () => heard.includes('bye') && heard.includes('still here'))
    let goodbye = 0
    staying.on('end', () => {
      goodbye = Date.now() - asked
    })
    expect(await worker.exited).toEqual({ code: 0, signal: null })
    expect(Date.now() - asked).toBeLessThan(2_000)
    expect(goodbye).toBeGreaterThan(900)
    staying.destroy()
  })
})

/** tcpi_sacked, which is the backlog where the socket listens. */
function backlogOf(fd: number): number {
  const program =
    'import socket, struct; print(struct.unpack_from("I", socket.socket(fileno=0).getsockopt(6, 11, 104), 28)[0])'
  return Number(execFileSync('python3', ['-c', program], { stdio: [fd, 'pipe', 'inherit'], encoding: 'utf8' }))
}
