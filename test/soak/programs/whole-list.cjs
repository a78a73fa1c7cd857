// A forked worker that uses everything that a worker may use, and says what failed. Its end differs from round to round.
const assert = require('node:assert')
const childProcess = require('node:child_process')
const crypto = require('node:crypto')
const dns = require('node:dns')
const fs = require('node:fs')
const http = require('node:http')
const inspector = require('node:inspector')
const path = require('node:path')
const tls = require('node:tls')
const { promisify } = require('node:util')
const { Worker } = require('node:worker_threads')
const zlib = require('node:zlib')
const application = require('./application.cjs')

const round = Number(process.env.ROUND)
const scratch = process.env.SCRATCH
/** What no other worker may have. */
const unique = []
const listen = (server, options) => new Promise((resolve) => server.listen(options, resolve))
const close = (server) =>
  new Promise((resolve) => {
    server.close(resolve)
    server.closeAllConnections?.()
  })

const tasks = {
  async facts() {
    assert.equal(process.pid, Number(fs.readlinkSync('/proc/self')))
    assert.notEqual(process.ppid, process.pid)
    assert.equal(process.title, `holdfast soak/${round} ./whole-list.cjs`.slice(0, process.title.length))
    assert.ok(process.uptime() < 20 && performance.now() < 20_000)
    assert.ok(Math.abs(performance.timeOrigin + performance.now() - Date.now()) < 2000)
    assert.equal(application.warm(1), application.expected)
  },
  async inheritedSocket() {
    const server = http.createServer((_, response) => response.end(String(process.pid)))
    await listen(server, { fd: Number(process.env.HOLDFAST_SOCKET_HTTP) })
    assert.equal(await (await fetch(`http://127.0.0.1:${process.env.PORT}/`)).text(), String(process.pid))
    await close(server)
  },
  async thread() {
    const worker = new Worker('require("node:worker_threads").parentPort.postMessage(process.pid)', { eval: true })
    const exited = new Promise((resolve) => worker.on('exit', resolve))
    assert.equal(await new Promise((resolve) => worker.on('message', resolve)), process.pid)
    assert.equal(await exited, 0)
  },
  async children() {
    assert.equal((await promisify(childProcess.exec)('echo $PPID')).stdout.trim(), String(process.pid))
    const child = childProcess.spawn('cat', { stdio: ['pipe', 'pipe', 'inherit'] })
    child.stdin.end('through a pipe')
    let heard = ''
    for await (const chunk of child.stdout) heard += chunk
    assert.equal(heard, 'through a pipe')
    if (round % 8 !== 0) return
    const forked = childProcess.fork(path.join(__dirname, 'echo.cjs'))
    forked.send({ round })
    assert.deepEqual(await new Promise((resolve) => forked.on('message', resolve)), { round })
    assert.equal(await new Promise((resolve) => forked.on('exit', resolve)), 0)
  },
  async files() {
    const file = path.join(scratch, `file-${process.pid}`)
    await fs.promises.writeFile(file, 'x'.repeat(100_000))
    assert.equal((await fs.promises.readFile(file)).length, 100_000)
    await fs.promises.rm(file)
  },
  async names() {
    assert.ok((await dns.promises.lookup('localhost')).address)
  },
  async compression() {
    const bytes = crypto.randomBytes(200_000)
    assert.deepEqual(await promisify(zlib.gunzip)(await promisify(zlib.gzip)(bytes)), bytes)
  },
  async fetching() {
    const server = http.createServer((request, response) => request.pipe(response))
    await listen(server, { port: 0, host: '127.0.0.1' })
    const response = await fetch(`http://127.0.0.1:${server.address().port}/`, {
      method: 'POST',
      body: 'y'.repeat(50_000),
    })
    assert.equal((await response.text()).length, 50_000)
    await close(server)
  },
  async timers() {
    let ticks = 0
    await new Promise((resolve) => {
      const interval = setInterval(() => {
        if (++ticks === 3) {
          clearInterval(interval)
          resolve()
        }
      }, 2)
    })
    await new Promise((resolve) => setImmediate(resolve))
  },
  async signals() {
    const alive = setInterval(() => {}, 1000)
    const heard = new Promise((resolve) => process.once('SIGTERM', resolve))
    process.kill(process.pid, 'SIGTERM')
    assert.equal(await heard, 'SIGTERM')
    clearInterval(alive)
  },
  async encryption() {
    const key = fs.readFileSync(path.join(scratch, 'key.pem'))
    const cert = fs.readFileSync(path.join(scratch, 'cert.pem'))
    const server = tls.createServer({ key, cert }, (socket) => socket.end('secret'))
    await listen(server, { port: 0, host: '127.0.0.1' })
    const client = tls.connect({ port: server.address().port, host: '127.0.0.1', rejectUnauthorized: false })
    client.once('secureConnect', () => unique.push(client.exportKeyingMaterial(32, 'soak').toString('hex')))
    let heard = ''
    for await (const chunk of client) heard += chunk
    assert.equal(heard, 'secret')
    await close(server)
  },
  async cryptography() {
    assert.equal((await promisify(crypto.scrypt)('password', 'salt', 32, { N: 1024 })).length, 32)
    const { subtle } = crypto.webcrypto
    const key = await subtle.generateKey({ name: 'AES-GCM', length: 256 }, false, ['encrypt'])
    await subtle.encrypt({ name: 'AES-GCM', iv: new Uint8Array(12) }, key, new Uint8Array(100))
  },
  async garbage() {
    // Some 200 MB in all, of which a few live for a while, through several collections.
    const template = new Array(2000).fill(round)
    const kept = []
    for (let count = 0; count < 12_000; count++)
      kept[count % 300] = { list: template.slice(), text: `${count} ${round}` }
    assert.ok(kept.every(({ list }) => list[1999] === round))
  },
  async webAssembly() {
    // (module (func (export "add") (param i32 i32) (result i32) local.get 0 local.get 1 i32.add))
    const add = '0061736d0100000001070160027f7f017f030201000707010361646400000a09010700200020016a0b'
    const { instance } = await WebAssembly.instantiate(Buffer.from(add, 'hex'))
    assert.equal(instance.exports.add(2, 3), 5)
  },
  async newModule() {
    const file = path.join(scratch, `module-${process.pid}.mjs`)
    await fs.promises.writeFile(file, `export const round = await Promise.resolve(${round})`)
    assert.equal((await import(file)).round, round)
    await fs.promises.rm(file)
  },
  async hotCode() {
    const hot = new Function('n', 'let a = 0; for (let i = 0; i < n; i++) a = (a + i * 3) | 0; return a')
    const first = hot(1000)
    for (let count = 0; count < 3000; count++) assert.equal(hot(1000), first)
  },
  async inspector() {
    if (round % 4 !== 0) return
    process.kill(process.pid, 'SIGUSR1')
    const until = Date.now() + 5000
    while (inspector.url() === undefined && Date.now() < until) await new Promise((resolve) => setTimeout(resolve, 2))
    const port = new URL(inspector.url() ?? assert.fail('no inspector')).port
    const [target] = await (await fetch(`http://127.0.0.1:${port}/json/list`)).json()
    assert.equal(new URL(target.webSocketDebuggerUrl).port, port)
    inspector.close()
  },
}

/** 0 to 5: see fork-soak.ts, which expects the codes. */
const ends = [
  () => {},
  () => process.exit(0),
  () => {
    process.exitCode = 5
  },
  () => setTimeout(() => process.exit(6), 1),
  () => setTimeout(() => JSON.parse('{'), 1),
  () => void Promise.reject(new Error('nobody catches this')),
]

async function main() {
  const names = Object.keys(tasks)
  // Another order each time: what is first meets the process as the fork left it.
  for (let index = 0; index < names.length; index++) {
    const name = names[(index + round) % names.length]
    try {
      fs.writeFileSync(path.join(scratch, `at-${process.pid}`), name)
      await tasks[name]()
    } catch (error) {
      console.log(JSON.stringify({ round, problem: `${name}: ${error.stack}` }))
    }
  }
  fs.rmSync(path.join(scratch, `at-${process.pid}`))
  unique.push(crypto.randomUUID(), application.random(), Math.random(), crypto.randomInt(2 ** 47))
  unique.push(Buffer.from(crypto.webcrypto.getRandomValues(new Uint8Array(16))).toString('hex'))
  console.log(JSON.stringify({ round, pid: process.pid, unique }))
  ends[round % ends.length]()
}

void main()
