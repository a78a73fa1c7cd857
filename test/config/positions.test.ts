import { describe, expect, test } from 'vitest'
import { brief, load, loadProblems } from './temporary-config.ts'

/** What is wrong, the config, where it must be shown, and what the message or hint must say. */
type Case = readonly [what: string, yaml: string, briefs: readonly string[], says: string]

const web = (body: string) => `services:\n  web:\n    command: node a.js\n${body.replace(/^/gm, '    ')}\n`

const cases: readonly Case[] = [
  ['an unknown top-level key', 'servces: {}\n', ['1:1 servces HF_CONFIG_UNKNOWN_KEY'], 'Did you mean "services"?'],
  [
    'an unknown service key',
    web('restrat: {}'),
    ['4:5 services.web.restrat HF_CONFIG_UNKNOWN_KEY'],
    'Did you mean "restart"?',
  ],
  [
    'a key of the wrong level',
    web('maxRetries: 3'),
    ['4:5 services.web.maxRetries HF_CONFIG_UNKNOWN_KEY'],
    '"restart.maxRetries"',
  ],
  [
    'a key as others call it',
    web('numprocs: 3'),
    ['4:5 services.web.numprocs HF_CONFIG_UNKNOWN_KEY'],
    'Did you mean "instances"?',
  ],
  [
    'an unknown inner key',
    web('stop:\n  signal: TERM'),
    ['5:7 services.web.stop.signal HF_CONFIG_UNKNOWN_KEY'],
    'Did you mean "signals"?',
  ],
  ['a wrong type', web('instances: four'), ['4:16 services.web.instances HF_CONFIG_TYPE'], 'found text "four"'],
  ['an object expected', 'services:\n  web: node a.js\n', ['2:8 services.web HF_CONFIG_TYPE'], 'expected an object'],
  ['a list expected', web('tags: one'), ['4:11 services.web.tags HF_CONFIG_TYPE'], 'expected a list, found text "one"'],
  [
    'a boolean expected',
    web('autostart: "no"'),
    ['4:16 services.web.autostart HF_CONFIG_TYPE'],
    'expected true or false',
  ],
  [
    'a word of a few',
    web('restart: { when: allways }'),
    ['4:22 services.web.restart.when HF_CONFIG_TYPE'],
    'Did you mean "always"?',
  ],
  ['a value left out', web('instances:'), ['4:5 services.web.instances HF_CONFIG_TYPE'], 'found nothing'],
  ['negative instances', web('instances: -1'), ['4:16 services.web.instances HF_CONFIG_VALUE'], 'number -1'],
  ['half an instance', web('instances: 1.5'), ['4:16 services.web.instances HF_CONFIG_VALUE'], 'cpus-1'],
  [
    'a bad duration',
    web('startTimeout: 10 seconds'),
    ['4:19 services.web.startTimeout HF_CONFIG_VALUE'],
    '"10 seconds" is not a duration',
  ],
  [
    'a negative duration',
    web('startTimeout: -1'),
    ['4:19 services.web.startTimeout HF_CONFIG_VALUE'],
    'is not a duration',
  ],
  [
    'a deadline of nothing',
    web('startTimeout: 0'),
    ['4:19 services.web.startTimeout HF_CONFIG_VALUE'],
    'longer than 0',
  ],
  [
    'no never where there must be an end',
    web('startTimeout: never'),
    ['4:19 services.web.startTimeout HF_CONFIG_VALUE'],
    'not a duration',
  ],
  [
    'a bad size',
    web('limits: { core: 5XB }'),
    ['4:21 services.web.limits.core HF_CONFIG_VALUE'],
    '"5XB" is not a size',
  ],
  [
    'an unknown limit',
    web('limits: { nofiles: 5 }'),
    ['4:15 services.web.limits.nofiles HF_CONFIG_UNKNOWN_KEY'],
    '"nofile"',
  ],
  [
    'soft above hard',
    web('limits: { nofile: { soft: 2, hard: 1 } }'),
    ['4:23 services.web.limits.nofile HF_CONFIG_VALUE'],
    'soft limit is above',
  ],
  [
    'half a pair of limits',
    web('limits: { nofile: { soft: 2 } }'),
    ['4:15 services.web.limits.nofile.hard HF_CONFIG_MISSING'],
    '"hard" is missing',
  ],
  ['an invalid umask', web('umask: "0999"'), ['4:12 services.web.umask HF_CONFIG_VALUE'], 'permission bits'],
  ['a umask in decimal', web('umask: 18'), ['4:12 services.web.umask HF_CONFIG_VALUE'], 'not written in octal'],
  ['a nice value out of range', web('nice: 20'), ['4:11 services.web.nice HF_CONFIG_VALUE'], 'from -20 to 19'],
  ['a bad user', web('user: "a b"'), ['4:11 services.web.user HF_CONFIG_VALUE'], 'not a user or group name'],
  [
    'an empty command',
    'services:\n  web: { command: " " }\n',
    ['2:19 services.web.command HF_CONFIG_VALUE'],
    'the command is empty',
  ],
  [
    'an empty list as command',
    'services:\n  web: { command: [] }\n',
    ['2:19 services.web.command HF_CONFIG_VALUE'],
    'the command is empty',
  ],
  [
    'a list in a command',
    'services:\n  web: { command: [a, [b]] }\n',
    ['2:23 services.web.command[1] HF_CONFIG_TYPE'],
    'found a list',
  ],
  [
    'NUL in a command',
    'services:\n  web: { command: "a\\0b" }\n',
    ['2:19 services.web.command HF_CONFIG_VALUE'],
    'NUL',
  ],
  ['no command', 'services:\n  web: {}\n', ['2:3 services.web.command HF_CONFIG_MISSING'], '"command" is missing'],
  ['nothing at all', 'services:\n  web:\n', ['2:3 services.web.command HF_CONFIG_MISSING'], 'Say what to run'],
  [
    'an invalid service name',
    'services:\n  1web: { command: x }\n',
    ['2:3 services.1web HF_CONFIG_NAME'],
    'not a valid service name',
  ],
  [
    'a name of 64 letters',
    `services:\n  ${'a'.repeat(64)}: { command: x }\n`,
    [`2:3 services.${'a'.repeat(64)} HF_CONFIG_NAME`],
    '63',
  ],
  ['a reserved name', 'services:\n  all: { command: x }\n', ['2:3 services.all HF_CONFIG_NAME'], 'reserved'],
  [
    'the log of the supervisor',
    'services:\n  holdfast: { command: x }\n',
    ['2:3 services.holdfast HF_CONFIG_NAME'],
    'its log',
  ],
  ['a bad supervisor name', 'name: a/b\n', ['1:7 name HF_CONFIG_NAME'], 'not a valid supervisor name'],
  ['the name of the pointers', 'name: by-config\n', ['1:7 name HF_CONFIG_NAME'], 'reserved'],
  [
    'a bad environment name',
    web('env: { "A=B": x }'),
    ['4:12 services.web.env.A=B HF_CONFIG_VALUE'],
    'can not be the name',
  ],
  [
    'an environment value left out',
    web('env:\n  A:'),
    ['5:7 services.web.env.A HF_CONFIG_TYPE'],
    "Write '' for an empty value.",
  ],
  [
    'an unknown socket',
    `sockets:\n  http: tcp://:0\n${web('sockets: [htpt]')}`,
    ['6:15 services.web.sockets[0] HF_CONFIG_REFERENCE'],
    'Did you mean "http"?',
  ],
  [
    'a socket twice',
    `sockets:\n  http: tcp://:0\n${web('sockets: [http, http]')}`,
    ['6:21 services.web.sockets[1] HF_CONFIG_CONFLICT'],
    'listed twice',
  ],
  [
    'an unknown socket as stdin',
    web('stdin: socket:x'),
    ['4:12 services.web.stdin HF_CONFIG_REFERENCE'],
    'unknown socket "x"',
  ],
  ['something else as stdin', web('stdin: /dev/zero'), ['4:12 services.web.stdin HF_CONFIG_VALUE'], 'socket:NAME'],
  ['a place for output', web('stdout: lgo'), ['4:13 services.web.stdout HF_CONFIG_VALUE'], 'Did you mean "log"?'],
  [
    'an unknown dependency',
    web('dependsOn: { bd: ready }'),
    ['4:18 services.web.dependsOn.bd HF_CONFIG_REFERENCE'],
    'unknown service "bd"',
  ],
  [
    'an unknown condition',
    web('dependsOn: { web: reddy }'),
    ['4:23 services.web.dependsOn.web HF_CONFIG_TYPE'],
    'Did you mean "ready"?',
  ],
  [
    'itself as dependency',
    web('dependsOn: { web: ready }'),
    ['4:18 services.web.dependsOn.web HF_CONFIG_CYCLE'],
    'web → web',
  ],
  [
    'an unknown signal',
    web('stop: { signals: [TRM] }'),
    ['4:23 services.web.stop.signals[0] HF_CONFIG_REFERENCE'],
    'Did you mean "TERM"?',
  ],
  [
    'a signal number that is none',
    web('reload: { signal: 99 }'),
    ['4:23 services.web.reload.signal HF_CONFIG_REFERENCE'],
    'unknown signal "99"',
  ],
  [
    'a bad wait of a step',
    web('stop: { signals: [TERM/soon] }'),
    ['4:28 services.web.stop.signals[0] HF_CONFIG_VALUE'],
    '"soon" is not a duration',
  ],
  [
    'a step without signal',
    web('stop: { signals: [{ for: 1s }] }'),
    ['4:23 services.web.stop.signals[0].signal HF_CONFIG_MISSING'],
    '"signal" is missing',
  ],
  [
    'a step again at once',
    web('stop: { signals: [{ signal: TERM, every: 0 }] }'),
    ['4:46 services.web.stop.signals[0].every HF_CONFIG_VALUE'],
    'longer than 0',
  ],
  [
    'an empty ladder',
    web('stop: { signals: [] }'),
    ['4:22 services.web.stop.signals HF_CONFIG_VALUE'],
    'the list of signals is empty',
  ],
  [
    'a group without session',
    web('session: false\nstop: { group: true }'),
    ['5:20 services.web.stop.group HF_CONFIG_CONFLICT'],
    'needs a session',
  ],
  [
    'a rollout that cannot move',
    web('rollout: { maxUnavailable: 0 }'),
    ['4:32 services.web.rollout.maxUnavailable HF_CONFIG_CONFLICT'],
    'both 0',
  ],
  [
    'a first wait above the longest',
    web('restart: { initial: 1m }'),
    ['4:25 services.web.restart.initial HF_CONFIG_CONFLICT'],
    '(1m) is longer than the longest (30s)',
  ],
  [
    'no life at all is sound',
    web('ready: { delay: 0 }\nrestart: { resetAfter: 0 }'),
    ['5:28 services.web.restart.resetAfter HF_CONFIG_VALUE'],
    '0s is too short: a program that ends at once would be started again without a pause, for ever Write 100ms or longer.',
  ],
  [
    'a life that is hardly one',
    web('restart: { resetAfter: 99ms }'),
    ['4:28 services.web.restart.resetAfter HF_CONFIG_VALUE'],
    '99ms is too short',
  ],
  [
    'an interval above its timeout',
    web('heartbeat: { interval: 10s }'),
    ['4:28 services.web.heartbeat.interval HF_CONFIG_CONFLICT'],
    'not shorter',
  ],
  [
    'a bad regular expression',
    web('ready: { log: "(" }'),
    ['4:19 services.web.ready.log HF_CONFIG_VALUE'],
    'Unterminated group',
  ],
  ['a URL with TLS', web('ready: { http: "https://x" }'), ['4:20 services.web.ready.http HF_CONFIG_VALUE'], 'http://'],
  [
    'a URL that is none',
    web('ready: { http: "http://" }'),
    ['4:20 services.web.ready.http HF_CONFIG_VALUE'],
    'is not a URL',
  ],
  ['a port that is none', web('ready: { tcp: 0 }'), ['4:19 services.web.ready.tcp HF_CONFIG_VALUE'], 'HOST:PORT'],
  [
    'two ways to be ready',
    web('ready: { tcp: 80, delay: 1s }'),
    ['4:12 services.web.ready HF_CONFIG_VALUE'],
    'tcp and delay can not be used together',
  ],
  ['no way to be ready', web('ready: {}'), ['4:12 services.web.ready HF_CONFIG_VALUE'], 'notify'],
  [
    'an unknown way to be ready',
    web('ready: { udp: 80 }'),
    ['4:14 services.web.ready.udp HF_CONFIG_UNKNOWN_KEY'],
    'Known: delay, exec',
  ],
  [
    'two ways to reload',
    web('reload: { signal: HUP, command: x }'),
    ['4:13 services.web.reload HF_CONFIG_VALUE'],
    'together',
  ],
  ['another way to reload', web('reload: HUP'), ['4:13 services.web.reload HF_CONFIG_TYPE'], '{ signal: HUP }'],
  ['a bad address', 'sockets:\n  http: 0.0.0.0:80\n', ['2:9 sockets.http HF_CONFIG_VALUE'], 'Write tcp://0.0.0.0:80.'],
  ['a bad port', 'sockets:\n  http: tcp://x:99999\n', ['2:17 sockets.http HF_CONFIG_VALUE'], '99999 is not a port'],
  [
    'an address left out',
    'sockets:\n  http: { backlog: 5 }\n',
    ['2:3 sockets.http.listen HF_CONFIG_MISSING'],
    '"listen" is missing',
  ],
  [
    'a bad mode',
    'sockets:\n  http: { listen: "unix:x", mode: rw }\n',
    ['2:35 sockets.http.mode HF_CONFIG_VALUE'],
    '0660',
  ],
  [
    'an address twice',
    'sockets:\n  a: tcp://0.0.0.0:80\n  b: { listen: tcp://127.0.0.1:80 }\n',
    ['3:16 sockets.b.listen HF_CONFIG_CONFLICT'],
    'already taken by socket "a"',
  ],
  [
    'a path twice',
    'sockets:\n  a: unix:x\n  b: unix:./x\n',
    ['3:6 sockets.b.listen HF_CONFIG_CONFLICT'],
    'already taken by socket "a"',
  ],
  [
    'a socket path that is too long',
    `sockets:\n  a: unix:/${'x'.repeat(107)}\n`,
    ['2:6 sockets.a.listen HF_CONFIG_VALUE'],
    '108 bytes',
  ],
  [
    'a control socket path that is too long',
    `runtimeDir: /${'x'.repeat(100)}\n`,
    ['1:13 runtimeDir HF_CONFIG_VALUE'],
    'control socket has 115 bytes',
  ],
  [
    'an unset variable',
    web('env: { A: "x ${NOPE} y" }'),
    ['4:18 services.web.env.A HF_CONFIG_VARIABLE'],
    'NOPE is not set',
  ],
  [
    'a variable that is none',
    web('description: "${1}"'),
    ['4:19 services.web.description HF_CONFIG_VARIABLE'],
    'is not a variable',
  ],
  ['an open brace', web('description: "${A"'), ['4:19 services.web.description HF_CONFIG_VARIABLE'], 'closing brace'],
  [
    'a variable in a default',
    web('description: "${A:-${B}}"'),
    ['4:19 services.web.description HF_CONFIG_VARIABLE'],
    'can not contain a variable',
  ],
  ['a missing envFile', web('envFile: no.env'), ['4:14 services.web.envFile HF_CONFIG_VALUE'], 'no such file'],
  [
    'a missing envFile of several',
    web('envFile: [no.env]'),
    ['4:15 services.web.envFile[0] HF_CONFIG_VALUE'],
    'no such file',
  ],
  ['a key twice', 'name: a\nservices: {}\nname: b\n', ['3:1 name HF_CONFIG_DUPLICATE'], 'the first is at 1:1'],
  [
    'a service twice',
    'services:\n  web: { command: x }\n  web: { command: y }\n',
    ['3:3 services.web HF_CONFIG_DUPLICATE'],
    'the first is at 2:3',
  ],
  ['bad YAML', 'services:\n  web: [\n', ['2:8  HF_CONFIG_SYNTAX'], 'this [ is not closed'],
  ['a tab as indent', 'services:\n\tweb: x\n', ['2:1  HF_CONFIG_SYNTAX'], 'a tab is used to indent'],
  ['two documents', 'name: a\n---\nname: b\n', ['2:1  HF_CONFIG_SYNTAX'], 'more than one YAML document'],
  ['a YAML tag', 'name: !!js/function x\n', ['1:7  HF_CONFIG_SYNTAX'], 'Only plain YAML values'],
  ['a list as config', '- a\n', ['1:1  HF_CONFIG_TYPE'], 'found a list'],
  ['an anchor that is not there', 'name: *x\n', ['1:7 name HF_CONFIG_SYNTAX'], 'no anchor &x'],
  ['an anchor in itself', 'services: &x { a: *x }\n', ['1:19 services.a HF_CONFIG_SYNTAX'], 'refers to itself'],
  ['a key that is an object', 'services:\n  ? { a: 1 }\n  : x\n', ['2:5 services HF_CONFIG_SYNTAX'], 'plain word'],
]

describe('each error, with its exact position', () => {
  test.each(cases)('%s', async (_what, yaml, briefs, says) => {
    const problems = await loadProblems(yaml)
    expect(problems.map(brief)).toEqual(briefs)
    expect(problems.map(({ message, hint }) => `${message} ${hint}`).join('\n')).toContain(says)
  })
})

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
forkservers: { app: { runtime: node } }
locks: { main: { type: file } }
sockets:
  http: { listen: 'tcp://:0', queues: 2 }
services:
  web:
    forkserver: app
    entry: a.js
    slots: { mains: 1 }
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
      '3:1 forkservers',
      '4:1 locks',
      '6:31 sockets.http.queues',
      ...[
        'forkserver',
        'entry',
        'slots',
        'scaling',
        'health',
        'recycle',
        'schedule',
        'overlap',
        'watch',
        'hooks',
        'notify',
        'cgroup',
        'logs',
      ].map((key, index) => `${9 + index}:5 services.web.${key}`),
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
    expect(problems.map(({ code }) => code)).toEqual(['HF_CONFIG_CONFLICT', 'HF_CONFIG_NOT_YET'])
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
