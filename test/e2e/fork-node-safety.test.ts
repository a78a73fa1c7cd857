// What a forkserver for Node refuses to share, when it does not fork at all, and what becomes of a fork that fails.
import { execFileSync } from 'node:child_process'
import { readdirSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { ForkScene, type ForkSceneOptions, USUAL_COMMAND } from './harness/fork-scene.ts'
import { isRoot, testWhere } from './harness/requirement.ts'
import { waitFor } from './harness/wait-for.ts'

const IDLE = 'setInterval(() => {}, 1000)\n'
const THREAD = 'new (require("node:worker_threads").Worker)("setInterval(() => {}, 1000)", { eval: true })\n'

/** What it says when it must not fork. */
async function refusalOf(app: string, args: readonly string[] = []): Promise<string> {
  const scene = new ForkScene({ 'app.cjs': app })
  scene.open({ args: ['--preload', './app.cjs', ...args] })
  const answer = await waitFor(() => scene.answers[0])
  expect(await scene.exitOf(scene.pid)).toMatchObject({ code: 1 })
  return answer?.error ?? ''
}

const loadApp = (app: string, options: Partial<ForkSceneOptions> & { args?: readonly string[] } = {}) => {
  const scene = new ForkScene({ 'app.cjs': app, 'idle.cjs': IDLE, 'thread.cjs': THREAD })
  return { scene, loaded: scene.load({ ...options, args: ['--preload', './app.cjs', ...(options.args ?? [])] }) }
}

describe('a forkserver for Node refuses an application that holds', () => {
  it.each([
    [
      'a listening socket',
      'require("node:net").createServer().listen(0, "127.0.0.1")',
      /socket \d+ \(tcp4 127\.0\.0\.1:\d+, listening\), made at .*app\.cjs:1:/,
    ],
    [
      'a connection',
      '{ const net = require("node:net"); const server = net.createServer().listen(0, () => net.connect(server.address().port)) }',
      /socket \d+.*socket \d+/,
    ],
    [
      'a datagram socket',
      'require("node:dgram").createSocket("udp4").bind(0)',
      /socket \d+ \(udp4 .*made at .*app\.cjs:1:/,
    ],
    ['an interval', '\nsetInterval(() => {}, 1000)', /interval made at .*app\.cjs:2:1/],
    ['a timer', 'setTimeout(() => {}, 100_000)', /timer made at .*app\.cjs:1:1/],
    [
      'a thread',
      'new (require("node:worker_threads").Worker)("setInterval(() => {}, 1000)", { eval: true })',
      /thread \d+ \(.*\) made at .*app\.cjs:1:/,
    ],
  ])('%s, and says where it was made', async (_, app, expected) => {
    expect(await refusalOf(app)).toMatch(expected)
  })

  it('several, of which not all are allowed', async () => {
    const app = 'setInterval(() => {}, 1000); require("node:net").createServer().listen(0)'
    const refusal = await refusalOf(app, ['--allow', 'timers,threads'])
    expect(refusal).toMatch(/socket/)
    expect(refusal).not.toMatch(/interval/)
  })

  it('not what a hook closes before the fork; what it leaves open is named then', async () => {
    const open = `const net = require('node:net'), hooks = globalThis[Symbol.for('holdfast.fork')]
      const server = net.createServer().listen(0, '127.0.0.1')
      `
    const closing = loadApp(`${open}hooks.before.push(() => void server.close())`)
    expect((await closing.loaded).cold).toBeUndefined()
    expect(await closing.scene.start({ entry: './idle.cjs' })).toBeGreaterThan(1)
    expect(await closing.scene.start({ entry: './idle.cjs' })).toBeGreaterThan(1)
    const idle = loadApp(`${open}hooks.before.push(() => {})`)
    await idle.loaded
    await expect(idle.scene.start({ entry: './idle.cjs' })).rejects.toThrow(/socket \d+ \(tcp4/)
  })

  it('not a timer of its own: it waits for a file operation that is under way, and forks then', async () => {
    const { scene, loaded } = loadApp(
      `const { promises } = require('node:fs')
      globalThis[Symbol.for('holdfast.fork')].before.push(() => void promises.readFile(__filename))`,
    )
    await loaded
    for (let count = 0; count < 5; count++) expect(await scene.start({ entry: './idle.cjs' })).toBeGreaterThan(1)
  })

  it('none: what is allowed, closed in time, or keeps nothing alive', async () => {
    const { scene, loaded } = loadApp(
      `const net = require('node:net'), fs = require('node:fs')
      setInterval(() => {}, 1000)
      setInterval(() => {}, 1000).unref()
      net.createServer().listen(0)
      const closed = net.createServer().listen(0, () => closed.close())
      setTimeout(() => {}, 100)
      require('node:child_process').exec('sleep 0.1')
      fs.readFile(__filename, () => fs.promises.readFile(__filename))`,
      { args: ['--allow', 'timers,sockets'] },
    )
    expect((await loaded).cold).toBeUndefined()
    expect(await scene.start({ entry: './idle.cjs' })).toBeGreaterThan(1)
  })

  it('something at the fork: the start fails until a hook closes it', async () => {
    const { scene, loaded } = loadApp(`const hooks = globalThis[Symbol.for('holdfast.fork')]
      const net = require('node:net')
      let server = null, calls = 0
      hooks.before.push(() => new Promise((done) => {
        if (calls++ === 0) server = net.createServer().listen(0, done)
        else server.close(done)
      }))`)
    await loaded
    const { failed } = await scene.order({ entry: './idle.cjs' })
    expect(failed?.error).toMatch(/must not be forked.*socket/)
    expect(failed?.unsound).toBeUndefined()
    expect(await scene.start({ entry: './idle.cjs' })).toBeGreaterThan(1)
  })
})

describe('a forkserver for Node says that workers have to start cold', () => {
  it.each<[string, Partial<ForkSceneOptions>, RegExp]>([
    ['its self-test fails', { env: { HOLDFAST_FORK_SELF_TEST: 'fail' } }, /the self-test failed: process \d+ died/],
    [
      'something had started a thread before',
      { env: { NODE_OPTIONS: '--require ./thread.cjs' } },
      /(there are threads that Node has not started|the stack of thread|thread \d+ does not wait).*\(a loader with a thread/,
    ],
  ])('where %s', async (_, options, expected) => {
    const { scene, loaded } = loadApp('', options)
    expect((await loaded).cold).toMatch(expected)
    expect((await scene.order({ entry: './idle.cjs' })).failed?.error).toMatch(expected)
  })
})

const asRoot = testWhere(isRoot, 'to run the forkserver as a user of its own one has to be root')
asRoot.each([
  ['for no process at all', 0],
  ['for the process between alone', 1],
])('where the system has room %s the fork fails, and says so; later it works', async (_, room) => {
  const user = 64_321 + room
  const as = ['/usr/bin/setpriv', `--reuid=${user}`, '--inh-caps=+dac_override', '--ambient-caps=+dac_override', '--']
  const { scene, loaded } = loadApp('', { command: [...as, ...USUAL_COMMAND] })
  await loaded
  const threads = readdirSync(`/proc/${scene.pid}/task`).length
  // Asked by the user itself: root may do so only where it may do everything.
  const limitTo = (processes: number): void => {
    const prlimit = ['prlimit', '--pid', String(scene.pid), `--nproc=${processes}:`]
    execFileSync('setpriv', [`--reuid=${user}`, '--', ...prlimit])
  }
  limitTo(threads + room)
  const { failed } = await scene.order({ entry: './idle.cjs' })
  expect(failed?.error).toMatch(/^fork: .*\(EAGAIN\)$/)
  expect(failed?.unsound).toBeUndefined()
  limitTo(1000)
  expect(await scene.start({ entry: './idle.cjs' })).toBeGreaterThan(1)
})

it('a forkserver whose application keeps V8 and its threads at work forks in the pauses, and no child is unsound', async () => {
  // Full collections, whose marking and sweeping goes on in threads, and functions that are compiled there.
  const { scene, loaded } = loadApp(
    `const kept = Array.from({ length: 200_000 }, (_, index) => ({ index, text: 'object ' + index }))
    let round = 0
    setInterval(() => {
      for (let count = 0; count < 20_000; count++) kept[(round++ * 7919) % kept.length] = { round, text: 'new ' + round }
      new Function('kept', 'let sum = ' + round + '; for (const { text } of kept.slice(0, 9000)) sum += text.length; return sum')(kept)
    }, 1)`,
    { args: ['--allow', 'timers'] },
  )
  await loaded
  const workers = []
  for (let round = 0; round < 10; round++) {
    workers.push(...(await Promise.all(Array.from({ length: 4 }, () => scene.start({ entry: './idle.cjs' })))))
    for (const pid of workers.splice(0)) process.kill(pid, 'SIGKILL')
  }
})

it('a forkserver ends when it is told to, and its workers as the application says', async () => {
  const { scene, loaded } = loadApp('process.on("SIGTERM", () => setTimeout(() => process.exit(17), 50))')
  await loaded
  const pid = await scene.start({ entry: './idle.cjs' })
  process.kill(scene.pid, 'SIGTERM')
  expect(await scene.exitOf(scene.pid)).toMatchObject({ code: 0 })
  process.kill(pid, 'SIGTERM')
  expect(await scene.exitOf(pid)).toMatchObject({ code: 17 })
})

it('a signal that the forkserver has caught and not handled yet does not keep a worker from its end', async () => {
  const { scene, loaded } = loadApp(`process.on('SIGWINCH', () => {})
    const hooks = globalThis[Symbol.for('holdfast.fork')]
    hooks.before.push(() => void setImmediate(() => process.kill(process.pid, 'SIGWINCH')))`)
  await loaded
  scene.write('entry.cjs', 'process.removeAllListeners("SIGWINCH")')
  expect(await scene.run({ entry: './entry.cjs' })).toMatchObject({ code: 0 })
})

describe('a fork that fails', () => {
  it('is unsound where the worker dies before it is one', async () => {
    const { scene, loaded } = loadApp('process.chdir = () => process.abort()')
    await loaded
    const { failed } = await scene.order({ entry: './idle.cjs', cwd: '/' })
    expect(failed).toMatchObject({ unsound: true, error: expect.stringMatching(/process \d+ died/) })
    expect(await scene.start({ entry: './idle.cjs' })).toBeGreaterThan(1)
  })

  it('is unsound, and the worker is killed, where it does not come to be one in time', async () => {
    const { scene, loaded } = loadApp('process.chdir = () => { for (;;) {} }', { args: ['--fork-timeout', '400'] })
    await loaded
    const { failed } = await scene.order({ entry: './idle.cjs', cwd: '/' })
    expect(failed).toMatchObject({ unsound: true, error: expect.stringMatching(/process \d+ was not ready 400 ms/) })
    const pid = Number(/process (\d+)/.exec(failed?.error ?? '')?.[1])
    expect(await scene.exitOf(pid)).toMatchObject({ signal: 'SIGKILL' })
  })

  it('leaves nobody behind where the forkserver dies meanwhile', async () => {
    const { scene, loaded } = loadApp(`const forkserver = process.pid
      process.chdir = () => {
        require('node:fs').writeFileSync('born', require('node:fs').readlinkSync('/proc/self'))
        process.kill(forkserver, 'SIGKILL')
      }`)
    await loaded
    const order = { id: 'web/0', token: 'x', entry: './idle.cjs', cwd: '/' }
    scene.say(`${JSON.stringify({ start: order })}\n`)
    const pid = Number(await waitFor(() => scene.text('born')))
    expect(await scene.exitOf(pid)).toMatchObject({ code: 1 })
  })
})
