import { mkdirSync, mkdtempSync, rmSync, symlinkSync, truncateSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { afterAll, describe, expect, test, vi } from 'vitest'
import { stringify } from 'yaml'
import { loadConfig } from '../../src/config/load.ts'
import { makeFifo } from '../../src/os/fifo.ts'
import { costOf } from '../cost-of.ts'
import { brief, filesIn, load, loadProblems, loadSpec, temporaryDirectory } from './temporary-config.ts'

// On a busy machine a thousand services take a while, as often as they are read here.
vi.setConfig({ testTimeout: 30_000 })

describe('JSON', () => {
  test('a thousand services are read without the YAML parser, cheaply', async () => {
    const service = (index: number) => ({
      command: 'sleep 1000',
      tags: ['a'],
      env: { N: String(index) },
      restart: { max: '10s' },
      stop: { timeout: '12s' },
    })
    const services = Object.fromEntries(Array.from({ length: 1000 }, (_, index) => [`s${index}`, service(index)]))
    const directory = filesIn({
      'holdfast.json': JSON.stringify({ services }),
      'holdfast.yaml': stringify({ services }),
    })
    const cheapest = async (name: string, rounds: number) => {
      const times: number[] = []
      for (let round = 0; round < rounds; round++) {
        const { value: result, millis } = await costOf(() => loadConfig(join(directory, name), {}))
        times.push(millis)
        expect(result.ok && Object.keys(result.spec.services)).toHaveLength(1000)
      }
      return Math.min(...times)
    }
    const json = await cheapest('holdfast.json', 8)
    // About 35 ms on a machine with nothing else to do, a quarter of what YAML takes.
    expect(json).toBeLessThan(120)
    expect(json).toBeLessThan((await cheapest('holdfast.yaml', 3)) / 2)
  })

  test('positions in JSON, on lines and in one line', async () => {
    const lines = '{\n\t"services": {\n\t\t"web": { "command": "x", "instances": "many" }\n\t}\n}\n'
    expect((await loadProblems(lines, { as: 'holdfast.json' })).map(brief)).toEqual([
      '3:41 services.web.instances HF_CONFIG_TYPE',
    ])
    const filler = Object.fromEntries(Array.from({ length: 100 }, (_, index) => [`s${index}`, { command: 'x' }]))
    const [problem] = await loadProblems(
      JSON.stringify({ services: { ...filler, web: { comand: 'x', command: 'y' }, z: { command: 'x' } } }),
    )
    expect(problem?.excerpt.length).toBeLessThanOrEqual(122)
    expect(problem?.excerpt.slice(problem.caret.indexOf('^'), problem.caret.lastIndexOf('^') + 1)).toBe('"comand"')
  })

  test('a key twice is an error there too', async () => {
    const problems = await loadProblems('{ "services": { "a": { "command": "x: \\"y\\"", "command": "z" } } }', {
      as: 'holdfast.json',
    })
    expect(problems.map(brief)).toEqual(['1:47 services.a.command HF_CONFIG_DUPLICATE'])
  })

  test('text that only looks like keys is no key', async () => {
    const { services } = await loadSpec(
      '{ "services": { "a": { "command": "x", "description": "\\"b\\": \\\\", "tags": ["c" , "d"] } } }',
    )
    expect(services.a).toMatchObject({ description: '"b": \\', tags: ['c', 'd'] })
  })

  test('a slip in JSON is shown at its place', async () => {
    const problems = await loadProblems('{\n  "services": {\n    "a": { "command" "x" }\n  }\n}\n', {
      as: 'holdfast.json',
    })
    expect(problems[0]).toMatchObject({ line: 3, code: 'HF_CONFIG_SYNTAX' })
  })
})

describe('YAML', () => {
  test('anchors, aliases and merge keys', async () => {
    const { services } = await loadSpec(`
x-base: &base
  command: node a.js
  env: &env { A: 1 }
services:
  a: *base
  b: { <<: *base, instances: 2 }
  c: { <<: [*base, { instances: 3, command: never }], env: { <<: *env, B: 2 } }
`)
    expect(services.a).toMatchObject({ command: ['node', 'a.js'], env: { A: '1' } })
    expect(services.b).toMatchObject({ command: ['node', 'a.js'], instances: 2 })
    expect(services.c).toMatchObject({ command: ['node', 'a.js'], instances: 3, env: { A: '1', B: '2' } })
  })

  test('an error in an anchored value is shown where it is written', async () => {
    const problems = await loadProblems(
      'x-a: &a\n  instances: many\nservices:\n  web: { <<: *a, command: x }\n  db: *a\n',
    )
    expect(problems.map(brief)).toEqual([
      '2:14 services.web.instances HF_CONFIG_TYPE',
      '2:14 services.db.instances HF_CONFIG_TYPE',
      '5:3 services.db.command HF_CONFIG_MISSING',
    ])
  })

  test('a bomb of aliases is refused cheaply', async () => {
    const levels = Array.from(
      { length: 12 },
      (_, level) => `x-${level + 1}: &l${level + 1} [${Array(9).fill(`*l${level}`).join(', ')}]`,
    )
    const bomb = `x-0: &l0 [a, a, a, a, a, a, a, a, a]\n${levels.join('\n')}\nservices: *l12\n`
    const { value: problems, millis } = await costOf(() => loadProblems(bomb))
    expect(millis).toBeLessThan(2000)
    expect(problems[0]).toMatchObject({
      code: 'HF_CONFIG_SYNTAX',
      message: 'the aliases expand to more than 100000 values',
    })
  })

  test('deep nesting is refused, in YAML and JSON', async () => {
    for (const depth of [100, 500_000]) {
      const nested = `${'['.repeat(depth)}${']'.repeat(depth)}`
      for (const text of [
        `x-a: ${nested}\n`,
        `{"services":{"a":{"command":${nested}}}}`,
        `${'{"a":'.repeat(depth)}1${'}'.repeat(depth)}`,
      ]) {
        const result = await load(text)
        expect(result.ok).toBe(false)
      }
    }
  })

  test('many keys in one object take no quadratic time', async () => {
    const text = Array.from({ length: 20_000 }, (_, index) => `x-${index}: 1`).join('\n')
    const { value: result, millis } = await costOf(() => load(text))
    expect(result.ok).toBe(true)
    expect(millis).toBeLessThan(5000)
  })

  test('a byte order mark and CRLF do no harm', async () => {
    const problems = await loadProblems('\ufeffservices:\r\n  web:\r\n    comand: x\r\n')
    expect(problems.map(brief)).toEqual(['3:5 services.web.comand HF_CONFIG_UNKNOWN_KEY'])
    expect(problems[0]?.excerpt).toBe('    comand: x')
  })
})

describe('files that are no config', () => {
  const only = async (file: string) => {
    const { value: result, millis } = await costOf(() => loadConfig(file, {}))
    expect(millis).toBeLessThan(1000)
    if (result.ok) throw new Error('accepted')
    expect(result.problems).toHaveLength(1)
    const [problem] = result.problems
    expect(problem).toMatchObject({ file, line: 1, column: 1, path: '', code: 'HF_CONFIG_FILE' })
    return problem?.message
  }

  test('missing, a directory, not readable as a file', async () => {
    const directory = temporaryDirectory()
    expect(await only(join(directory, 'none.yaml'))).toBe('cannot open it: no such file or directory')
    expect(await only(directory)).toBe('it is a directory')
    makeFifo(join(directory, 'fifo'), { mode: 0o600, uid: process.getuid?.() ?? 0, gid: process.getgid?.() ?? 0 })
    expect(await only(join(directory, 'fifo'))).toBe('it is not a regular file')
    expect(await only('/dev/zero')).toBe('it is not a regular file')
  })

  test('a hundred megabytes are refused without reading them', async () => {
    const file = join(filesIn({ 'holdfast.yaml': '' }), 'holdfast.yaml')
    truncateSync(file, 100 * 1024 * 1024)
    expect(await only(file)).toBe('it has 104857600 bytes, more than 10MB')
  })

  test('binary, UTF-16, broken UTF-8', async () => {
    const directory = filesIn({
      elf: Buffer.from([0x7f, 0x45, 0x4c, 0x46, 2, 1, 1, 0, 0]),
      utf16: Buffer.from('\ufeffname: a\n', 'utf16le'),
      latin1: Buffer.from('name: Müller\n', 'latin1'),
    })
    expect(await only(join(directory, 'elf'))).toBe('it is binary: byte 7 is zero')
    expect(await only(join(directory, 'utf16'))).toBe('it is written in UTF-16')
    expect(await only(join(directory, 'latin1'))).toBe('it is not UTF-8: byte 7 is 0xfc')
  })
})

test('a link to a config counts as the config itself', async () => {
  const directory = filesIn({ 'shop/holdfast.yaml': 'services: { a: { command: x } }' })
  mkdirSync(join(directory, 'other'))
  symlinkSync(join(directory, 'shop/holdfast.yaml'), join(directory, 'other/link.yaml'))
  const result = await loadConfig(join(directory, 'other/link.yaml'), {})
  expect(result).toMatchObject({
    ok: true,
    spec: { name: 'shop', configFile: join(directory, 'shop/holdfast.yaml'), logDir: join(directory, 'shop/log') },
  })
})

describe('whatever stands in the file, loading does not throw', () => {
  const directory = mkdtempSync(join(tmpdir(), 'holdfast-config-'))
  afterAll(() => rmSync(directory, { recursive: true, force: true }))
  const never = async (text: string) => {
    const file = join(directory, 'holdfast.yaml')
    writeFileSync(file, text)
    const result = await loadConfig(file, {})
    if (!result.ok) expect(result.problems.length).toBeGreaterThan(0)
    for (const { line, column } of result.ok ? result.warnings : result.problems) {
      expect(line).toBeGreaterThan(0)
      expect(column).toBeGreaterThan(0)
    }
  }

  test('random text', async () => {
    const punctuation = fc.constantFrom(...'{}[]:,-?&*!|>\'"%@`#~\n\t ', '${', '<<', '---', 'services', 'web', 'a', '1')
    await fc.assert(
      fc.asyncProperty(fc.array(punctuation, { maxLength: 60 }), (parts) => never(parts.join(''))),
      { numRuns: 200 },
    )
    await fc.assert(fc.asyncProperty(fc.string({ unit: 'binary', maxLength: 80 }), never), { numRuns: 100 })
  })

  test('random values at every key', async () => {
    const keys = [
      'command',
      'instances',
      'stop',
      'restart',
      'ready',
      'reload',
      'rollout',
      'heartbeat',
      'limits',
      'env',
      'sockets',
      'dependsOn',
      'signals',
      'timeout',
      'umask',
      'include',
      'control',
      'listen',
      'web',
    ]
    const { value } = fc.letrec((tie) => ({
      value: fc.oneof(
        { maxDepth: 4 },
        fc.constantFrom(null, true, 0, -1, 1.5, '', 'x', '10s', 'never', 'cpus', 'TERM/1s', '${X}', 'tcp://:0', 'all'),
        fc.array(tie('value'), { maxLength: 3 }),
        fc.dictionary(fc.constantFrom(...keys), tie('value'), { maxKeys: 4 }),
      ),
    }))
    const config = fc.record(
      {
        services: fc.dictionary(fc.constantFrom('web', 'db', 'all', '__proto__'), value),
        sockets: value,
        defaults: value,
        include: value,
        control: value,
      },
      { requiredKeys: [] },
    )
    await fc.assert(
      fc.asyncProperty(config, (tree) => never(JSON.stringify(tree))),
      { numRuns: 300 },
    )
  })
}, 60_000)
