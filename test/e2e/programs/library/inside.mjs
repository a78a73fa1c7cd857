// A server whose workers are threads, or run in its own event loop: options.json says which, and what they do.
import { readFileSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import { join } from 'node:path'
import { threadId } from 'node:worker_threads'
import { defineServer } from 'holdfast'

const directory = process.env.E2E_SCENE
const read = (file) => JSON.parse(readFileSync(join(directory, file), 'utf8'))
const { does = 'serve', ...options } = read('options.json')

const answers = {
  '/hang': () => {
    writeFileSync(join(directory, 'hangs'), '')
    for (;;);
  },
  '/throw': () => setImmediate(() => null.thrown),
  '/exit': () => process.exit(7),
  '/slow': (ctx, response) => {
    ctx.signal.addEventListener('abort', () => setTimeout(() => response.end('after the stop'), 300))
    writeFileSync(join(directory, 'slow'), '')
  },
}

const work = {
  serve(ctx) {
    const http = createServer((request, response) => {
      const answer = answers[request.url]
      if (answer) return answer(ctx, response)
      response.end(JSON.stringify({ thread: threadId, id: ctx.workerId, greeting: ctx.config.greeting }))
    })
    ctx.onReload((config) => ctx.status(`reloaded to ${config.greeting}`))
    ctx.logger.info(`serves as ${ctx.service}/${ctx.slot}`)
    console.log('a line of console.log')
    return ctx.listen('http', http)
  },
  /** Only its own end, or none. */
  stubborn(ctx) {
    ctx.exitOnStop = ctx.config.exitOnStop ?? true
    ctx.ready()
    return new Promise((resolve) => setTimeout(resolve, 60_000))
  },
  /** Sees the stop between two pieces of work, without going back to the event loop. */
  loop(ctx) {
    ctx.ready()
    while (ctx.tick()) Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 5)
    ctx.logger.info('the loop has ended')
  },
  return(ctx) {
    ctx.logger.info('run returns')
  },
  throw() {
    throw new Error('run fails as it was told to')
  },
}

const server = defineServer({
  name: 'shop',
  runtimeDir: join(directory, 'run'),
  logDir: join(directory, 'log'),
  pidFile: join(directory, 'shop.pid'),
  config: () => read('config.json'),
  worker: { run: (ctx) => work[does](ctx) },
  ...options,
})

await server.run()
