import { describe, expect, test } from 'vitest'
import { brief, load, loadProblems } from './temporary-config.ts'

const web = (body: string) => `services:\n  web:\n    command: node a.js\n${body.replace(/^/gm, '    ')}\n`

test('everything that is wrong is told at once, from top to bottom', async () => {
  const problems = await loadProblems(`sockets:
  http: tcp://nowhere
defaults:
  umask: 999
services:
  web:
    comand: node a.js
    instances: many
    sockets: [http, htpt]
    dependsOn: { db: ready }
  db:
    command: [sleep, 60]
    dependsOn: { web: started }
    env: { A: "\${NOPE}" }
logging: {}
`)
  expect(problems.map(brief)).toEqual([
    '2:9 sockets.http HF_CONFIG_VALUE',
    '4:10 defaults.umask HF_CONFIG_VALUE',
    '7:5 services.web.comand HF_CONFIG_UNKNOWN_KEY',
    '8:16 services.web.instances HF_CONFIG_TYPE',
    '9:21 services.web.sockets[1] HF_CONFIG_REFERENCE',
    '10:18 services.web.dependsOn.db HF_CONFIG_CYCLE',
    '14:16 services.db.env.A HF_CONFIG_VARIABLE',
    '15:1 logging HF_CONFIG_NOT_YET',
  ])
  expect(problems[5]?.message).toBe('services depend on each other in a circle: web → db → web')
})

test('a long circle is shown whole, and two circles are two errors', async () => {
  const service = (name: string, ...on: string[]) =>
    `  ${name}: { command: x, dependsOn: { ${on.map((other) => `${other}: ready`).join(', ')} } }\n`
  const yaml = `services:\n${service('a', 'b')}${service('b', 'c')}${service('c', 'a', 'd')}${service('d')}${service('e', 'f', 'a')}${service('f', 'e')}`
  const problems = await loadProblems(yaml)
  expect(problems.map(({ message }) => message)).toEqual([
    'services depend on each other in a circle: a → b → c → a',
    'services depend on each other in a circle: e → f → e',
  ])
})

test('ten thousand services in a row are no circle', async () => {
  const services = Object.fromEntries(
    Array.from({ length: 10_000 }, (_, index) => [
      `s${index}`,
      { command: 'x', dependsOn: index > 0 ? { [`s${index - 1}`]: 'ready' } : {} },
    ]),
  )
  expect((await load(JSON.stringify({ services }))).ok).toBe(true)
})

test('a wrong default is told once, where it stands', async () => {
  const problems = await loadProblems(`defaults:
  stop: { signals: [TERM, NOPE] }
  rollout: { maxSurge: 0, maxUnavailable: 0 }
services:
  a: { command: x }
`)
  expect(problems.map(brief)).toEqual([
    '2:27 defaults.stop.signals[1] HF_CONFIG_REFERENCE',
    '3:24 services.a.rollout.maxSurge HF_CONFIG_CONFLICT',
  ])
})

describe('keys whose engine comes later', () => {
  test('all are listed, each at its place', async () => {
    const problems = await loadProblems(`logging: {}
control: { http: { listen: x }, console: c.sock }
locks: { main: { type: etcd, ttl: 10s } }
sockets:
  http: { listen: 'tcp://:0', queues: 2 }
services:
  web:
    command: x
    scaling: { min: 1 }
    health: { tcp: 80 }
    recycle: { maxMemory: 1GB }
    schedule: '* * * * *'
    overlap: skip
    watch: true
    hooks: {}
    notify: {}
    cgroup: { memoryMax: 1GB }
    logs: {}
`)
    expect(problems.every(({ code }) => code === 'HF_CONFIG_NOT_YET')).toBe(true)
    expect(problems.map(({ line, column, path }) => `${line}:${column} ${path}`)).toEqual([
      '1:1 logging',
      '2:12 control.http',
      '2:33 control.console',
      '3:18 locks.main.type',
      '3:30 locks.main.ttl',
      '5:31 sockets.http.queues',
      ...['scaling', 'health', 'recycle', 'schedule', 'overlap', 'watch', 'hooks', 'notify', 'cgroup', 'logs'].map(
        (key, index) => `${9 + index}:5 services.web.${key}`,
      ),
    ])
  })

  test('one queue works already', async () => {
    expect(
      await load("sockets: { http: { listen: 'tcp://:0', queues: 1 } }\nservices: { a: { command: x } }\n"),
    ).toMatchObject({ ok: true })
  })

  test('their values are checked too', async () => {
    const problems = await loadProblems('services:\n  web: { command: x, recycle: { maxAge: soon } }\n')
    expect(problems.map(brief)).toEqual([
      '2:22 services.web.recycle HF_CONFIG_NOT_YET',
      '2:41 services.web.recycle.maxAge HF_CONFIG_VALUE',
    ])
  })

  test('slots and instances together', async () => {
    const problems = await loadProblems('services:\n  web: { command: x, instances: 2, slots: { mains: 1 } }\n')
    expect(problems.map(({ code }) => code)).toEqual(['HF_CONFIG_CONFLICT'])
  })
})

describe('warnings', () => {
  const warnings = async (yaml: string) => {
    const result = await load(yaml)
    return result.ok
      ? result.warnings.map((warning) => `${warning.line}:${warning.column} ${warning.path} ${warning.message}`)
      : result.problems
  }

  test('nothing to run', async () => {
    expect(await warnings('name: a\n')).toEqual(['1:1 services there is nothing to run'])
    expect(await warnings('')).toEqual(['1:1 services there is nothing to run'])
  })

  test('a stop that is too short for keep-alive clients', async () => {
    expect(await warnings(`sockets: { http: 'tcp://:0' }\n${web('sockets: [http]\nstop: { timeout: 7s }')}`)).toEqual([
      '6:22 services.web.stop.timeout a worker has only 7s to let its clients go',
    ])
    expect(
      await warnings(`sockets: { http: 'tcp://:0' }\n${web('sockets: [http]\nstop: { signals: [INT/5s, TERM] }')}`),
    ).toEqual(['6:22 services.web.stop.signals a worker has only 5s to let its clients go'])
    expect(
      await warnings(`sockets: { http: 'tcp://:0' }\n${web('sockets: [http]\nstop: { timeout: 7001ms }')}`),
    ).toEqual([])
    expect(await warnings(web('stop: { timeout: 1s }'))).toEqual([])
  })

  test('Node and another program on one socket', async () => {
    const both = (socket: string, command: string) =>
      `sockets:\n  http: ${socket}\nservices:\n  a: { command: node a.js, sockets: [http] }\n  b: { command: '${command}', sockets: [http] }\n`
    expect(await warnings(both('tcp://:0', 'python3 b.py'))).toEqual([
      '2:3 sockets.http a (Node) and b share this socket',
    ])
    expect(await warnings(both("{ listen: 'tcp://:0', nonblocking: true }", 'python3 b.py'))).toEqual([])
    expect(await warnings(both('tcp://:0', 'exec /usr/bin/node b.js > x'))).toEqual([])
  })

  test('a step that is never reached', async () => {
    expect(await warnings(web('stop: { signals: [TERM/never, KILL] }'))).toEqual([
      '4:23 services.web.stop.signals[0] the steps after this one are never reached',
    ])
  })

  test('waiting for the end of what is always started again', async () => {
    expect(
      await warnings(`services:\n  job: { command: x }\n  web: { command: x, dependsOn: { job: exited } }\n`),
    ).toEqual(['3:40 services.web.dependsOn.job job is started again whenever it exits (restart.when is always)'])
  })

  test('permissions of a port, and two sockets with one variable', async () => {
    expect(
      await warnings(
        `sockets:\n  a-b: { listen: 'tcp://:0', mode: '0600' }\n  a_b: tcp://:0\n${web('sockets: [a-b, a_b]')}`,
      ),
    ).toEqual([
      '2:30 sockets.a-b.mode mode has no effect on tcp://0.0.0.0:0',
      '7:20 services.web.sockets[1] two sockets would both be HOLDFAST_SOCKET_A_B',
    ])
  })
})
