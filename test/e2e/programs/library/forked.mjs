// A server whose workers are forked. Each hook leaves a line in a file, with the process that it is called in.
import { appendFileSync, readFileSync } from 'node:fs'
import { createServer } from 'node:http'
import { join } from 'node:path'
import { defineServer } from 'holdfast'

const directory = process.env.E2E_SCENE
const note = (...words) => appendFileSync(join(directory, 'notes.txt'), `${words.join(' ')}\n`)
const read = (file) => JSON.parse(readFileSync(join(directory, file), 'utf8'))
const { fail = {}, asModule = false, ...options } = read('options.json')
note('loaded', process.pid)

let initialized = null

/** Also for a module of its own. */
export const worker = {
  async initialize(ctx) {
    await new Promise((resolve) => setImmediate(resolve))
    initialized = process.pid
    note('initialize', process.pid, ctx.config.greeting)
    if (fail.initialize) throw new Error('initialize fails as it was told to')
    ctx.onStop(() => note('onStop', process.pid))
  },
  beforeFork: ({ workerId }) => note('beforeFork', process.pid, workerId),
  afterStart: ({ workerId, pid }) => note('afterStart', process.pid, workerId, pid),
  async run(ctx) {
    note('run', process.pid, ctx.workerId)
    const http = createServer((request, response) => {
      if (request.url === '/hang') for (;;);
      response.end(
        JSON.stringify({
          pid: process.pid,
          parent: process.ppid,
          id: ctx.workerId,
          greeting: ctx.config.greeting,
          server: ctx.server,
          role: ctx.role,
          initialized,
          arguments: process.argv.slice(2),
        }),
      )
    })
    await ctx.listen('http', http)
  },
  stop: () => note('stop', process.pid),
  reload: (config) => note('reload', process.pid, config.greeting),
}

export const server = defineServer({
  name: 'shop',
  workerType: 'fork',
  runtimeDir: join(directory, 'run'),
  logDir: join(directory, 'log'),
  pidFile: join(directory, 'shop.pid'),
  sockets: { http: 'tcp://127.0.0.1:0' },
  config: () => read('config.json'),
  worker: asModule ? new URL('./forked-worker.mjs', import.meta.url) : worker,
  ...options,
})

if (process.env.E2E_GUEST) {
  const running = await server.open()
  const { ok } = await running.settled()
  if (process.env.HOLDFAST !== '1') console.log(JSON.stringify({ ok, code: await running.stop() }))
} else if (!process.env.E2E_WORKER_ALONE) await server.run()
