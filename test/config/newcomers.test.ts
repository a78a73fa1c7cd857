// What people write who come from PM2, supervisord, systemd or Compose, or write YAML for the first time: nothing of it is
// taken in silence, and each error says how it is written here.
import { describe, expect, test } from 'vitest'
import { load, loadProblems } from './temporary-config.ts'

const inWeb = (body: string) => `services:\n  web:\n    command: node a.js\n${body.replace(/^/gm, '    ')}\n`

/** Every problem as `4:14 services.web.restart: message` and its hint. */
async function told(yaml: string): Promise<readonly (readonly [string, string])[]> {
  const problems = await loadProblems(yaml)
  return problems.map(({ line, column, path, message, hint }) => [
    `${line}:${column} ${path === '' ? '' : `${path}: `}${message}`,
    hint,
  ])
}

type Habit = readonly [written: string, error: string, hint: string]

const ONE_LIST = 'Program and arguments are one list: command: [node, app.js, --port, 8080].'
const CONDITIONS = 'each service with what to wait for: ready, started or exited.'
const DECLARE =
  'Declare the address at the top of the file (sockets: { http: tcp://0.0.0.0:8080 }), and name it in the service: sockets: [http].'
const unknown = (key: string) => `4:5 services.web.${key}: unknown key "${key}"`

describe('a value in another form', () => {
  test.each<Habit>([
    [
      'restart: always',
      '4:14 services.web.restart: expected an object, found text "always"',
      'Write restart: { when: always }, which is the default; or on-failure, or never.',
    ],
    ['pace: 3s', '4:11 services.web.pace: expected an object, found text "3s"', 'Write pace: { interval: 3s }.'],
    [
      'earlyDeath: shut-down',
      '4:17 services.web.earlyDeath: expected an object, found text "shut-down"',
      'Write earlyDeath: { firstBoot: shut-down, newGeneration: shut-down, steady: shut-down }.',
    ],
    [
      'restart: on-failure:3',
      '4:14 services.web.restart: expected an object, found text "on-failure:3"',
      'Write restart: { when: on-failure, maxRetries: 3 }.',
    ],
    ['restart: false', '4:14 services.web.restart: expected an object, found false', 'Write restart: { when: never }.'],
    [
      'restart: 5',
      '4:14 services.web.restart: expected an object, found number 5',
      'Write restart: { maxRetries: 5 }.',
    ],
    [
      'heartbeat: 10s',
      '4:16 services.web.heartbeat: expected an object, found text "10s"',
      'Write heartbeat: { timeout: 10s }, or heartbeat: off.',
    ],
    [
      'heartbeat: 30',
      '4:16 services.web.heartbeat: expected an object, found number 30',
      'Write heartbeat: { timeout: 30s }, or heartbeat: off.',
    ],
    [
      'dependsOn: [db, cache]',
      '4:16 services.web.dependsOn: expected an object, found a list',
      `Write dependsOn: { db: ready, cache: ready }: ${CONDITIONS}`,
    ],
    [
      'dependsOn: db',
      '4:16 services.web.dependsOn: expected an object, found text "db"',
      `Write dependsOn: { db: ready }: ${CONDITIONS}`,
    ],
    [
      'dependsOn: { db: true }',
      '4:22 services.web.dependsOn.db: expected one of ready, started, exited, found true',
      'ready: it serves; started: it runs; exited: it has ended.',
    ],
    ['sockets: a', '4:14 services.web.sockets: expected a list, found text "a"', 'Write sockets: [a].'],
    ['sockets: [8080]', '4:15 services.web.sockets[0]: expected a name, found number 8080', DECLARE],
    ['sockets: ["tcp://:80"]', '4:15 services.web.sockets[0]: "tcp://:80" is not a valid socket name', DECLARE],
    ['sockets: { http: 80 }', '4:14 services.web.sockets: expected a list, found an object', DECLARE],
    [
      'limits: { nofile: 64k }',
      '4:23 services.web.limits.nofile: expected a whole number, found text "64k"',
      'Write the number out: 65536.',
    ],
    [
      'limits: 65536',
      '4:13 services.web.limits: expected an object, found number 65536',
      'Write limits: { nofile: 65536 }.',
    ],
    [
      'env: [PORT=8080, GREETING=good day, EMPTY=]',
      '4:10 services.web.env: expected an object, found a list',
      'Write env: { PORT: 8080, GREETING: good day, EMPTY: "" }.',
    ],
    ['env: A=b', '4:10 services.web.env: expected an object, found text "A=b"', 'Write env: { A: b }.'],
    [
      'instances: max',
      '4:16 services.web.instances: expected a number of workers, found text "max"',
      'One for each processor is cpus. Write a whole number from 0 to 10000, cpus, or cpus-1.',
    ],
    [
      'instances: "4"',
      '4:16 services.web.instances: expected a number of workers, found text "4"',
      'Write it without quotes: 4.',
    ],
    [
      'autostart: yes',
      '4:16 services.web.autostart: expected true or false, found text "yes"',
      'Write true, without quotes.',
    ],
    ['description: 5', '4:18 services.web.description: expected text, found number 5', 'Write it in quotes: "5".'],
    ['tags: one', '4:11 services.web.tags: expected a list, found text "one"', 'Write tags: [one].'],
    [
      'stop: SIGINT',
      '4:11 services.web.stop: expected an object, found text "SIGINT"',
      'Write stop: { signals: [INT, KILL] }.',
    ],
    ['stop: 30s', '4:11 services.web.stop: expected an object, found text "30s"', 'Write stop: { timeout: 30s }.'],
    [
      'ready: 8080',
      '4:12 services.web.ready: expected a way to become ready, found number 8080',
      'Write ready: { tcp: 8080 }.',
    ],
    [
      'ready: http://x/up',
      '4:12 services.web.ready: expected a way to become ready, found text "http://x/up"',
      'Write ready: { http: "http://x/up" }.',
    ],
    [
      'ready: 3s',
      '4:12 services.web.ready: expected a way to become ready, found text "3s"',
      'Write ready: { delay: 3s }.',
    ],
    ['rollout: 2', '4:14 services.web.rollout: expected an object, found number 2', 'Write rollout: { maxSurge: 2 }.'],
  ])('%s', async (written, error, hint) => {
    expect(await told(inWeb(written))).toEqual([[error, hint]])
  })
})

describe('a key as another program calls it', () => {
  test.each<readonly [written: string, hint: string]>([
    ['autorestart: true', 'Write restart: { when: always }, which is the default; or on-failure, or never.'],
    ['autorestart: unexpected', 'Write restart: { when: on-failure }.'],
    ['startsecs: 10', 'Write ready: { delay: 10s }.'],
    ['startretries: 3', 'Write restart: { maxRetries: 3 }.'],
    ['stopwaitsecs: 30', 'Write stop: { timeout: 30s }.'],
    ['stopsignal: QUIT', 'Write stop: { signals: [QUIT, KILL] }.'],
    ['numprocs: 4', 'Did you mean "instances"?'],
    ['directory: /srv', 'Did you mean "cwd"?'],
    ['environment: { A: b }', 'Did you mean "env"?'],
    ['priority: 5', 'Write dependsOn: { db: ready } for the order of starts, nice: 5 for the priority of the process.'],
    ['stdout_logfile: /var/log/x', 'Write stdout: file:/var/log/x, or take it out: output goes to a log in logDir.'],
    ['redirect_stderr: true', 'Take it out: both streams go to the same log.'],
    ['interpreter: python3', ONE_LIST],
    [
      'exec_mode: cluster',
      'Take it out: instances: 4 runs four workers, and sockets: [http] lets them share a socket.',
    ],
    ['wait_ready: true', "Write ready: { ipc: true } for process.send('ready'), or ready: notify with the SDK."],
    ['kill_timeout: 1600', 'Write stop: { timeout: 1600ms }.'],
    ['listen_timeout: 3000', 'Write startTimeout: 3s.'],
    ['min_uptime: 5s', 'Write restart: { resetAfter: 5s }.'],
    [
      'max_memory_restart: 300M',
      'Restarts by memory (recycle: { maxMemory: 300MB }) are not available yet; take it out.',
    ],
    ['env_production: { A: b }', 'Write env, with ${NAME:-default} where it depends on the environment.'],
    ['name: web', 'The name of a service is its key: services: { NAME: { command: … } }.'],
    ['WorkingDirectory: /srv', 'Did you mean "cwd"?'],
    ['Restart: always', 'Did you mean "restart"?'],
    ['RestartSec: 5', 'Write restart: { delay: 5s }.'],
    ['TimeoutStopSec: 90', 'Write stop: { timeout: 90s }.'],
    ['Type: notify', 'Write ready: notify.'],
    ['Type: forking', 'Take it out: the command stays in the foreground, and must not make a daemon of itself.'],
    ['LimitNOFILE: 65536', 'Write limits: { nofile: 65536 }.'],
    ['WatchdogSec: 30s', 'Write heartbeat: { timeout: 30s }.'],
    ['After: db', 'Write dependsOn: { db: ready } in the service that has to wait.'],
    ['depends_on: [db]', 'Did you mean "dependsOn"?'],
    ['ports: [8080]', DECLARE],
    ['image: nginx', 'Take it out: Holdfast runs programs of this machine, not containers.'],
    ['stop_grace_period: 30s', 'Write stop: { timeout: 30s }.'],
  ])('%s', async (written, hint) => {
    const key = written.slice(0, written.indexOf(':'))
    expect(await told(inWeb(written))).toEqual([[unknown(key), hint]])
  })

  test.each(['cmd: node x', 'exec: node x', 'script: x.js', 'ExecStart: /bin/x', 'entrypoint: x', 'comand: x'])(
    '%s is one error: that the command is missing follows from it',
    async (written) => {
      const key = written.slice(0, written.indexOf(':'))
      expect(await told(`services:\n  web: { ${written} }\n`)).toEqual([
        [`2:10 services.web.${key}: unknown key "${key}"`, 'Did you mean "command"?'],
      ])
    },
  )

  test('every key of these tables has advice, whatever its value', async () => {
    for (const value of ['5', 'text', 'true', '[1]', '{ a: 1 }', '', '-1', '"a\\nb"', '1e400']) {
      for (const key of ['autorestart', 'startsecs', 'kill_timeout', 'stopsignal', 'out_file', 'Type', 'RestartSec']) {
        const [problem] = await told(inWeb(`${key}: ${value}`))
        expect(problem?.[0]).toBe(unknown(key))
        expect(problem?.[1]).toMatch(/^(Write|Take it out)[^\n]*\.$/)
        expect(problem?.[1]).not.toMatch(/undefined|null|NaN|Infinity|\[object/)
      }
    }
  })
})

describe('addresses', () => {
  const anywhere = 'Write tcp://0.0.0.0:8080, or tcp://127.0.0.1:8080 for this machine only.'
  test.each<readonly [written: string, hint: string]>([
    ['":8080"', anywhere],
    ['"8080"', anywhere],
    ['tcp:8080', anywhere],
    ['localhost:8080', 'Write tcp://localhost:8080.'],
    ['http://0.0.0.0:80', 'Write tcp://0.0.0.0:80.'],
    ['"[::]:80"', 'Write tcp6://[::]:80.'],
    ['tcp://example.org', 'The port is missing: tcp://example.org:8080.'],
    ['/run/app.sock', 'Write unix:/run/app.sock.'],
    ['app.sock', 'Write unix:app.sock.'],
    ['nonsense', 'Write tcp://HOST:PORT, tcp6://[HOST]:PORT, udp://HOST:PORT or unix:PATH; port 0 is any free one.'],
  ])('%s', async (written, hint) => {
    const [problem, second] = await told(`sockets:\n  http: ${written}\n`)
    const text = written.replaceAll('"', '')
    expect(problem).toEqual([`2:9 sockets.http: "${text}" is not an address to listen on`, hint])
    expect(second).toBeUndefined()
  })

  test('a port alone', async () => {
    expect(await told('sockets:\n  http: 8080\n')).toEqual([
      [
        '2:9 sockets.http: expected an address or an object with `listen`, found number 8080',
        `${anywhere} With more keys: { listen: …, backlog: 1024 }.`,
      ],
    ])
    expect(await told('sockets:\n  http: { listen: 8080 }\n')).toEqual([
      ['2:19 sockets.http.listen: expected an address, found number 8080', anywhere],
    ])
  })

  test('a socket that nothing declares', async () => {
    expect(await told(inWeb('sockets: [http]'))).toEqual([
      [
        '4:15 services.web.sockets[0]: unknown socket "http"',
        'Declare it at the top of the file, sockets: { http: tcp://0.0.0.0:8080 }, or correct the name.',
      ],
    ])
  })
})

describe('the wrong level', () => {
  test.each<Habit>([
    [
      'services:\n  - name: api\n    command: x\n',
      '2:3 services: expected an object, found a list',
      'Each service stands below its name: services: { api: { command: … } }.',
    ],
    [
      'services:\n  web: node a.js\n',
      '2:8 services.web: expected an object, found text "node a.js"',
      'Write web: { command: node a.js }.',
    ],
    [
      'services:\n  web:\n    command node a.js\n',
      '3:5 services.web: expected an object, found text "command node a.js"',
      'Write command: node a.js, with a colon and a blank after the key.',
    ],
    [
      'web: node server.js\n',
      '1:1 web: unknown key "web"',
      'If "web" is a service, write services: { web: { command: node server.js } }.',
    ],
    ['web:\n  command: x\n', '1:1 web: unknown key "web"', 'If "web" is a service, indent it below services.'],
    [
      `${inWeb('')}instances: 2\n`,
      '5:1 instances: unknown key "instances"',
      `"instances" is a key of a service: write it below the service's name, or below defaults for all services.`,
    ],
    [
      inWeb('logDir: x'),
      '4:5 services.web.logDir: unknown key "logDir"',
      '"logDir" stands at the top of the file: do not indent it.',
    ],
    [
      inWeb('restart:\n  when: never\n  instances: 2'),
      '6:7 services.web.restart.instances: unknown key "instances"',
      '"instances" is a key of web itself: indent it as far as "command".',
    ],
    [
      inWeb('api:\n  command: x'),
      '4:5 services.web.api: unknown key "api"',
      'If "api" is a service of its own, indent it as far as "web".',
    ],
    [
      'services:\n  web:\n    command: x\n  instances: 2\n',
      '4:3 services.instances: "instances" stands here as the name of a service',
      `If the key "instances" of a service is meant, indent it below that service's name.`,
    ],
    [
      'services:\n  web: { command: x }\n  sockets:\n    http: tcp://:80\n',
      '3:3 services.sockets: "sockets" stands here as the name of a service',
      'If the key "sockets" of the file is meant, do not indent it.',
    ],
    [
      'sockets: [http]\n',
      '1:10 sockets: expected an object, found a list',
      'Each socket stands below its name: sockets: { http: tcp://0.0.0.0:8080 }.',
    ],
    [
      'node server.js\n',
      '1:1 expected an object with `services`, found text "node server.js"',
      'Begin with services: { web: { command: node server.js } }.',
    ],
  ])('%s', async (yaml, error, hint) => {
    expect(await told(yaml)).toEqual([[error, hint]])
  })

  test('services may be called as keys are', async () => {
    const yaml = 'services:\n  watch: { command: x }\n  sockets: { command: x }\n  notify: { command: x }\n'
    expect(await load(yaml)).toMatchObject({ ok: true })
  })
})
