// A server that says what its workers know: their configuration, at which levels they write, when they are told what.
import { appendFileSync, existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { defineServer } from 'holdfast'

const directory = process.env.E2E_SCENE
const note = (text) => appendFileSync(join(directory, 'notes.txt'), `${text}\n`)
const read = (file) => JSON.parse(readFileSync(join(directory, file), 'utf8'))
const { deaf = false, ...options } = read('options.json')
const LEVELS = ['trace', 'debug', 'info', 'warn', 'error', 'fatal']

/** Once more when all that follows from an event is done. */
const saySoon = (what, ctx) => setImmediate(() => note(`${what} ${ctx.workerId} ${JSON.stringify(ctx.config)}`))

const server = defineServer({
  name: 'shop',
  runtimeDir: join(directory, 'run'),
  logDir: join(directory, 'log'),
  pidFile: join(directory, 'shop.pid'),
  config: () => {
    const { nothing, ...config } = read('config.json')
    return nothing === 'undefined' ? undefined : nothing === 'null' ? null : config
  },
  server: {
    async afterRun() {
      note('afterRun begins')
      await sleep(300)
      note('afterRun ends')
    },
    onFinish: (graceful) => note(`onFinish ${graceful}`),
  },
  worker: {
    /** One that is held is not ready, however long: a second after `run` was entered it would be. */
    async initialize(ctx) {
      saySoon('runs with', ctx)
      while (existsSync(join(directory, `hold-${ctx.workerId}`))) await sleep(10)
    },
    async run(ctx) {
      for (const level of LEVELS) ctx.logger[level](`${level} at the start`)
      ctx.ready()
      if (deaf) process.on('SIGTERM', () => note('deaf to TERM'))
      const busy = setInterval(() => {}, 1_000)
      if (deaf) await new Promise(() => {})
      ctx.onStop(() => clearInterval(busy))
    },
    reload(_config, ctx) {
      for (const level of LEVELS) ctx.logger[level](`${level} after the reload`)
      saySoon('reloaded to', ctx)
    },
  },
  ...options,
})

await server.run()
