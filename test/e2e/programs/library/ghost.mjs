// A prefork server that says in a file what happens to it, one JSON line each; it may ask itself to end when all are healthy.
import { appendFileSync, readFileSync } from 'node:fs'
import { createServer } from 'node:http'
import { join } from 'node:path'
import { defineServer } from 'holdfast'

const directory = process.env.E2E_SCENE
const note = (what) => appendFileSync(join(directory, 'notes.txt'), `${JSON.stringify(what)}\n`)
const read = (file) => JSON.parse(readFileSync(join(directory, file), 'utf8'))
const { quitWhenHealthy, stopAtReap, accepts, ...options } = read('options.json')
let server
let asked = false

async function quitIfHealthy() {
  if (asked || server.healthy() !== quitWhenHealthy) return
  asked = true
  const port = server.status().sockets[0].listen.split(':').at(-1)
  const answer = await fetch(`http://127.0.0.1:${port}/`, { headers: { connection: 'close' } })
  note({ hook: 'answer', text: await answer.text(), healthy: server.healthy() })
  process.kill(process.pid, 'SIGQUIT')
}

await defineServer({
  name: 'shop',
  runtimeDir: join(directory, 'run'),
  logDir: join(directory, 'log'),
  pidFile: join(directory, 'shop.pid'),
  sockets: { http: 'tcp://127.0.0.1:0' },
  signals: 'ghost',
  config: () => read('config.json'),
  server: {
    beforeRun(running) {
      server = running
    },
    onSpawn: ({ pid }) => note({ hook: 'onSpawn', pid }),
    onReap({ pid }) {
      note({ hook: 'onReap', pid })
      if (stopAtReap && !asked) void server.stop()
      asked = true
    },
    onFinish: (graceful) => note({ hook: 'onFinish', graceful }),
    onHeartbeat: () => quitIfHealthy(),
  },
  worker: {
    run(ctx) {
      let answers = 0
      const http = createServer((_, response) => {
        response.end('an answer')
        if (++answers !== accepts) return
        ctx.finishing()
        void ctx.stop('it has answered often enough')
      })
      return ctx.listen('http', http)
    },
    reload: () => note({ hook: 'reload' }),
  },
  ...options,
}).run()
