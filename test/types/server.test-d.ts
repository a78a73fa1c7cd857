// The types of `defineServer`. Nothing here is run: `npm run types` checks it.
import {
  defineServer,
  type RunningServer,
  type Server,
  type ServerOptions,
  type WorkerContext,
  type WorkerEnd,
} from 'holdfast'
import { expectTypeOf } from 'vitest'

interface Config {
  readonly greeting: string
  readonly limit: number | null
}

declare const readConfig: () => Promise<Config>
const worker = { run: () => {} }
const name = 'shop'

// --- What `config` returns is what everybody gets, wherever it stands among the options.

const server = defineServer({
  name,
  config: readConfig,
  server: {
    initialize: (config) => expectTypeOf(config).toEqualTypeOf<Config>(),
    reloadConfig: (config) => expectTypeOf(config).toEqualTypeOf<Config>(),
    beforeRun: (running) => expectTypeOf(running).toEqualTypeOf<RunningServer<Config>>(),
    afterStart: (running) => expectTypeOf(running.config.limit).toEqualTypeOf<number | null>(),
    onReap: (end) => expectTypeOf(end).toEqualTypeOf<WorkerEnd>(),
    stop: (graceful) => expectTypeOf(graceful).toEqualTypeOf<boolean>(),
  },
  worker: {
    initialize: (ctx) => expectTypeOf(ctx).toEqualTypeOf<WorkerContext<Config>>(),
    run: (ctx) => expectTypeOf(ctx.config).toEqualTypeOf<Config>(),
    reload(config, ctx) {
      expectTypeOf(config).toEqualTypeOf<Config>()
      expectTypeOf(ctx.config).toEqualTypeOf<Config>()
    },
    beforeFork: (start) =>
      expectTypeOf(start).toEqualTypeOf<{ readonly workerId: number; readonly pid: number | null }>(),
  },
})
expectTypeOf(server).toEqualTypeOf<Server<Config>>()

defineServer({
  worker: { run: (ctx) => expectTypeOf(ctx.config.port).toEqualTypeOf<number>() },
  server: { reloadConfig: ({ port }) => expectTypeOf(port).toEqualTypeOf<number>() },
  config: () => ({ port: 80 }),
  name,
})

defineServer({
  name,
  config: { port: 80 },
  worker: { run: (ctx) => expectTypeOf(ctx.config).toEqualTypeOf<{ port: number }>() },
})

defineServer({ name, worker: { run: (ctx) => expectTypeOf(ctx.config).toEqualTypeOf<unknown>() } })

// A hook can not make up what `config` returns.
defineServer({
  name,
  config: () => ({ port: 80 }),
  worker,
  // @ts-expect-error the port is a number
  server: { reloadConfig: (config: { port: string }) => config },
})

// @ts-expect-error the greeting is missing
export const incomplete: ServerOptions<Config> = { name, worker, config: () => ({ limit: 1 }) }

// --- Commands and the running server.

expectTypeOf(server.command('start')).toEqualTypeOf<Promise<number>>()
expectTypeOf(server.command('--hard_restart', ['--force'])).toEqualTypeOf<Promise<number>>()
expectTypeOf(server.run()).toEqualTypeOf<Promise<never>>()
// @ts-expect-error a command is a text
server.command(1)

const running = await server.open()
expectTypeOf(running).toEqualTypeOf<RunningServer<Config>>()
expectTypeOf(running.config).toEqualTypeOf<Config>()
expectTypeOf(running.healthy()).toEqualTypeOf<number>()
expectTypeOf(running.status().services[0]?.workers[0]?.pid).toEqualTypeOf<number | null | undefined>()
expectTypeOf(await running.scale('+1'))
  .toHaveProperty('ok')
  .toEqualTypeOf<boolean>()
expectTypeOf(await running.stop({ graceful: false })).toEqualTypeOf<number>()
// @ts-expect-error what is in force changes by a reload
running.config = { greeting: '', limit: null }
// @ts-expect-error there is no such way to restart
running.restart({ cold: true })

// --- Options.

defineServer({ name, workers: 0, worker })
defineServer({ name, workers: 'cpus-1', worker })
defineServer({ name, worker: new URL('./worker.mjs', import.meta.url) })
defineServer({ name, worker: 'file:///srv/shop/worker.mjs' })
defineServer({ name, workerType: 'spawn', command: ['./web', '--port', 80], commandSender: 'pipe' })
defineServer({ name, worker, slots: { mains: 1, standbys: 2, stopFile: 'stop', warm: true } })
defineServer({ name, worker, slots: {} })
defineServer({ name, worker, signals: 'serverengine' })
defineServer({ name, worker, signals: { USR2: ['reopen-logs', (signal) => expectTypeOf(signal).toBeString()] } })
defineServer({ name, worker, sockets: { http: 'tcp://:80', admin: { listen: 'unix:admin.sock', mode: '0660' } } })
defineServer({ name, worker, heartbeat: { interval: 1, timeout: '10s', signals: ['KILL'] } })
defineServer({ name, worker, stop: { signals: ['TERM/30s', { signal: 'INT', every: '5s', for: '30s' }, 'KILL'] } })
defineServer({ name, worker, restart: { maxRetries: 'never', unrecoverable: [64], stopAllOnUnrecoverable: true } })

// @ts-expect-error a server has a name
defineServer({ worker })
// @ts-expect-error workers: a number, cpus or cpus-1
defineServer({ name, worker, workers: 'many' })
// @ts-expect-error unknown type of worker
defineServer({ name, worker, workerType: 'fiber' })
// @ts-expect-error a module is a URL
defineServer({ name, worker: 1 })
// @ts-expect-error a worker does something
defineServer({ name, worker: { stop() {} } })
// @ts-expect-error unknown map of signals
defineServer({ name, worker, signals: 'nginx' })
// @ts-expect-error unknown action
defineServer({ name, worker, signals: { USR2: 'reboot' } })
// @ts-expect-error how many, as a number
defineServer({ name, worker, slots: { mains: 'one' } })
// @ts-expect-error an order of two words
defineServer({ name, worker, orphans: 'perish' })

// --- A key that nobody knows is refused, at each depth.

// @ts-expect-error workers
defineServer({ name, worker, wokers: 2 })
// @ts-expect-error a server has its own word for it
defineServer({ name, worker, instances: 2 })
// @ts-expect-error mains
defineServer({ name, worker, slots: { main: 1 } })
// @ts-expect-error timeout
defineServer({ name, worker, stop: { timout: '1s' } })
// @ts-expect-error every
defineServer({ name, worker, stop: { signals: [{ signal: 'TERM', evry: '1s' }] } })
// @ts-expect-error onSpawn
defineServer({ name, worker, server: { onSpwan() {} } })
// @ts-expect-error reload
defineServer({ name, worker: { run() {}, relaod() {} } })
// @ts-expect-error listen
defineServer({ name, worker, sockets: { http: { lisen: 'tcp://:80' } } })
// @ts-expect-error description
defineServer({ name, worker, initFile: { descripton: 'the shop' } })
