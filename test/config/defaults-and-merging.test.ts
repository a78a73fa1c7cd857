import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { load, loadSpec, loadWeb } from './temporary-config.ts'

test('a service that says only what to run gets every default', async () => {
  const web = await loadWeb('command: node server.js')
  const { cwd, ...rest } = web
  expect(cwd).toMatch(/holdfast-config-/)
  expect(rest).toEqual({
    name: 'web',
    description: '',
    tags: [],
    forkserver: null,
    entry: null,
    command: ['node', 'server.js'],
    instances: 1,
    autostart: true,
    dependsOn: {},
    user: null,
    group: null,
    umask: null,
    nice: 0,
    env: {},
    limits: {},
    session: true,
    sockets: [],
    stdin: null,
    stdout: 'log',
    stderr: 'log',
    startTimeout: 30_000,
    ready: { by: 'delay', delay: 1000 },
    heartbeat: null,
    requestTimeout: null,
    slots: null,
    restart: {
      when: 'always',
      immediate: 3,
      initial: 100,
      factor: 2,
      max: 30_000,
      jitter: 0.2,
      resetAfter: 1000,
      maxRetries: null,
      delay: 0,
      unrecoverable: [],
      stopAllOnUnrecoverable: false,
    },
    pace: { interval: 0, jitter: 0.2 },
    earlyDeath: { firstBoot: 'back-off', newGeneration: 'back-off', steady: 'back-off' },
    stop: {
      signals: [
        { signal: 'TERM', wait: 10_000, every: null, increment: 0 },
        { signal: 'KILL', wait: 10_000, every: null, increment: 0 },
      ],
      timeout: 10_000,
      file: null,
      drainTimeout: null,
      fileTimeout: 10_000,
      command: null,
      group: true,
    },
    reload: { by: 'rolling', timeout: 30_000 },
    rollout: { maxSurge: 0, maxUnavailable: 1, minReady: 0, canary: true, timeout: 300_000 },
  })
})

test('the supervisor gets its defaults from the directory, the environment and the user', async () => {
  const { directory, ...spec } = await loadSpec(
    { 'My Shop!/holdfast.yaml': 'sockets: { http: "tcp://:80" }' },
    { as: 'My Shop!/holdfast.yaml', environment: { XDG_RUNTIME_DIR: '/run/user/7' }, uid: 7 },
  )
  const shop = join(directory, 'My Shop!')
  expect(spec).toEqual({
    name: 'My-Shop',
    configFile: join(shop, 'holdfast.yaml'),
    runtimeDir: '/run/user/7/holdfast/My-Shop',
    logDir: join(shop, 'log'),
    stateDir: join(shop, 'log'),
    control: { socket: '/run/user/7/holdfast/My-Shop/holdfast.sock', mode: 0o600, allow: [] },
    sockets: {
      http: {
        name: 'http',
        listen: { family: 'tcp4', host: '0.0.0.0', port: 80 },
        backlog: 1024,
        mode: null,
        user: null,
        group: null,
        nonblocking: false,
        v6only: true,
      },
    },
    forkservers: {},
    services: {},
  })
})

test('directories and the control socket, relative to the config', async () => {
  const { directory, ...spec } = await loadSpec(
    'name: a\nruntimeDir: run\nlogDir: /var/log/a\nstateDir: ../state\ncontrol: { socket: c.sock, allow: [deploy, 33] }\n',
    { uid: 0 },
  )
  expect(spec).toMatchObject({
    name: 'a',
    runtimeDir: join(directory, 'run'),
    logDir: '/var/log/a',
    stateDir: join(directory, '../state'),
    control: { socket: join(directory, 'c.sock'), mode: 0o666, allow: ['deploy', '33'] },
  })
})

test('objects join key by key, lists and unions are replaced whole', async () => {
  const { services } = await loadSpec(`
defaults:
  env: { A: 1, B: 2 }
  tags: [all-of-them]
  limits: { nofile: 10, core: 0 }
  dependsOn: { db: ready }
  restart: { max: 10s, factor: 3 }
  pace: { interval: 1s }
  earlyDeath: { firstBoot: shut-down, steady: shut-down }
  stop: { timeout: 20s, signals: [INT, TERM/1s] }
  rollout: { minReady: 1s }
  heartbeat: { timeout: 9s, signals: [ABRT/2s] }
  ready: { tcp: 80 }
  reload: { signal: HUP, timeout: 3s }
services:
  db: { command: x, dependsOn: {} }
  web:
    command: x
    env: { B: 3 }
    tags: []
    limits: { nofile: { soft: 5, hard: unlimited } }
    restart: { factor: 4 }
    pace: { jitter: 0 }
    earlyDeath: { steady: back-off }
    stop: { timeout: 5s }
    rollout: { maxSurge: 2 }
    heartbeat: { interval: 1s }
    ready: { delay: 2s }
    reload: { command: y }
`)
  expect(services.web).toMatchObject({
    env: { A: '1', B: '3' },
    tags: [],
    limits: { nofile: { soft: 5, hard: null }, core: { soft: 0, hard: 0 } },
    dependsOn: { db: 'ready' },
    restart: { max: 10_000, factor: 4, initial: 100 },
    pace: { interval: 1_000, jitter: 0 },
    earlyDeath: { firstBoot: 'shut-down', newGeneration: 'back-off', steady: 'back-off' },
    stop: {
      timeout: 5000,
      signals: [
        { signal: 'INT', wait: 5000 },
        { signal: 'TERM', wait: 1000 },
        { signal: 'KILL', wait: 5000 },
      ],
    },
    rollout: { minReady: 1000, maxSurge: 2, maxUnavailable: 1 },
    heartbeat: {
      interval: 1000,
      timeout: 9000,
      signals: [
        { signal: 'ABRT', wait: 2000 },
        { signal: 'KILL', wait: 5000 },
      ],
    },
    ready: { by: 'delay', delay: 2000 },
    reload: { by: 'command', command: ['y'], timeout: 30_000 },
  })
}, 10_000)

test('null and off undo what defaults say', async () => {
  const { services } = await loadSpec(`
defaults: { heartbeat: {}, requestTimeout: 5s, user: nobody, umask: '022', stop: { file: stop-%p } }
services:
  a: { command: x }
  b: { command: x, heartbeat: off, requestTimeout: never, user: null, umask: ~, stop: { file: null } }
`)
  expect(services.a).toMatchObject({
    heartbeat: { interval: 3334, timeout: 10_000 },
    requestTimeout: 5000,
    user: 'nobody',
    umask: 0o22,
  })
  expect(services.a?.stop.file).toMatch(/stop-%p$/)
  expect(services.b).toMatchObject({
    heartbeat: null,
    requestTimeout: null,
    user: null,
    umask: null,
    stop: { file: null },
  })
})

describe('rollout', () => {
  test('new beside old where workers share sockets, stop then start where not', async () => {
    const { services } = await loadSpec(`
sockets: { http: 'tcp://:0' }
services:
  shared: { command: x, sockets: [http] }
  alone: { command: x }
  inetd: { command: x, stdin: 'socket:http' }
`)
    expect(services.shared?.rollout).toMatchObject({ maxSurge: 1, maxUnavailable: 0 })
    expect(services.alone?.rollout).toMatchObject({ maxSurge: 0, maxUnavailable: 1 })
    expect(services.inetd?.rollout).toMatchObject({ maxSurge: 0, maxUnavailable: 1 })
  })
})

describe('the stop ladder', () => {
  const signals = async (yaml: string) =>
    (await loadWeb(`command: x\nstop: { timeout: 4s, signals: ${yaml} }`)).stop.signals

  test('steps as text, with a wait, and repeated', async () => {
    expect(
      await signals('[sigquit, TERM/30s, 15, { signal: INT, every: 1s, increment: 500ms, for: 10s }, KILL]'),
    ).toEqual([
      { signal: 'QUIT', wait: 4000, every: null, increment: 0 },
      { signal: 'TERM', wait: 30_000, every: null, increment: 0 },
      { signal: 'TERM', wait: 4000, every: null, increment: 0 },
      { signal: 'INT', wait: 10_000, every: 1000, increment: 500 },
      { signal: 'KILL', wait: 4000, every: null, increment: 0 },
    ])
  })

  test('KILL is added at the end, unless the last step waits for ever', async () => {
    expect((await signals('[TERM, TERM, INT]')).map(({ signal }) => signal)).toEqual(['TERM', 'TERM', 'INT', 'KILL'])
    expect(await signals('[TERM/never]')).toEqual([{ signal: 'TERM', wait: null, every: null, increment: 0 }])
    expect(await signals('[RTMIN+1/0, { signal: TERM, for: never }]')).toMatchObject([
      { signal: 'RTMIN+1', wait: 0 },
      { signal: 'TERM', wait: null },
    ])
  })

  test('a service without a session has no group to signal', async () => {
    expect((await loadWeb('command: x\nsession: false')).stop.group).toBe(false)
    expect((await loadWeb('command: x\nstop: { group: false }')).stop.group).toBe(false)
  })
})

describe('what a value may look like', () => {
  test('ways to be ready', async () => {
    const ready = async (yaml: string) => (await loadWeb(`command: x\nready: ${yaml}`)).ready
    expect(await ready('notify')).toEqual({ by: 'notify' })
    expect(await ready('{ ipc: true }')).toEqual({ by: 'ipc' })
    expect(await ready('{ tcp: 8080 }')).toEqual({ by: 'tcp', host: '127.0.0.1', port: 8080 })
    expect(await ready("{ tcp: '[::1]:80' }")).toEqual({ by: 'tcp', host: '::1', port: 80 })
    expect(await ready('{ http: "http://127.0.0.1:80/ok?x=1" }')).toEqual({
      by: 'http',
      url: 'http://127.0.0.1:80/ok?x=1'.replace(':80/', '/'),
    })
    expect(await ready('{ exec: [test, -e, /x] }')).toEqual({ by: 'exec', command: ['test', '-e', '/x'] })
    expect(await ready("{ log: '^ready \\d+$' }")).toEqual({ by: 'log', pattern: '^ready \\d+$' })
  })

  test('numbers of workers', async () => {
    const instances = async (text: string) => (await loadWeb(`command: x\ninstances: ${text}`, { cpus: 4 })).instances
    expect(await instances('0')).toBe(0)
    expect(await instances('cpus')).toBe(4)
    expect(await instances('cpus-1')).toBe(3)
    expect(await instances('cpus-9')).toBe(1)
  })

  test('octal numbers of YAML, and text', async () => {
    const umask = async (text: string) => (await loadWeb(`command: x\numask: ${text}`)).umask
    for (const text of ['022', '0022', '0o022', "'022'", "'22'", '"0o22"']) expect(await umask(text)).toBe(0o22)
    expect(await umask('0')).toBe(0)
    expect(await umask('077')).toBe(0o77)
  })

  test('environment values arrive as they were written', async () => {
    const web = await loadWeb(
      'command: [sleep, 60, 1.50, true, 0x1F]\nenv: { PORT: 8080, V: 1.10, ZIP: 01234, ON: true, BIG: 12345678901234567890, my.key-x: a, __proto__: b }',
    )
    expect(web.command).toEqual(['sleep', '60', '1.50', 'true', '0x1F'])
    expect(Object.entries(web.env)).toEqual([
      ['PORT', '8080'],
      ['V', '1.10'],
      ['ZIP', '01234'],
      ['ON', 'true'],
      ['BIG', '12345678901234567890'],
      ['my.key-x', 'a'],
      ['__proto__', 'b'],
    ])
  })

  test('files and paths are relative to the config', async () => {
    const result = await loadSpec({
      'holdfast.yaml':
        'services: { web: { command: ./run x, cwd: app, stdout: "file:out.log", stderr: ignore, envFile: [a.env, b.env], env: { C: mine } } }',
      'a.env': 'A=1\nB="two words"\nC=file # comment\n',
      'b.env': 'A=2\n',
    })
    expect(result.services.web).toMatchObject({
      command: ['./run', 'x'],
      cwd: join(result.directory, 'app'),
      stdout: { file: join(result.directory, 'out.log') },
      stderr: 'ignore',
      env: { A: '2', B: 'two words', C: 'mine' },
    })
  })

  test('names that objects inherit are names like others', async () => {
    const { services, sockets } = await loadSpec(`
sockets: { toString: 'tcp://:0' }
services:
  constructor: { command: x, sockets: [toString], dependsOn: { valueOf: ready } }
  valueOf: { command: x }
`)
    expect(Object.keys(services)).toEqual(['constructor', 'valueOf'])
    expect(Object.keys(sockets)).toEqual(['toString'])
    const unknown = await load('services: { web: { command: x, toString: 1, sockets: [valueOf] } }')
    expect(unknown).toMatchObject({
      ok: false,
      problems: [{ code: 'HF_CONFIG_UNKNOWN_KEY' }, { code: 'HF_CONFIG_REFERENCE' }],
    })
  })

  test('keys for editors and for yourself', async () => {
    expect(await load('$schema: ./schema.json\nx-common: &c { command: x }\nservices: { a: *c }\n')).toMatchObject({
      ok: true,
    })
  })
})
