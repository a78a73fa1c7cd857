// A program with a server in it, as a test would have one. It says what it sees, one JSON line each.
import { readdirSync } from 'node:fs'
import { get } from 'node:http'
import { join } from 'node:path'
import { isMainThread, threadId } from 'node:worker_threads'
import { defineServer } from 'holdfast'

const directory = process.env.E2E_SCENE
const descriptors = () => readdirSync('/proc/self/fd').length
const server = defineServer({
  name: 'shop',
  runtimeDir: join(directory, 'run'),
  logDir: join(directory, 'log'),
  sockets: { http: 'tcp://127.0.0.1:0' },
  workers: 2,
  workerType: 'thread',
  worker: new URL('./guest-worker.mjs', import.meta.url),
})
const say = (what) => console.log(JSON.stringify(what))
const ask = (port) =>
  new Promise((resolve, reject) => {
    get({ port, host: '127.0.0.1', agent: false }, (response) =>
      response.on('data', (body) => resolve(String(body))),
    ).on('error', reject)
  })

const running = await server.open()
const { ok } = await running.settled()
const port = Number(running.status().sockets[0].listen.split(':').at(-1))
const answers = new Set()
for (let turn = 0; turn < 20; turn++) answers.add(await ask(port))
say({ ok, isMainThread, threadId, answers: [...answers].sort() })
const before = descriptors()
for (let turn = 0; turn < 5; turn++) await running.restart()
say({ restarted: running.healthy(), leaked: descriptors() - before })
// Neither ends the program: a listener that throws is reported, a count that can not be is refused.
running.onEvent(() => {
  throw new Error('the listener throws')
})
const heard = new Promise((resolve) => running.onEvent(({ to }) => to === 'running' && resolve(to)))
const { code } = await running.scale(-1).catch((error) => error)
await running.scale('+1')
say({ heard: await heard, refused: code })
say({ code: await running.stop() })
