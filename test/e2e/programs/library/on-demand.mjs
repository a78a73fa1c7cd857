// A server whose workers ask for sockets at run time: for those in its config, and say in a file what they got.
import { createSocket } from 'node:dgram'
import { appendFileSync, readFileSync } from 'node:fs'
import { createServer } from 'node:http'
import { createServer as createTcpServer } from 'node:net'
import { join } from 'node:path'
import { defineServer } from 'holdfast'

const directory = process.env.E2E_SCENE
const note = (what) => appendFileSync(join(directory, 'notes.txt'), `${JSON.stringify(what)}\n`)
const read = (file) => JSON.parse(readFileSync(join(directory, file), 'utf8'))

const http = () => createServer((_, response) => response.end(String(process.pid)))
/** One line a connection: it is counted, and sent back. */
const counter = () =>
  createTcpServer((socket) =>
    socket.on('data', (line) => {
      note({ counted: 'tcp', text: String(line) })
      socket.end(line)
    }),
  )
const datagrams = (type) =>
  createSocket(type).on('message', (text) => note({ counted: 'udp', text: String(text), pid: process.pid }))

async function ask(ctx, { tcp, udp, unix, serve = 'http', ...options }) {
  if (udp) return ctx.listenUdp(...udp, { socket: datagrams(udp[0].includes(':') ? 'udp6' : 'udp4'), ...options })
  const server = { http, counter, nothing: () => undefined }[serve]()
  const given = server === undefined ? options : { server, ...options }
  return unix ? ctx.listenUnix(join(directory, unix), given) : ctx.listenTcp(...tcp, given)
}

await defineServer({
  name: 'shop',
  runtimeDir: join(directory, 'run'),
  logDir: join(directory, 'log'),
  pidFile: join(directory, 'shop.pid'),
  config: () => read('config.json'),
  worker: {
    async run(ctx) {
      for (const { id, ...wish } of ctx.config.asks) {
        const facts = { id, worker: ctx.workerId, pid: process.pid }
        try {
          note({ ...facts, got: await ask(ctx, wish) })
        } catch (error) {
          const { code, syscall, errno, address, port, message } = error
          note({ ...facts, failed: { code, syscall, errno, address, port, message } })
        }
      }
      note({ leaks: Object.keys(process.env).filter((name) => name.startsWith('HOLDFAST_SERVER')) })
      ctx.ready()
      // One that got nothing has nothing to do either, and would end.
      if (!ctx.signal.aborted) await new Promise((resolve) => ctx.signal.addEventListener('abort', resolve))
    },
  },
  ...read('options.json'),
}).run()
