// The SDK in a program that a forkserver has loaded: before the fork, and in the worker. The fork itself is played by the program: what
// forks gives it another environment, and calls who wants to know.
import { afterAll, expect, test } from 'vitest'
import { type WorkerProcess, Workshop } from './worker-process.ts'

const workshop = new Workshop()
afterAll(() => workshop.close())

/** Its descriptors are those of a worker from the start, because nobody opens them here. */
const IN_A_FORKSERVER = { HOLDFAST_FORKSERVER: 'app', HOLDFAST_FORK_COMMANDS: '3', HOLDFAST_ID: 'of-the-forkserver' }

const FORK = `
  const say = (...values) => console.log(...values)
  const meeting = globalThis[Symbol.for('holdfast.fork')]
  async function fork(env = {}) {
    for (const hook of meeting.before.toReversed()) await hook()
    delete process.env.HOLDFAST_FORKSERVER
    delete process.env.HOLDFAST_FORK_COMMANDS
    Object.assign(process.env, { HOLDFAST_ID: 'of-the-worker', ...env })
    for (const hook of meeting.adopt) hook()
    for (const hook of meeting.after) await hook()
  }
`

function preload(source: string, options: { env?: Record<string, string>; deaf?: boolean } = {}): WorkerProcess {
  const { env = {}, ...others } = options
  return workshop.start({ program: workshop.program(FORK + source), env: { ...IN_A_FORKSERVER, ...env }, ...others })
}

test('nothing is open before the fork, and nothing said', async () => {
  const program = preload(`
    const { readdirSync } = await import('node:fs')
    worker.onStop(() => {})
    worker.onReload(() => {})
    worker.onPromote(() => {})
    worker.signal.addEventListener('abort', () => {})
    const resources = process.getActiveResourcesInfo().filter((name) => !/Req/.test(name))
    const listened = ['SIGTERM', 'SIGINT', 'SIGHUP'].filter((signal) => process.listenerCount(signal) > 0)
    const bare = readdirSync('/proc/self/fd').length
    say('open', JSON.stringify([resources, listened]))
    await fork()
    say('then', readdirSync('/proc/self/fd').length - bare, process.listenerCount('SIGTERM'))
    worker.ready()
  `)
  await program.printed('open [[],[]]')
  await program.notified('READY=1')
  expect(program.output.find((line) => line.startsWith('then'))).toMatch(/^then [1-9] 1$/)
})

test('what was registered counts in the worker, whose environment is read then', async () => {
  const program = preload(
    `
    const { logger, signal } = worker
    const { info } = logger
    const kept = worker
    setInterval(() => {}, 1e9)
    worker.onStop(({ reason }) => info('stop', reason, signal.aborted, signal.reason.cause.reason))
    worker.onReload((config) => info('reload', JSON.stringify(config)))
    worker.onPromote(({ slot, token }) => info('main', slot, token))
    await fork({ HOLDFAST_SERVICE: 'api', HOLDFAST_SLOT: '4', HOLDFAST_GENERATION: '9', FENCING_TOKEN: '17' })
    info('is', kept === worker, worker.service, worker.slot, worker.generation, worker.role, worker.id, signal === worker.signal)
    worker.ready()
  `,
    { env: { HOLDFAST_HEARTBEAT_TIMEOUT_MS: '9000' } },
  )
  await program.printed('is true api 4 9 main of-the-worker true')
  await program.printed('main 0 17')
  await program.notified('READY=1')
  expect(program.slot).toMatchObject({ pid: program.pid, state: 'ready', generation: 9 })
  expect(program.slot.deadline).toBeGreaterThan(Number(process.hrtime.bigint()))
  program.command({ reload: { config: { a: 1 } } })
  await program.printed('reload {"a":1}')
  program.askToStop('enough', 5_000)
  await program.printed('stop enough true enough')
  expect(await program.exited).toEqual({ code: 0, signal: null })
})

test('what was set counts in the worker, and more than its environment', async () => {
  const program = preload(
    `
    worker.autoHeartbeat = false
    worker.exitOnStop = false
    worker.logger.level = 'warn'
    await fork({ HOLDFAST_LOG_LEVEL: 'trace', HOLDFAST_HEARTBEAT_TIMEOUT_MS: '9000' })
    worker.ready()
    say('set', worker.autoHeartbeat, worker.exitOnStop, worker.logger.level)
    await worker.stop()
    say('goes on')
  `,
  )
  await program.printed('set false false warn')
  await program.printed('goes on')
  expect(program.slot.deadline).toBe(0)
})

test('a level that the program did not set is that of the environment', async () => {
  const program = preload(`
    await fork({ HOLDFAST_LOG_LEVEL: 'error' })
    say('level', worker.logger.level)
  `)
  await program.printed('level error')
})

test('what only a worker can do or know says so before the fork', async () => {
  const program = preload(`
    const { createServer } = await import('node:net')
    const calls = {
      listen: () => worker.listen('http', createServer()),
      ready: () => worker.ready(),
      tick: () => worker.tick(),
      stop: () => worker.stop(),
      finishing: () => worker.finishing(),
      fencingToken: () => worker.fencingToken(),
      service: () => worker.service,
      slot: () => worker.slot,
      generation: () => worker.generation,
      role: () => worker.role,
      id: () => worker.id,
      assertMain: () => worker.assertMain(),
    }
    for (const [name, call] of Object.entries(calls)) {
      const error = await (async () => call())().catch((error) => error)
      say(name, error.code, String(error.message).includes('forkserver'), String(error.message).includes('"app"'))
    }
    say('harmless', worker.heartbeat(), worker.status('warm'), worker.request(() => 7), worker.config, worker.supervised)
    say('over')
  `)
  await program.printed('over')
  const refused = [
    'listen',
    'ready',
    'tick',
    'stop',
    'finishing',
    'fencingToken',
    'service',
    'slot',
    'generation',
    'role',
  ]
  expect(program.output).toEqual([
    ...[...refused, 'id'].map((name) => `${name} HF_BEFORE_FORK true true`),
    'assertMain HF_NOT_MAIN true false',
    'harmless undefined undefined 7 undefined true',
    'over',
  ])
  expect(program.notifications).toEqual([])
})

test('the hooks of a fork, in their order; in the worker everything works', async () => {
  const { fd, port } = workshop.socket()
  const program = workshop.start({
    program: workshop.program(`${FORK}
      const { createServer } = await import('node:http')
      worker.beforeFork(() => say('before 1'))
      worker.beforeFork(async () => say('before 2'))
      worker.afterFork(async () => {
        await worker.listen('http', createServer((_, response) => response.end('from the worker')))
        say('after 1')
      })
      worker.afterFork(() => say('after 2'))
      await fork()
      worker.ready()
    `),
    sockets: { http: fd },
    env: { ...IN_A_FORKSERVER, HOLDFAST_FORK_COMMANDS: '4' },
  })
  await program.notified('READY=1')
  expect(program.output).toEqual(['before 2', 'before 1', 'after 1', 'after 2'])
  expect(await (await fetch(`http://127.0.0.1:${port}`, { headers: { connection: 'close' } })).text()).toBe(
    'from the worker',
  )
  program.signal('SIGTERM')
  expect(await program.exited).toEqual({ code: 0, signal: null })
})

test('the clock of the heartbeat is that of the process, wherever performance.now() begins to count', async () => {
  const program = preload(`
    const now = performance.now.bind(performance)
    const start = now() - 1e7
    performance.now = () => now() - start
    await fork({ HOLDFAST_HEARTBEAT_TIMEOUT_MS: '9000' })
    worker.ready()
  `)
  await program.notified('READY=1')
  const ahead = program.slot.deadline - Number(process.hrtime.bigint())
  expect(ahead).toBeLessThan(9.1e9)
  expect(ahead).toBeGreaterThan(-60e9)
})

const REFORK = `
  meeting.refork = ({ name, generation }) => {
    say('asked', name, generation)
    return {
      giveUp: (why) => say('gave up:', why),
      async fork() {
        say('released', process.listenerCount('SIGTERM'), process.listenerCount('SIGHUP'), worker.supervised)
        await fork({ HOLDFAST_ID: 'of-the-next-worker', HOLDFAST_SLOT: '5' })
        entry()
        await new Promise(() => {})
      },
    }
  }
`

function askToRefork(program: WorkerProcess): void {
  const files = { commands: '', status: '', stdout: '', stderr: '' }
  program.command({ refork: { name: 'app', generation: 2, id: 'x', ...files, session: true } })
}

test('a worker becomes a forkserver: what the preload has registered counts in its workers, what was registered since does not', async () => {
  const program = preload(
    `
    const { info } = worker.logger
    worker.onStop(() => info('stop of', worker.slot))
    worker.logger.level = 'info'
    function entry() {
      info('is', worker.slot, worker.signal.aborted, worker.logger.level, worker.autoHeartbeat)
      worker.onStop(() => info('once'))
      worker.logger.level = 'warn'
      worker.logger.level = 'info'
      worker.autoHeartbeat = false
      worker.onReload(() => {})
      worker.ready()
    }
    setInterval(() => {}, 1e9)
    ${REFORK}
    await fork()
    entry()
  `,
    { env: { HOLDFAST_HEARTBEAT_TIMEOUT_MS: '9000' } },
  )
  await program.notified('READY=1')
  askToRefork(program)
  await program.notified('STOPPING=1')
  await program.notified('READY=1', 2)
  program.askToStop('enough', 5_000)
  expect(await program.exited).toEqual({ code: 0, signal: null })
  expect(program.output).toEqual([
    'is 1 false info true',
    'asked app 2',
    'once',
    'stop of 1',
    'released 0 0 true',
    'is 5 false info true',
    'once',
    'stop of 5',
  ])
})

test('asked to stop while it finishes its work, it becomes none', async () => {
  const program = preload(`
    ${REFORK}
    await fork()
    void worker.request(() => new Promise((resolve) => process.once('SIGUSR2', resolve)))
    setInterval(() => {}, 1e9)
    worker.ready()
  `)
  await program.notified('READY=1')
  askToRefork(program)
  await program.notified('STOPPING=1')
  program.askToStop('enough', 5_000)
  await program.printed('gave up: it was asked to stop')
  program.signal('SIGUSR2')
  expect(await program.exited).toEqual({ code: 0, signal: null })
  expect(program.output).not.toContain('released 0 0 true')
})

test.each([
  ['const kept = worker.signal', 'the program has taken worker.signal before the fork, and it is aborted once'],
  ['worker.exitOnStop = false', 'the program ends by itself (exitOnStop is false)'],
])('one that can not become a forkserver says why, and goes on: %s', async (how, why) => {
  const program = preload(`
    ${how}
    setInterval(() => {}, 1e9)
    ${REFORK}
    await fork()
    worker.ready()
  `)
  await program.notified('READY=1')
  askToRefork(program)
  await program.printed(`gave up: ${why}`)
  expect(program.notifications).toEqual(['READY=1'])
})

test('without somebody who forks the order is nothing', async () => {
  const program = preload(`
    setInterval(() => {}, 1e9)
    worker.onReload(() => say('reload'))
    await fork()
    worker.ready()
  `)
  await program.notified('READY=1')
  askToRefork(program)
  program.command({ reload: { config: null } })
  await program.printed('reload')
  expect(program.notifications).not.toContain('STOPPING=1')
})

test('loaded after the fork it is as in any worker, and the hooks are never called there', async () => {
  const program = workshop.start({
    program: workshop.program(`
      worker.beforeFork(() => console.log('never'))
      worker.afterFork(() => console.log('never'))
      console.log('is', worker.service, worker.slot)
      setInterval(() => {}, 1e9)
      worker.ready()
    `),
  })
  await program.printed('is web 1')
  await program.notified('READY=1')
  program.signal('SIGTERM')
  expect(await program.exited).toEqual({ code: 0, signal: null })
  expect(program.output).not.toContain('never')
})

test('who forks may have been there before, and have closed the pipe that it was given', async () => {
  const source = `
    globalThis[Symbol.for('holdfast.fork')] = { before: [], after: [], adopt: [] }
    const { worker } = require(${JSON.stringify(`${workshop.directory}/worker.cjs`)})
    try { worker.ready() } catch ({ code }) { console.log('is', code) }
  `
  const program = workshop.start({
    program: [process.execPath, '-e', source],
    env: { HOLDFAST_FORKSERVER: 'app', HOLDFAST_FORK_COMMANDS: '9' },
  })
  await program.printed('is HF_BEFORE_FORK')
})

test('a program that one in a forkserver starts is no forkserver', async () => {
  const program = workshop.start({
    program: workshop.program(`console.log('is', worker.service, worker.tick())`),
    env: { HOLDFAST_FORKSERVER: 'app', HOLDFAST_FORK_COMMANDS: '9' },
  })
  await program.printed('is web true')
})
