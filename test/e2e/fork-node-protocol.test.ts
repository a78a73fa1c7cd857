// What a forkserver for Node hears and says, whole, in pieces, or not at all.
import { describe, expect, it } from 'vitest'
import { ForkScene } from './harness/fork-scene.ts'
import { waitFor } from './harness/wait-for.ts'

const IDLE = 'setInterval(() => {}, 1000)\n'

async function openScene(files: Record<string, string> = {}, args: readonly string[] = []): Promise<ForkScene> {
  const scene = new ForkScene({ 'app.cjs': '', 'idle.cjs': IDLE, ...files })
  await scene.load({ args: ['--preload', './app.cjs', ...args] })
  return scene
}

const order = (token: string, more = {}) =>
  `${JSON.stringify({ start: { id: `web/${token}`, token, entry: './idle.cjs', ...more } })}\n`
const isAlive = (pid: number): boolean => {
  try {
    return process.kill(pid, 0)
  } catch {
    return false
  }
}

describe('a forkserver for Node', () => {
  it('reads lines that come in pieces, several at once, and one of a megabyte', async () => {
    const scene = await openScene()
    const [first, last] = [order('a'), order('c')]
    scene.say(first.slice(0, 20))
    scene.say(first.slice(20) + order('b', { env: { LONG: 'x'.repeat(1_000_000) } }) + last.slice(0, -10))
    scene.say(last.slice(-10))
    for (const token of ['a', 'b', 'c']) expect((await scene.answerTo(token)).started?.pid).toBeGreaterThan(1)
  })

  it('answers what it does not know, and goes on', async () => {
    const scene = await openScene()
    scene.say('{"unknown":{}}\nno JSON\n\n{"start":{}}\n[]\n')
    expect(await scene.start({ entry: './idle.cjs' })).toBeGreaterThan(1)
    const errors = scene.answers.flatMap(({ error }) => error ?? [])
    expect(errors).toHaveLength(4)
    expect(errors.join()).toMatch(/unknown.*no JSON.*id and a token/)
  })

  it('takes many orders at a time, and answers each once', async () => {
    const scene = await openScene()
    const tokens = Array.from({ length: 12 }, (_, index) => `t${index}`)
    scene.say(tokens.map((token) => order(token)).join(''))
    const pids = await Promise.all(tokens.map(async (token) => (await scene.answerTo(token)).started?.pid))
    expect(new Set(pids).size).toBe(tokens.length)
    expect(scene.answers).toHaveLength(tokens.length + 1)
  })

  it.each([
    ['is told to quit', (scene: ForkScene) => scene.say('{"quit":{}}\n'), { code: 0, signal: null }],
    ['nobody can give orders any more', (scene: ForkScene) => scene.hangUp(), { code: 0, signal: null }],
    ['is terminated', (scene: ForkScene) => process.kill(scene.pid, 'SIGTERM'), { code: null, signal: 'SIGTERM' }],
  ])('leaves its workers alive when it ends because it %s', async (_, end, expected) => {
    const scene = await openScene()
    const pid = await scene.start({ entry: './idle.cjs' })
    end(scene)
    expect(await scene.exitOf(scene.pid)).toMatchObject(expected)
    expect(isAlive(pid)).toBe(true)
  })

  it('obeys orders that came while it loaded', async () => {
    const scene = new ForkScene({
      'slow.mjs': 'await new Promise((resolve) => setTimeout(resolve, 300))',
      'idle.cjs': IDLE,
    })
    scene.open({ args: ['--preload', './slow.mjs'] })
    await scene.opened()
    expect(await scene.start({ entry: './idle.cjs' })).toBeGreaterThan(1)
    expect(scene.answers.findIndex(({ loaded }) => loaded)).toBe(0)
  })

  it.each([
    ['./missing.cjs', {}, /preload \.\/missing\.cjs: Cannot find module/],
    ['missing-package', {}, /preload missing-package: Cannot find package/],
    ['./broken.mjs', { 'broken.mjs': 'export const = 1' }, /preload \.\/broken\.mjs: Unexpected token/],
    ['./throws.cjs', { 'throws.cjs': 'throw new Error("no database")' }, /preload \.\/throws\.cjs: no database/],
  ])('says why it can not load %s, and exits with 1', async (name, files, expected) => {
    const scene = new ForkScene(files)
    scene.open({ args: ['--preload', name] })
    expect((await waitFor(() => scene.answers[0]))?.error).toMatch(expected)
    expect(await scene.exitOf(scene.pid)).toMatchObject({ code: 1 })
    expect(scene.stderr).toMatch(/\n +at /)
  })

  it('shows where an ES module that it imports is broken, as Node does', async () => {
    const scene = new ForkScene({
      'app.mjs': 'import "./deep.mjs"',
      'deep.mjs': 'export const a = 1\nexport const b = = 1\n',
    })
    scene.open({ args: ['--preload', './app.mjs'] })
    expect((await waitFor(() => scene.answers[0]))?.error).toContain('Unexpected token')
    expect(await scene.exitOf(scene.pid)).toMatchObject({ code: 1 })
    expect(scene.stderr).toMatch(/deep\.mjs:2\nexport const b = = 1\n +\^/)
  })

  it('loads packages of the working directory, for import and for require', async () => {
    const scene = new ForkScene({
      'entry.mjs': 'import one from "one"; import { two } from "two"; process.exitCode = one + two',
    })
    scene.write('node_modules/one/index.js', 'module.exports = 1')
    scene.write('node_modules/two/package.json', '{"exports":{"import":"./two.mjs"}}')
    scene.write('node_modules/two/two.mjs', 'export const two = 2')
    await scene.load({ args: ['--preload', 'one', '--preload', 'two'] })
    expect(await scene.run({ entry: './entry.mjs' })).toMatchObject({ code: 3 })
  })

  it.each([
    ['a named export', './calls.mjs#serve', 21],
    ['the default export', './calls.mjs#default', 22],
    ['the default export of the last preload', null, 23],
  ])('runs a function: %s', async (_, entry, code) => {
    const scene = new ForkScene({
      'calls.mjs':
        'export const serve = async () => { process.exitCode = 21 }\nexport default () => { process.exitCode = 22 }',
      'app.cjs': 'module.exports = () => { process.exitCode = 23 }',
    })
    await scene.load({ args: ['--preload', './app.cjs'] })
    expect(await scene.run(entry === null ? {} : { entry })).toMatchObject({ code })
  })

  it('ends a worker whose entry is not there with 1, and says why', async () => {
    const scene = await openScene()
    expect(await scene.run({ entry: './nothing.cjs', stderr: scene.path('err') })).toMatchObject({ code: 1 })
    expect(scene.text('err')).toMatch(/Cannot find module.*nothing\.cjs/)
  })

  it('calls hooks before and after each fork, in order', async () => {
    const scene = await openScene({
      'app.cjs': `const hooks = globalThis[Symbol.for('holdfast.fork')] ??= { before: [], after: [], adopt: [] }
        globalThis.trace = []
        const note = (what) => async () => { await new Promise((resolve) => setTimeout(resolve, 2)); trace.push(what + (process.pid === app ? '' : '*')) }
        const app = process.pid
        hooks.before.push(note('b1'), note('b2')); hooks.adopt.push(note('adopt')); hooks.after.push(note('a1'), note('a2'))`,
      'entry.cjs': 'require("node:fs").writeFileSync("trace", trace.join())',
    })
    await scene.run({ entry: './entry.cjs' })
    expect(scene.text('trace')).toBe('b2,b1,adopt*,a1*,a2*')
  })

  it('refuses the start where a hook before the fork throws, and ends the worker where one after it does', async () => {
    const scene = await openScene({
      'app.cjs': `const hooks = globalThis[Symbol.for('holdfast.fork')] ??= { before: [], after: [], adopt: [] }
        let calls = 0
        hooks.before.push(() => { if (calls++ === 0) throw new Error('not now') })
        hooks.after.push(() => { throw new Error('no connection') })`,
    })
    expect((await scene.order({ entry: './idle.cjs' })).failed).toMatchObject({
      error: 'a hook before the fork: not now',
    })
    expect(scene.stderr).toMatch(/Error: not now\n +at .*app\.cjs:3/)
    expect(await scene.run({ entry: './idle.cjs', stderr: scene.path('err') })).toMatchObject({ code: 1 })
    expect(scene.text('err')).toContain('no connection')
  })
})
