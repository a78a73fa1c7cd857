// A server whose every hook leaves a line in a file, and whose options come from one.
import { appendFileSync, existsSync, readFileSync } from 'node:fs'
import { createServer } from 'node:http'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { defineServer } from 'holdfast'

const directory = process.env.E2E_SCENE
const note = (text) => appendFileSync(join(directory, 'notes.txt'), `${text}\n`)
const read = (file) => JSON.parse(readFileSync(join(directory, file), 'utf8'))
const { fail = {}, hangAt, ...options } = read('options.json')
if (hangAt) {
  options.signals = {
    [hangAt]: () => {
      for (;;);
    },
  }
}
const throwIf = (name) => {
  if (typeof fail[name] === 'number') process.exit(fail[name])
  if (fail[name]) throw new Error(`${name} fails as it was told to`)
}
const exitIf = (code) => code !== undefined && process.exit(code)
const hook =
  (name) =>
  (...given) => {
    note(
      [
        name,
        ...given.map((one) =>
          typeof one === 'object' && 'workerId' in one ? one.workerId : typeof one === 'boolean' ? one : '-',
        ),
      ].join(' '),
    )
    throwIf(name)
  }
const serverHooks = [
  'initialize',
  'beforeRun',
  'afterStart',
  'stop',
  'restart',
  'reloadConfig',
  'onSpawn',
  'onReap',
  'onFinish',
]

export const server = defineServer({
  name: 'shop',
  runtimeDir: join(directory, 'run'),
  logDir: join(directory, 'log'),
  pidFile: join(directory, 'shop.pid'),
  config: () => {
    throwIf('config')
    return read('config.json')
  },
  server: {
    ...Object.fromEntries(serverHooks.map((name) => [name, hook(name)])),
    /** The process waits for it. */
    async afterRun(...given) {
      await sleep(20)
      hook('afterRun')(...given)
    },
    async upgrade(running) {
      note('upgrade')
      const { onUpgrade } = read('config.json')
      if (onUpgrade === 'throw') throw new Error('upgrade fails as it was told to')
      if (onUpgrade === 'stop') await running.stop()
    },
  },
  worker: {
    initialize: (ctx) => note(`worker.initialize ${ctx.workerId}`),
    beforeFork: hook('worker.beforeFork'),
    afterStart: hook('worker.afterStart'),
    async run(ctx) {
      note(`worker.run ${ctx.workerId}`)
      throwIf('worker.run')
      exitIf(ctx.config.exitWith?.[ctx.workerId])
      const http = createServer((request, response) => {
        if (request.url === '/hang') for (;;);
        const answer = JSON.stringify({
          pid: process.pid,
          id: ctx.workerId,
          greeting: ctx.config.greeting,
          server: ctx.server,
        })
        if (request.url !== '/until-go') return response.end(answer)
        note('until-go')
        const look = setInterval(() => {
          if (!existsSync(join(directory, 'go'))) return
          clearInterval(look)
          response.end(answer)
        }, 20)
      })
      if (options.sockets) await ctx.listen('http', http)
      else {
        setInterval(() => {}, 1_000)
        if (!ctx.config.mute) ctx.ready()
      }
    },
    stop: (ctx) => note(`worker.stop ${ctx.workerId}`),
    reload: (config, ctx) => {
      note(`worker.reload ${ctx.workerId} ${config.greeting}`)
      throwIf('worker.reload')
      exitIf(config.exitWith?.[ctx.workerId])
    },
  },
  ...options,
})

await server.run()
