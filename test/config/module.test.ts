import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { loadConfig } from '../../src/config/load.ts'
import { brief, filesIn, load, loadProblems, loadSpec } from './temporary-config.ts'

const environment = { PATH: process.env.PATH ?? '' }
const module = (content: string, as = 'holdfast.mjs') => ({ content, options: { as, environment } })
const problem = async (content: string, options = {}) => {
  const problems = await loadProblems(content, { as: 'holdfast.mjs', environment, ...options })
  expect(problems).toHaveLength(1)
  return problems[0]
}

describe('a config that is a module', () => {
  test('an object, relative imports, variables, and what it prints does no harm', async () => {
    const { services, name } = await loadSpec(
      {
        'holdfast.mjs': `
          import { command } from './common.mjs'
          console.log('{"ok":false}')
          console.error('noise')
          process.stdout.write('x'.repeat(300_000))
          export default { name: 'shop', services: { web: { command, instances: 2, env: { A: process.env.A, B: '\${A}' } } } }`,
        'common.mjs': "export const command = ['node', 'a.js']",
      },
      { as: 'holdfast.mjs', environment: { ...environment, A: '1' } },
    )
    expect(name).toBe('shop')
    expect(services.web).toMatchObject({ command: ['node', 'a.js'], instances: 2, env: { A: '1', B: '1' } })
  })

  test.each([
    ['a function', 'export default () => ({ services: { a: { command: "x" } } })', 'holdfast.mjs'],
    [
      'an async function',
      'export default async () => { await null; return { services: { a: { command: "x" } } } }',
      'holdfast.mjs',
    ],
    ['a promise', 'export default Promise.resolve({ services: { a: { command: "x" } } })', 'holdfast.mjs'],
    ['CommonJS', 'module.exports = { services: { a: { command: "x" } } }', 'holdfast.js'],
    ['CommonJS by name', 'exports = module.exports = () => ({ services: { a: { command: "x" } } })', 'holdfast.cjs'],
    [
      'with a timer that never ends',
      'setInterval(() => {}, 1000); export default { services: { a: { command: "x" } } }',
      'holdfast.mjs',
    ],
  ])('%s', async (_what, text, as) => {
    const { content, options } = module(text, as)
    expect(Object.keys((await loadSpec(content, options)).services)).toEqual(['a'])
  })

  test('a large config arrives whole', async () => {
    const { services } = await loadSpec(
      'export default { services: Object.fromEntries(Array.from({ length: 2000 }, (_, i) => ["s" + i, { command: "x".repeat(500) }])) }',
      { as: 'holdfast.mjs', environment },
    )
    expect(Object.keys(services)).toHaveLength(2000)
  })

  test('what is wrong in it is told by the path of the key', async () => {
    const problems = await loadProblems('export default { services: { web: { comand: "x" } } }', {
      as: 'holdfast.mjs',
      environment,
    })
    expect(problems.map(brief)).toEqual(['1:1 services.web.comand HF_CONFIG_UNKNOWN_KEY'])
    expect(problems[0]).toMatchObject({ excerpt: '', caret: '' })
  })
})

describe('a module that fails', () => {
  test('it throws: the line is shown', async () => {
    const thrown = await problem("const a = 1\nthrow new TypeError('no database')\nexport default {}\n")
    expect(thrown).toMatchObject({
      line: 2,
      column: 7,
      code: 'HF_CONFIG_MODULE',
      message: 'TypeError: no database',
      excerpt: "throw new TypeError('no database')",
    })
  })

  test('its function throws, or rejects later', async () => {
    expect(await problem("export default () => {\n  throw new Error('no')\n}\n")).toMatchObject({
      line: 2,
      message: 'no',
    })
    expect(await problem("export default async () => { await null; throw 'text' }")).toMatchObject({
      line: 1,
      message: 'text',
    })
    expect(
      await problem("setTimeout(() => { throw new Error('late') }, 1)\nexport default new Promise(() => {})"),
    ).toMatchObject({ line: 1, message: 'late' })
  })

  test('its syntax is wrong', async () => {
    expect(await problem('export default {\n  a: ,\n}\n')).toMatchObject({
      line: 2,
      message: expect.stringContaining('SyntaxError'),
    })
  })

  test('it is missing, or imports what is not there', async () => {
    expect(await problem("import 'no-such-package'\nexport default {}")).toMatchObject({
      message: expect.stringContaining('no-such-package'),
    })
    const directory = filesIn({})
    expect(await loadConfig(join(directory, 'holdfast.mjs'), environment)).toMatchObject({
      ok: false,
      problems: [{ code: 'HF_CONFIG_MODULE' }],
    })
  })

  test.each([
    ['no default export', 'export const a = 1', 'no default export'],
    ['nothing', 'export default null', 'the default export is empty'],
    ['a function in it', 'export default { services: { a: { command() {} } } }', '"command" is a function'],
    ['a circle', 'const a = {}; a.a = a; export default a', 'circular'],
    ['a big integer', 'export default { a: 1n }', 'BigInt'],
    ['a list', 'export default []', 'found a list'],
  ])('%s', async (_what, text, says) => expect((await problem(text))?.message).toContain(says))

  test('it exits by itself', async () => {
    const ended = await problem("console.error('first', 'second')\nprocess.exit(3)")
    expect(ended).toMatchObject({ message: 'the module ended (exit code 3) without a config', hint: 'first second' })
  })

  test('it writes garbage where the answer goes', async () => {
    expect(
      (await problem("import { writeSync } from 'node:fs'\nwriteSync(3, 'garbage')\nprocess.exit(0)"))?.message,
    ).toContain('without a config')
  })

  test.each([
    ['for ever', 'for (;;);'],
    ['waiting', 'await new Promise(() => setInterval(() => {}, 1000))'],
    [
      'in a program it started',
      "import { execSync } from 'node:child_process'\nexecSync('echo $$ > pid; exec sleep 600')",
    ],
  ])('it hangs: %s', async (_what, text) => {
    const directory = filesIn({ 'holdfast.mjs': `${text}\nexport default {}` })
    const result = await loadConfig(join(directory, 'holdfast.mjs'), environment, { moduleTimeout: 1500 })
    expect(result).toMatchObject({
      ok: false,
      problems: [{ code: 'HF_CONFIG_MODULE', message: 'not done within 1500ms' }],
    })
    const pidFile = join(directory, 'pid')
    if (existsSync(pidFile)) await expectDead(Number(readFileSync(pidFile, 'utf8')))
  })

  test('it answers with more than a config can have', async () => {
    expect((await problem('export default { name: "x".repeat(11 * 1024 * 1024) }'))?.message).toBe(
      'its config has more than 10MB',
    )
  })
})

describe('TypeScript', () => {
  const typed = 'const name: string = "shop"\nexport default { name, services: { a: { command: "x" } } } as const\n'
  const strips = 'typescript' in process.features && Boolean(process.features.typescript)

  test.runIf(strips)('is read by Node itself', async () => {
    expect((await loadSpec(typed, { as: 'holdfast.ts', environment })).name).toBe('shop')
  })

  test.skipIf(strips)('needs a loader on an older Node', async () => {
    const refused = await problem(typed, { as: 'holdfast.ts' })
    expect(refused).toMatchObject({
      code: 'HF_CONFIG_MODULE',
      message: `Node ${process.versions.node} can not read TypeScript`,
      hint: expect.stringContaining('tsx'),
    })
  })

  test.skipIf(strips)('is read with tsx where the config finds it', async () => {
    // Stands in for tsx: the same door (`--import`), types taken away by two replacements.
    const loader = `
      import { register } from 'node:module'
      const hooks = \`
        import { readFileSync } from 'node:fs'
        export async function load(url, context, next) {
          if (!url.endsWith('.ts')) return next(url, context)
          const source = readFileSync(new URL(url), 'utf8').replace(': string', '').replace(' as const', '')
          return { format: 'module', source, shortCircuit: true }
        }\`
      register('data:text/javascript,' + encodeURIComponent(hooks))`
    const files = {
      'conf/holdfast.ts': typed,
      'node_modules/tsx/package.json': '{"name":"tsx","exports":{".":"./loader.mjs"}}',
      'node_modules/tsx/loader.mjs': loader,
    }
    expect((await loadSpec(files, { as: 'conf/holdfast.ts', environment })).name).toBe('shop')
  })
})

test('a module may include text, and text a module', async () => {
  const { services } = await loadSpec(
    {
      'holdfast.mjs': "export default { include: ['a.yaml'] }",
      'a.yaml': 'include: b.mjs\nservices: { a: { command: x } }\n',
      'b.mjs': 'export default { services: { b: { command: "x" } } }',
    },
    { as: 'holdfast.mjs', environment },
  )
  expect(Object.keys(services)).toEqual(['a', 'b'])
  const failed = await load({ 'holdfast.yaml': 'include: b.mjs', 'b.mjs': '\nthrow 1' }, { environment })
  expect(failed).toMatchObject({
    ok: false,
    problems: [{ code: 'HF_CONFIG_INCLUDE', line: 1, column: 10, message: 'b.mjs: 1' }],
  })
})

async function expectDead(pid: number): Promise<void> {
  const deadline = Date.now() + 5000
  while (existsSync(`/proc/${pid}`)) {
    const state = readFileSync(`/proc/${pid}/stat`, 'utf8')
    if (/\) Z/.test(state)) return
    if (Date.now() > deadline) throw new Error(`${pid} is still there`)
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
}
