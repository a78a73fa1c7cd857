// What a forkserver of a server loads, and what it hands on to the workers. The fork itself is played here, by a program that goes on in the
// same process with the environment of a worker.
import { spawn, spawnSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join, resolve } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'

const ROOT = resolve(import.meta.dirname, '../..')
const LOADER = join(ROOT, 'dist/fork-worker.js')

const OF_THE_SERVER = { HOLDFAST: '1', HOLDFAST_SERVER: 'shop', HOLDFAST_SERVER_PID: '7', HOLDFAST_TIER: 'worker' }
const OF_A_WORKER = {
  ...OF_THE_SERVER,
  HOLDFAST_SERVICE: 'shop',
  HOLDFAST_SLOT: '3',
  HOLDFAST_CONFIG: '{"greeting":"now"}',
}

const PLAYER = `
  const meeting = (globalThis[Symbol.for('holdfast.fork')] ??= { before: [], after: [], adopt: [] })
  const { default: work } = await import(${JSON.stringify(LOADER)})
  if (process.env.HOLDFAST_FORKSERVER) {
    const left = Object.keys(process.env).filter((name) => /^HOLDFAST_(?!FORK)/.test(name))
    // console.log holds two of them, where it is a pipe.
    const open = process.getActiveResourcesInfo().filter((name) => !/Req|^PipeWrap$/.test(name))
    console.log('loaded', open.join(), left.join())
    for (const hook of meeting.before.toReversed()) await hook({ id: 'shop/3' })
    for (const name of Object.keys(process.env)) if (name.startsWith('HOLDFAST')) delete process.env[name]
    Object.assign(process.env, ${JSON.stringify(OF_A_WORKER)})
    for (const hook of meeting.adopt) hook()
  }
  void work()
`

/** The worker, as a text that is the same in every program. */
const WORKER = `{
  initialize(ctx) {
    let slot
    try { slot = ctx.workerId } catch (error) { slot = error.code }
    console.log('initialize', slot, ctx.config.greeting, ctx.server.name)
    this.ctx = ctx
  },
  beforeFork: (start) => console.log('beforeFork', JSON.stringify(start)),
  run(ctx) {
    console.log('run', ctx.workerId, ctx.config.greeting, ctx.server.pid, this?.ctx === ctx)
  },
}`

const FORKED = [
  'initialize HF_BEFORE_FORK then shop',
  'loaded  ',
  'beforeFork {"workerId":3,"pid":null}',
  'run 3 now 7 true',
  'run has returned, and nothing is left to do: this worker ends',
]

interface Loaded {
  readonly code: number | null
  readonly out: string[]
  readonly err: string
}

function load(files: Readonly<Record<string, string>>, { cold = false, module = false, args = ['now'] } = {}): Loaded {
  const directory = mkdtempSync(join(tmpdir(), 'holdfast-loading-'))
  onTestFinished(() => rmSync(directory, { recursive: true, force: true }))
  mkdirSync(join(directory, 'node_modules'))
  symlinkSync(ROOT, join(directory, 'node_modules/holdfast'))
  for (const [name, text] of Object.entries({ ...files, 'player.mjs': PLAYER })) {
    mkdirSync(dirname(join(directory, name)), { recursive: true })
    writeFileSync(join(directory, name), text)
  }
  const file = join(directory, Object.keys(files)[0] ?? '')
  const program = module ? { is: 'module', module: file } : { is: 'program', file, args }
  const forkserver = {
    ...OF_THE_SERVER,
    HOLDFAST_TIER: 'forkserver',
    HOLDFAST_CONFIG: '{"greeting":"then"}',
    HOLDFAST_FORKSERVER: 'shop',
    HOLDFAST_FORK_COMMANDS: '3',
  }
  const env = {
    PATH: process.env.PATH,
    ...(cold ? OF_A_WORKER : forkserver),
    HOLDFAST_FORK_PROGRAM: JSON.stringify(program),
  }
  const { status, stdout, stderr } = spawnSync(process.execPath, [join(directory, 'player.mjs')], {
    env,
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'pipe', 'pipe'],
    timeout: 20_000,
  })
  return { code: status, out: stdout.trimEnd().split('\n'), err: stderr }
}

const IMPORT = "import { defineServer } from 'holdfast'\n"
const DEFINE = `defineServer({ name: 'shop', worker: ${WORKER} })`

test('a program that waits for run() is an ES module: what follows is not reached, also in the worker', () => {
  const { code, out } = load({ 'shop.mjs': `${IMPORT}await ${DEFINE}.run()\nconsole.log('never')` })
  expect(out).toEqual(FORKED)
  expect(code).toBe(0)
})

test('one that does not wait, or calls it later', () => {
  expect(load({ 'shop.mjs': `${IMPORT}void ${DEFINE}.run()` }).out).toEqual(FORKED)
  expect(load({ 'shop.mjs': `${IMPORT}setTimeout(() => ${DEFINE}.run(), 50)` }).out).toEqual(FORKED)
})

test('CommonJS, which asks whether it is the main module; process.argv is that of the program', () => {
  const program = `
    const { defineServer } = require('holdfast')
    console.log('argv', require('node:path').basename(process.argv[1]), process.argv.slice(2).join())
    if (require.main === module) ${DEFINE}.run()
  `
  expect(load({ 'shop.cjs': program }).out).toEqual(['argv shop.cjs now', ...FORKED])
  expect(load({ 'sub/shop.js': program, 'sub/package.json': '{}' }).out).toEqual(['argv shop.js now', ...FORKED])
})

test('an ES module by its package.json', () => {
  const files = { 'sub/shop.js': `${IMPORT}await ${DEFINE}.run()`, 'package.json': '{ "type": "module" }' }
  expect(load(files).out).toEqual(FORKED)
})

test('a server of several; one that is opened as a guest', () => {
  const two = `${IMPORT}for (const one of [defineServer({ name: 'other', worker: { run() {} } }), ${DEFINE}]) await one.command('start')`
  expect(load({ 'shop.mjs': two }).out).toEqual(FORKED)
  expect(load({ 'shop.mjs': `${IMPORT}await ${DEFINE}.open()` }).out).toEqual(FORKED)
})

test('a worker that is a module', () => {
  const { code, out } = load({ 'worker.mjs': `export default ${WORKER}` }, { module: true })
  expect(out).toEqual(FORKED)
  expect(code).toBe(0)
})

test('a cold start: everything in one process', () => {
  const cold = ['initialize 3 now shop', 'run 3 now 7 true', FORKED.at(-1)]
  expect(load({ 'shop.mjs': `${IMPORT}await ${DEFINE}.run()` }, { cold: true }).out).toEqual(cold)
  expect(load({ 'worker.mjs': `export default ${WORKER}` }, { cold: true, module: true }).out).toEqual(cold)
})

test('what the program, the module or initialize throws ends it', () => {
  for (const [files, problem, module] of [
    [{ 'shop.mjs': "throw new Error('not today')" }, 'Error: not today', false],
    [{ 'shop.cjs': "throw new Error('not today')" }, 'Error: not today', false],
    [{ 'worker.mjs': 'export default {}' }, 'has no worker: its default export must be an object', true],
    [{ 'worker.mjs': `export default { run() {}, initialize() { throw new Error('no file') } }` }, 'no file', true],
  ] as const) {
    const { code, err } = load(files, { module })
    expect(err).toContain(problem)
    expect(code).toBe(1)
  }
})

test('a program that shows no worker is told what is waited for', async () => {
  const directory = mkdtempSync(join(tmpdir(), 'holdfast-loading-'))
  onTestFinished(() => rmSync(directory, { recursive: true, force: true }))
  writeFileSync(join(directory, 'shop.mjs'), 'if (import.meta.main) console.log("not reached before Node 24")')
  const program = { is: 'program', file: join(directory, 'shop.mjs'), args: [] }
  const env = {
    ...OF_THE_SERVER,
    HOLDFAST_TIER: 'forkserver',
    HOLDFAST_FORK_PROGRAM: JSON.stringify(program),
  }
  const child = spawn(process.execPath, [LOADER], { env, stdio: ['ignore', 'ignore', 'pipe'] })
  onTestFinished(() => void child.kill('SIGKILL'))
  let said = ''
  await new Promise<void>((resolve) => {
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      said += text
      if (said.includes('\n')) resolve()
    })
  })
  expect(said).toContain(`waits for run(), command() or open() of server "shop"`)
})
