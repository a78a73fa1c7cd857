import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, expectTypeOf, test } from 'vitest'
import { parse } from 'yaml'
import { findConfig } from '../../src/config/find-config.ts'
import { jsonSchema } from '../../src/config/json-schema.ts'
import { loadConfig, loadConfigObject } from '../../src/config/load.ts'
import { withDefaults } from '../../src/config/read-table.ts'
import { referencePage } from '../../src/config/reference-page.ts'
import { ComputedDefault, type SettingTable } from '../../src/config/setting.ts'
import { limitSettings } from '../../src/config/settings/limits.ts'
import { serviceSettings } from '../../src/config/settings/service.ts'
import { type SupervisorConfig, supervisorSettings } from '../../src/config/settings/supervisor.ts'
import { errorsPage } from '../../src/errors/reference-page.ts'
import { ERRORS } from '../../src/errors/table.ts'
import { LIMIT_NAMES } from '../../src/os/exec-chain.ts'
import { load } from './temporary-config.ts'
import { dereferenced, isValid } from './validate-by-schema.ts'

const ROOT = join(import.meta.dirname, '../..')

/** Every table, by walking from the top. */
function tables(table: SettingTable, path: string, found = new Map<SettingTable, string>()): Map<SettingTable, string> {
  if (found.has(table)) return found
  found.set(table, path)
  for (const [key, row] of Object.entries(table)) {
    for (const type of [row.type, row.type.element]) if (type?.table) tables(type.table, `${path}${key}.`, found)
  }
  return found
}

const all = [...tables(supervisorSettings, '')].flatMap(([table, path]) =>
  Object.entries(table).map(([key, row]) => ({ name: `${path}${key}`, row, table })),
)

describe('the settings', () => {
  test('every key is documented, and its default can be read', () => {
    expect(all.length).toBeGreaterThan(100)
    for (const { name, row } of all) {
      expect(row.doc, name).toMatch(/[.`)]$/)
      expect(row.type.name, name).not.toBe('')
    }
    for (const table of tables(supervisorSettings, '').keys()) expect(() => withDefaults(table, {})).not.toThrow()
  })

  test('a default says why, unless it is the absence of something', () => {
    const obvious = all.filter(
      ({ row }) => row.default !== undefined && row.reason === undefined && !(row.default instanceof ComputedDefault),
    )
    // What is left has no other sensible default: none, off, empty, 0, false.
    for (const { name, row } of obvious) {
      const isAbsence =
        row.default === null ||
        row.default === false ||
        row.default === 0 ||
        row.default === '' ||
        Object.keys(Object(row.default)).length === 0
      const isKnown = [
        'queues',
        'nice',
        'autostart',
        'factor',
        'minReady',
        'reload',
        'stdout',
        'stderr',
        'locks.type',
        'runtime',
      ].some((key) => name.endsWith(key))
      expect(isAbsence || isKnown, `${name}: ${String(row.default)}`).toBe(true)
    }
  })

  test('the keys that come later are these', () => {
    const later = all
      .filter(({ row }) => row.laterEngine)
      .map(({ name }) => name.replace(/^.*services\./, '').replace(/^defaults\./, ''))
    expect([...new Set(later)].sort()).toEqual(
      [
        'cgroup',
        'control.console',
        'control.http',
        'health',
        'hooks',
        'locks.endpoints',
        'locks.ttl',
        'locks.type',
        'locks.url',
        'logging',
        'logs',
        'notify',
        'overlap',
        'recycle',
        'scaling',
        'schedule',
        'sockets.queues',
        'watch',
      ].sort(),
    )
  })
})

test('limits are those of prlimit(1)', () => {
  expect(Object.keys(limitSettings).sort()).toEqual([...LIMIT_NAMES].sort())
})

const schema = dereferenced(jsonSchema())

describe('the JSON Schema', () => {
  test('has every key, and its own defaults fit it', () => {
    const text = JSON.stringify(schema)
    for (const { name, row } of all) expect(text, name).toContain(JSON.stringify(row.doc).slice(1, -1))
    const check = (node: unknown): void => {
      if (typeof node !== 'object' || node === null) return
      const { default: value, ...rest } = node as Record<string, unknown>
      if (value !== undefined && 'description' in rest)
        expect(isValid(value, rest), JSON.stringify(node).slice(0, 200)).toBe(true)
      Object.values(rest).forEach(check)
    }
    check(schema)
  })

  test.each([
    'services: { web: { command: node a.js } }',
    '$schema: x\nx-mine: [1]\nname: a\ninclude: [a, b]\ncontrol: { mode: "0600", allow: [a, 5] }',
    'sockets: { a: "tcp://:0", b: { listen: "unix:x", mode: "0660", queues: 1 }, c: "tcp6://[::]:80" }',
    'services: { a: { command: [x, 1, true], instances: cpus-1, env: { A: 1 }, umask: "022", user: 0, limits: { nofile: 5, core: unlimited, stack: { soft: 8MB, hard: unlimited } } } }',
    'services: { a: { command: x, instances: "${N}", autostart: "${B}", startTimeout: "${T}", nice: "${N}" } }',
    'services: { a: { command: x, stop: { signals: [TERM, TERM/3s, 9, { signal: INT, every: 1s, for: never }], timeout: 5, file: null } } }',
    'services: { a: { command: x, ready: notify, reload: rolling, heartbeat: off, requestTimeout: never, stdin: null } }',
    'services: { a: { command: x, ready: { tcp: 80 }, reload: { signal: HUP, timeout: 1s }, heartbeat: { timeout: 1.5s }, stdout: "file:x" } }',
    'services: { a: { command: x, ready: { log: ^a }, restart: { maxRetries: never, unrecoverable: [3] }, rollout: { canary: false, maxSurge: 2 } } }',
    'defaults: { envFile: a.env, dependsOn: { b: exited } }\nservices: { b: { command: x } }',
  ])('takes what is right: %s', (yaml) => expect(isValid(parse(yaml), schema)).toBe(true))

  test.each([
    'servces: {}',
    'services: []',
    'services: { all: { command: x } }',
    'services: { 1a: { command: x } }',
    'services: { a: { comand: x } }',
    'services: { a: { command: [] } }',
    'services: { a: { command: x, instances: many } }',
    'services: { a: { command: x, instances: -1 } }',
    'services: { a: { command: x, startTimeout: soon } }',
    'services: { a: { command: x, ready: {} } }',
    'services: { a: { command: x, ready: { tcp: 1, delay: 1 } } }',
    'services: { a: { command: x, restart: { when: sometimes } } }',
    'services: { a: { command: x, limits: { nofile: { soft: 1 } } } }',
    'sockets: { a: { backlog: 5 } }',
    'sockets: { a: nowhere }',
  ])('refuses what is wrong, as loading does: %s', async (yaml) => {
    expect(isValid(parse(yaml), schema)).toBe(false)
    expect((await load(yaml)).ok).toBe(false)
  })
})

test('the types of a config in TypeScript come from the same tables', async () => {
  const config: SupervisorConfig = {
    'x-mine': 1,
    control: { mode: '0600', allow: ['deploy', 33] },
    sockets: { http: 'tcp://:0', app: { listen: 'unix:app.sock', mode: '0660' } },
    defaults: { restart: { maxRetries: 'never', unrecoverable: [78] }, heartbeat: 'off' },
    services: {
      web: {
        command: ['node', 'server.js', 80],
        instances: 'cpus',
        sockets: ['http'],
        ready: { tcp: 80 },
        stop: { signals: ['TERM/30s', { signal: 'INT', every: 1, for: 'never' }] },
        reload: { signal: 'HUP', timeout: '5s' },
        limits: { nofile: { soft: 1, hard: 'unlimited' }, core: '5MB' },
      },
    },
  }
  expect(isValid(config, schema)).toBe(true)
  expect((await loadConfigObject(config, '/srv', {})).ok).toBe(true)
  expectTypeOf<{ services: { web: { comand: string } } }>().not.toExtend<SupervisorConfig>()
  expectTypeOf<{ services: { web: { instances: boolean } } }>().not.toExtend<SupervisorConfig>()
})

describe('the reference pages', () => {
  test.each([
    ['docs/reference/config.md', referencePage],
    ['docs/reference/errors.md', errorsPage],
  ])('%s is up to date (npm run docs writes it)', (file, page) => {
    expect(readFileSync(join(ROOT, file), 'utf8')).toBe(page())
  })

  test('name every key and every error', () => {
    const config = referencePage()
    for (const key of Object.keys({ ...serviceSettings, ...supervisorSettings }))
      expect(config).toMatch(new RegExp(`\`([a-zA-Z.]+\\.)?${key.replace('$', '\\$')}\``))
    for (const code of Object.keys(ERRORS)) expect(errorsPage()).toContain(`## ${code}\n`)
  })
})

test('every config in the guide is accepted', async () => {
  const guide = readFileSync(join(ROOT, 'docs/configuration.md'), 'utf8')
  const blocks = [...guide.matchAll(/```yaml\n([\s\S]*?)```/g)].map(([, yaml = '']) => yaml)
  expect(blocks.length).toBeGreaterThan(8)
  for (const yaml of blocks) {
    const result = await load(
      { 'holdfast.yaml': yaml, 'shop.env': 'A=1\n', 'services/a.yaml': '', 'conf.d/a.yaml': '' },
      { environment: { HOME: '/home/app', SHOP_PORT: '80' } },
    )
    expect(result.ok ? [] : result.problems, yaml).toEqual([])
    expect(isValid(parse(yaml, { merge: true }), dereferenced(jsonSchema())), yaml).toBe(true)
  }
})

test('every example is accepted', async () => {
  const examples = readdirSync(join(ROOT, 'examples')).map((name) =>
    findConfig(join(ROOT, 'examples', name), null, '/nowhere'),
  )
  expect(examples.length).toBeGreaterThan(0)
  for (const file of examples) {
    if (file === null) continue
    const result = await loadConfig(file, process.env)
    expect(result.ok ? [] : result.problems, file).toEqual([])
  }
})
