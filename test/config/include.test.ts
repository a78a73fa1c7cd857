import { symlinkSync } from 'node:fs'
import { join, relative } from 'node:path'
import { describe, expect, test } from 'vitest'
import { matchFiles } from '../../src/config/include-glob.ts'
import { loadConfig } from '../../src/config/load.ts'
import { costOf } from '../cost-of.ts'
import { brief, filesIn, load, loadProblems, loadSpec } from './temporary-config.ts'

const a = 'services: { a: { command: x } }\n'

describe('included files', () => {
  test('services and sockets of all come together; paths are those of the main file', async () => {
    const spec = await loadSpec({
      'holdfast.yaml':
        'include: [conf.d/*.yaml, extra.json]\nsockets: { http: "tcp://:0" }\nservices: { main: { command: x, dependsOn: { web: ready } } }\n',
      'conf.d/web.yaml':
        'include: more/*.yml\nservices: { web: { command: ./web, sockets: [http, admin], cwd: app } }\n',
      'conf.d/more/job.yml': 'services: { job: { command: x } }\n',
      'conf.d/ignored.txt': 'not yaml: [',
      'extra.json': '{ "sockets": { "admin": "unix:admin.sock" } }',
    })
    expect(Object.keys(spec.services)).toEqual(['main', 'web', 'job'])
    expect(spec.services.web).toMatchObject({ command: ['./web'], cwd: join(spec.directory, 'app') })
    expect(spec.services.job?.cwd).toBe(spec.directory)
    expect(spec.sockets.admin?.listen).toEqual({ family: 'unix', path: join(spec.directory, 'admin.sock') })
  })

  test('defaults of a file hold for its services and for what it includes', async () => {
    const { services } = await loadSpec({
      'holdfast.yaml': 'include: b.yaml\ndefaults: { env: { A: main, B: main } }\nservices: { main: { command: x } }\n',
      'b.yaml': 'include: c.yaml\ndefaults: { env: { B: b, C: b } }\nservices: { b: { command: x } }\n',
      'c.yaml': 'defaults: { env: { C: c } }\nservices: { c: { command: x } }\n',
    })
    expect(services.main?.env).toEqual({ A: 'main', B: 'main' })
    expect(services.b?.env).toEqual({ A: 'main', B: 'b', C: 'b' })
    expect(services.c?.env).toEqual({ A: 'main', B: 'b', C: 'c' })
  })

  test('problems are told in the file they are in, files in order', async () => {
    const problems = await loadProblems({
      'holdfast.yaml': 'include: [b.yaml, a.yaml]\nservices: { main: { comand: x, command: y } }\n',
      'a.yaml': 'services:\n  a: { command: x, instances: a }\n',
      'b.yaml': 'defaults: { nice: 99 }\nservices: { b: { command: x, sockets: [http] } }\n',
    })
    expect(problems.map((problem) => `${problem.file.replace(/.*\//, '')} ${brief(problem)}`)).toEqual([
      'holdfast.yaml 2:21 services.main.comand HF_CONFIG_UNKNOWN_KEY',
      'b.yaml 1:19 defaults.nice HF_CONFIG_VALUE',
      'b.yaml 2:40 services.b.sockets[0] HF_CONFIG_REFERENCE',
      'a.yaml 2:31 services.a.instances HF_CONFIG_TYPE',
    ])
  })

  test('the same name in two files names both places', async () => {
    const problems = await loadProblems({
      'holdfast.yaml': 'include: b.yaml\nsockets: { http: "tcp://:0" }\nservices:\n  web: { command: x }\n',
      'b.yaml': 'sockets: { http: "tcp://:1" }\nservices: { web: { command: y } }\n',
    })
    expect(problems.map(brief)).toEqual([
      '1:12 sockets.http HF_CONFIG_DUPLICATE',
      '2:13 services.web HF_CONFIG_DUPLICATE',
    ])
    expect(problems[0]?.file).toMatch(/b\.yaml$/)
    expect(problems[1]?.message).toMatch(
      /service "web" stands here a second time; the first is at .*holdfast\.yaml:4:3$/,
    )
  })

  test('what is included twice is read once', async () => {
    const files = { 'holdfast.yaml': 'include: [a.yaml, "*.yaml", ./a.yaml]', 'a.yaml': a }
    expect(Object.keys((await loadSpec(files)).services)).toEqual(['a'])
  })

  test('a circle is shown; a glob does not mean the file it stands in', async () => {
    const problems = await loadProblems({
      'holdfast.yaml': 'include: b.yaml',
      'b.yaml': 'include: [c.yaml]',
      'c.yaml': `include: holdfast.yaml\n${a}`,
    })
    expect(problems.map(brief)).toEqual(['1:10 include HF_CONFIG_CYCLE'])
    expect(problems[0]).toMatchObject({
      message: 'files include each other in a circle: holdfast.yaml → b.yaml → c.yaml → holdfast.yaml',
      file: expect.stringMatching(/c\.yaml$/),
    })
    expect((await loadProblems('include: holdfast.yaml'))[0]?.message).toContain('holdfast.yaml → holdfast.yaml')
  })

  test('a file that is missing, broken, or says what only the main file may', async () => {
    expect((await loadProblems('include: [x.yaml]')).map(brief)).toEqual(['1:11 include[0] HF_CONFIG_INCLUDE'])
    const broken = await loadProblems({ 'holdfast.yaml': 'include: b.yaml', 'b.yaml': 'services: [' })
    expect(broken.map(({ file, code }) => [file.replace(/.*\//, ''), code])).toEqual([['b.yaml', 'HF_CONFIG_SYNTAX']])
    const misplaced = await loadProblems({ 'holdfast.yaml': 'include: b.yaml', 'b.yaml': 'logDir: x\nx-mine: 1\n' })
    expect(misplaced.map(brief)).toEqual(['1:1 logDir HF_CONFIG_CONFLICT'])
  })

  test('a pattern without matches is a warning, in an empty conf.d as anywhere', async () => {
    const result = await load(`include: conf.d/*.yaml\n${a}`)
    expect(result).toMatchObject({
      ok: true,
      warnings: [{ line: 1, column: 10, message: '"conf.d/*.yaml" matches no file' }],
    })
  })
})

describe('globs', () => {
  const directory = () =>
    filesIn({
      'a.yaml': '',
      'b.yml': '',
      '.hidden.yaml': '',
      'd/a.yaml': '',
      'd/e/b.yaml': '',
      '.git/c.yaml': '',
      'node_modules/x/c.yaml': '',
    })

  test.each([
    ['*.yaml', ['a.yaml']],
    ['*.{yaml,yml}', ['a.yaml', 'b.yml']],
    ['*/*.yaml', ['d/a.yaml']],
    ['**/*.yaml', ['a.yaml', 'd/a.yaml', 'd/e/b.yaml']],
    ['d/**/b.yaml', ['d/e/b.yaml']],
    ['[ab].*', ['a.yaml', 'b.yml']],
    ['.hidden.yaml', ['.hidden.yaml']],
    ['no/such/*.yaml', []],
    ['d/{a,e/b}.yaml', ['d/a.yaml', 'd/e/b.yaml']],
  ])('%s', async (pattern, names) => {
    const root = directory()
    expect(await matchFiles(pattern, root)).toMatchObject({ ok: true, files: names.map((name) => join(root, name)) })
  })

  test('links to directories are not followed, so nothing goes round', async () => {
    const root = directory()
    symlinkSync(root, join(root, 'd/loop'))
    expect(await matchFiles('**/*.yaml', root)).toMatchObject({ ok: true, files: { length: 3 } })
  })

  test('a pattern that does not say how names end means YAML and JSON: no module is run, no README read', async () => {
    const root = filesIn({
      'a.yaml': '',
      'b.yml': '',
      'c.json': '',
      'run.js': '',
      'sub/d.yaml': '',
      'sub/web.yaml~': '',
      'sub/x.conf': '',
      README: '',
    })
    const found = async (pattern: string) => {
      const matches = await matchFiles(pattern, root)
      return matches.ok ? matches.files.map((file) => relative(root, file)) : matches.problem
    }
    expect(await found('*')).toEqual(['a.yaml', 'b.yml', 'c.json'])
    expect(await found('**')).toEqual(['a.yaml', 'b.yml', 'c.json', 'sub/d.yaml'])
    expect(await found('sub/*')).toEqual(['sub/d.yaml'])
    expect(await found('*.js')).toEqual(['run.js'])
    expect(await found('sub/*.conf')).toEqual(['sub/x.conf'])
  })

  test('a pattern over a huge tree is given up, and nothing it found is read', async () => {
    const root = filesIn({ 'holdfast.yaml': `include: /proc/**/*.yaml\n${a}` })
    const result = await loadConfig(join(root, 'holdfast.yaml'), {})
    expect(result).toMatchObject({ ok: false, problems: [{ code: 'HF_CONFIG_INCLUDE', line: 1, column: 10 }] })
  })

  // It read everything below /: minutes of a full core, and every JavaScript file on the way was run.
  test.each(['/**', '/**/*', '/{proc,sys}/**'])('everything (%s) is one error, soon', async (pattern) => {
    const { value: problems, millis } = await costOf(() => loadProblems(`include: '${pattern}'\n${a}`))
    expect(problems.map(({ message }) => message)).toEqual([
      `"${pattern}" looks through too many files: more than 20000`,
    ])
    expect(millis).toBeLessThan(5000)
  })

  test('a pattern that would take for ever to match, or is none, is refused', async () => {
    const files = { 'holdfast.yaml': `include: ['${'*a'.repeat(9)}b']\n${a}`, ['a'.repeat(200)]: '' }
    expect((await loadProblems(files))[0]?.message).toContain('too many wildcards')
    expect((await loadProblems(`include: ['${'*a'.repeat(40_000)}']\n${a}`))[0]?.message).toBe(
      'the pattern has 80000 characters',
    )
  })
})

describe('what all files may cost together', () => {
  test('a thousand files and no more', async () => {
    const many = Object.fromEntries(Array.from({ length: 1200 }, (_, index) => [`many/${index}.yaml`, '{}']))
    const problems = await loadProblems({ 'holdfast.yaml': `include: [many/*.yaml, many/1.yaml]\n${a}`, ...many })
    expect(problems.map(({ line, column, message }) => [line, column, message])).toEqual([
      [1, 11, 'the config consists of more than 1000 files'],
    ])
  })

  test('modules share their time', async () => {
    const slow = 'await new Promise((resolve) => setTimeout(resolve, 700))\nexport default {}\n'
    const files = { 'holdfast.yaml': `include: ['*.mjs']\n${a}`, 'a.mjs': slow, 'b.mjs': slow, 'c.mjs': slow }
    const problems = await loadProblems(files, { moduleTimeout: 1200 })
    expect(problems.map(({ message }) => message)).toEqual([
      'b.mjs: not done within 1200ms, which all modules of the config have together',
      'c.mjs: not done within 1200ms, which all modules of the config have together',
    ])
  })
})
