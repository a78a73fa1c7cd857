import { mkdirSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { checkServices, loadConfig } from '../../src/config/load.ts'
import { filesIn, load, loadSpec } from './temporary-config.ts'

const brief = ({ line, column, path }: { line: number; column: number; path: string }) => `${line}:${column} ${path}`

async function problemsOf(text: string): Promise<string[]> {
  const loaded = await load(text)
  return loaded.ok ? [] : loaded.problems.map(brief)
}

test('a forkserver that says only what to load gets every default', async () => {
  const { directory, forkservers } = await loadSpec('forkservers: { app: { preload: ./app.js } }')
  expect(forkservers.app).toMatchObject({
    name: 'app',
    runtime: 'node',
    preload: ['./app.js'],
    command: null,
    executable: null,
    arguments: [],
    cwd: directory,
    env: {},
    user: null,
    auto: true,
    allow: [],
    refork: [],
    startTimeout: 60_000,
    forkTimeout: 5_000,
  })
})

test('its services are notify, roll with a surge, and have its environment and user unless they say otherwise', async () => {
  const { services } = await loadSpec(`
forkservers: { app: { preload: ./app.js, env: { A: 1, B: 2 }, user: nobody } }
services:
  web: { forkserver: app, entry: ./w.js, env: { B: 3 } }
  own: { forkserver: app, entry: ./w.js, ready: { delay: 5s }, rollout: { maxSurge: 2 } }
  plain: { command: x }
`)
  expect(services.web).toMatchObject({
    command: [],
    entry: './w.js',
    forkserver: { name: 'app' },
    ready: { by: 'notify' },
    rollout: { maxSurge: 1, maxUnavailable: 0 },
    env: { A: '1', B: '3' },
    user: 'nobody',
  })
  expect(services.own).toMatchObject({ ready: { by: 'delay', delay: 5_000 }, rollout: { maxSurge: 2 } })
  expect(services.plain).toMatchObject({ forkserver: null, entry: null, user: null, env: {} })
})

describe('what is refused', () => {
  test.each([
    ['an unknown forkserver', 'services: { web: { forkserver: nix } }', ['1:32 services.web.forkserver']],
    ['an entry without one', 'services: { web: { command: x, entry: y } }', ['1:39 services.web.entry']],
    [
      'a command beside it',
      'forkservers: { a: { preload: x } }\nservices: { web: { forkserver: a, command: x } }',
      ['2:44 services.web.command'],
    ],
    [
      'slots, an IPC channel, words on stdin',
      `forkservers: { a: { preload: x } }
services:
  one: { forkserver: a, slots: { standbys: 1 } }
  two: { forkserver: a, ready: { ipc: true } }
  three: { forkserver: a, stdin: commands }`,
      ['3:32 services.one.slots', '4:32 services.two.ready', '5:34 services.three.stdin'],
    ],
    [
      'a user that it can not become',
      'forkservers: { a: { preload: x, user: nobody } }\nservices: { web: { forkserver: a, user: daemon } }',
      ['2:41 services.web.user'],
    ],
    [
      'refork in another language',
      'forkservers: { a: { preload: x, runtime: perl, refork: 100 } }',
      ['1:56 forkservers.a.refork'],
    ],
    ['a runtime that there is not', 'forkservers: { a: { runtime: cobol } }', ['1:30 forkservers.a.runtime']],
    ['the name of everything', 'forkservers: { all: { preload: x } }', ['1:16 forkservers.all']],
  ])('%s', async (_, text, problems) => expect(await problemsOf(text)).toEqual(problems))
})

test('warned of: nothing to load, and keys that a command of its own makes idle', async () => {
  const loaded = await load('forkservers:\n  a: {}\n  b: { command: x, preload: y }\nservices: { c: { command: x } }')
  expect(loaded.ok && loaded.warnings.map(brief)).toEqual(['2:3 forkservers.a', '3:20 forkservers.b.preload'])
})

test('files that are not there are told of before anything starts; modules are for the language to find', async () => {
  const directory = filesIn({
    'holdfast.yaml': `forkservers:
  node: { preload: [./there.js, ./gone.js, lodash, ./no-ending] }
  python: { runtime: python, preload: shop.app, executable: no-such-python }
services:
  a: { forkserver: node, entry: './gone.mjs#main' }
  b: { forkserver: node, entry: './there.js#main' }
  c: { forkserver: python, entry: 'app/gone.py:main' }
`,
  })
  mkdirSync(join(directory, 'app'))
  writeFileSync(join(directory, 'there.js'), '')
  const loaded = await loadConfig(join(directory, 'holdfast.yaml'), process.env)
  if (!loaded.ok) throw new Error(JSON.stringify(loaded.problems))
  const problems = checkServices(loaded.spec)
  expect(
    problems.map(({ path, message }) => `${path}: ${message.replaceAll(dirname(loaded.spec.configFile ?? ''), '')}`),
  ).toEqual([
    'forkservers.node.preload[1]: there is no file /gone.js',
    'forkservers.python.executable: command not found: no-such-python',
    'services.a.entry: there is no file /gone.mjs',
    'services.c.entry: there is no file /app/gone.py',
  ])
})

test('a change of the forkserver is a change of its services, told by its key', async () => {
  const { diffSpecs } = await import('../../src/config/diff.ts')
  const text = (preload: string) =>
    `forkservers: { app: { preload: ${preload} } }\nservices: { web: { forkserver: app }, other: { command: x } }`
  const before = await loadSpec(text('x'))
  const after = { ...(await loadSpec(text('y'))) }
  const same = (spec: typeof before) => ({ ...spec, services: fix(spec.services), forkservers: spec.forkservers })
  const fix = (services: typeof before.services) =>
    Object.fromEntries(
      Object.entries(services).map(([name, service]) => [
        name,
        { ...service, cwd: '/', forkserver: service.forkserver === null ? null : { ...service.forkserver, cwd: '/' } },
      ]),
    )
  const { services } = diffSpecs(same(before), same(after))
  expect(services).toEqual([
    { service: 'web', change: 'changed', keys: ['forkserver.preload'], restart: true },
    { service: 'other', change: 'unchanged', keys: [], restart: false },
  ])
})
