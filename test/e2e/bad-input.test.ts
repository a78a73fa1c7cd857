// Bad input changes nothing: one clear error, nothing started, nothing left; and what runs stays as it is.
import { execFileSync } from 'node:child_process'
import { existsSync, readFileSync, truncateSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { describe, expect, onTestFinished, test } from 'vitest'
import { freePort } from './harness/free-port.ts'
import { mountTmpfs } from './harness/mount.ts'
import { isRoot, testWhere } from './harness/requirement.ts'
import { newScene, type RunResult, type Scene } from './harness/scene.ts'

const asRoot = testWhere(isRoot, 'mounting file systems and giving files away needs root')
const SLEEP = ['sleep', '1000']

/** Line 1 is `runtimeDir`; the rest of the file begins in line 2. */
const BAD_CONFIGS: readonly (readonly [name: string, yaml: string, error: RegExp])[] = [
  [
    'an unknown key',
    'services:\n  web:\n    comand: sleep 1',
    /^bad\.yaml:4:5: services\.web\.comand: unknown key "comand"\n.*\n.*\^+\n.*"command"/m,
  ],
  [
    'a wrong type',
    'services:\n  web: { command: sleep 1, instances: [3] }',
    /^bad\.yaml:3:39: services\.web\.instances: expected .*, found a list/m,
  ],
  [
    'a bad duration',
    'services:\n  web:\n    command: sleep 1\n    startTimeout: 10 parsecs',
    /^bad\.yaml:5:19: services\.web\.startTimeout: .*10 parsecs/m,
  ],
  [
    'a name given twice',
    'services:\n  web: { command: sleep 1 }\n  web: { command: sleep 2 }',
    /^bad\.yaml:4:3: services\.web: .*second time; the first is at 3:3/m,
  ],
  [
    'a dependency that is not there',
    'services:\n  web: { command: sleep 1, dependsOn: { bd: ready } }\n  db: { command: sleep 1 }',
    /^bad\.yaml:3:41: services\.web\.dependsOn\.bd: unknown service "bd"[\s\S]*"db"/m,
  ],
  [
    'a socket that is not there',
    'services:\n  web: { command: sleep 1, sockets: [http] }',
    /^bad\.yaml:3:38: services\.web\.sockets\[0\]: unknown socket "http"/m,
  ],
  [
    'dependencies in a circle',
    'services:\n  a: { command: sleep 1, dependsOn: { b: ready } }\n  b: { command: sleep 1, dependsOn: { a: started } }',
    /^bad\.yaml:3:\d+: services\.a\.dependsOn.*: .*in a circle: a → b → a/m,
  ],
  [
    'a command that is not there',
    'services:\n  web: { command: no-such-program --fast }',
    /^bad\.yaml:3:19: services\.web\.command: command not found: no-such-program/m,
  ],
  [
    'a command that may not be run',
    'services:\n  web: { command: [./text.txt] }',
    /^bad\.yaml:3:19: services\.web\.command: command cannot be run: \.\/text\.txt: .*not executable/m,
  ],
  [
    'a directory that is not there',
    'services:\n  web: { command: sleep 1, cwd: nowhere }',
    /^bad\.yaml:3:33: services\.web\.cwd: working directory .*\/nowhere: no such directory/m,
  ],
  [
    'a user that is not there',
    'services:\n  web: { command: sleep 1, user: mickey }',
    /^bad\.yaml:3:34: services\.web\.user: there is no user mickey/m,
  ],
  [
    'a group that is not there',
    'services:\n  web: { command: sleep 1, group: mouse }',
    /^bad\.yaml:3:35: services\.web\.group: there is no group mouse/m,
  ],
  [
    'what is not built yet',
    'locks: { one: { type: etcd } }\nservices:\n  web: { command: sleep 1, watch: [src] }',
    /locks\.one\.type: type other than file is not available yet[\s\S]*services\.web\.watch: watch is not available yet/,
  ],
  ['broken YAML', 'services:\n  web: { command: sleep 1\n', /^bad\.yaml:\d+:\d+: /m],
  [
    'a variable that is not set',
    'services:\n  web: { command: "sleep ${SURELY_NOT_SET}" }',
    /^bad\.yaml:3:\d+: services\.web\.command: .*SURELY_NOT_SET/m,
  ],
]

describe('a bad config', () => {
  test.each(BAD_CONFIGS)('%s', async (_name, yaml, error) => {
    const scene = newScene()
    scene.write('text.txt', 'no program', 0o644)
    const up = await upWith(scene, `runtimeDir: run\n${yaml}\n`)
    expect(up.err).toMatch(error)
    expectRefused(scene, up, 2)
  })

  test('too large, binary, in another encoding, a YAML bomb, not there at all: each said at once', async () => {
    const scene = newScene()
    const refusal = async (content: string | Buffer): Promise<string> => {
      const up = await upWith(scene, content)
      expectRefused(scene, up, 2)
      expect(up.millis).toBeLessThan(5_000)
      return up.err
    }
    expect(await refusal(Buffer.from([0x7f, 0x45, 0x4c, 0x46, 2, 1, 1, 0, 0, 0]))).toMatch(
      /bad\.yaml: .*binary: byte 7 is zero/,
    )
    expect(await refusal(Buffer.from('services: {}\n# caf\xe9\n', 'latin1'))).toMatch(
      /bad\.yaml: .*not UTF-8: byte 18 is 0xe9/,
    )
    const levels = [...'bcdefghij'].map((name, level) => `x-${name}: &${name} [${`*${'abcdefghi'[level]},`.repeat(9)}]`)
    expect(await refusal(`x-a: &a [lol,lol,lol]\n${levels.join('\n')}\nservices: { web: { command: *j } }\n`)).toMatch(
      /bad\.yaml:\d+:\d+: .*alias/i,
    )
    scene.write('bad.yaml', '')
    truncateSync(scene.path('bad.yaml'), 100 * 1024 * 1024)
    const large = await scene.run(['-c', 'bad.yaml', 'up', '--detach'])
    expect(large.err).toMatch(/bad\.yaml: .*104857600 bytes, more than 10MB/)
    expectRefused(scene, large, 2)
    const missing = await scene.run(['-c', 'nowhere.yaml', 'up', '--detach'])
    expect(missing.err).toMatch(/nowhere\.yaml: cannot open it: no such file/)
    expectRefused(scene, missing, 2)
  })

  test('every error of the file and of the machine is told, and check agrees with up', async () => {
    const scene = newScene()
    scene.write(
      'bad.yaml',
      'runtimeDir: run\nservices:\n  a: { command: sleep 1, umask: 9 }\n  b: { comand: sleep }\n  c: { command: gone }\n',
    )
    const up = await scene.run(['-c', 'bad.yaml', 'up', '--detach'])
    expect(up.err).toMatch(/bad\.yaml:3:33: /)
    expect(up.err).toMatch(/bad\.yaml:4:8: /)
    expect(up.err).toMatch(/bad\.yaml:5:17: services\.c\.command: command not found: gone/)
    expect(up.err).toMatch(/3 errors in /)
    const check = await scene.run(['-c', 'bad.yaml', 'check'])
    expect(check.code).toBe(2)
    for (const line of up.err.match(/^bad\.yaml:.*$/gm) ?? []) expect(check.out).toContain(line)
  })
})

describe('a machine that does not fit', () => {
  test('a port in use: which one, and nothing else is started', async () => {
    const scene = newScene()
    const port = await freePort()
    const other = createServer().listen(port, '127.0.0.1')
    onTestFinished(() => void other.close())
    const sockets = { free: 'unix:free.sock', taken: `tcp://127.0.0.1:${port}` }
    scene.configure({ sockets, services: { web: { command: SLEEP } } })
    const up = await scene.holdfast('up', '--detach')
    expect(up.err).toMatch(new RegExp(`socket taken: cannot listen on tcp://127\\.0\\.0\\.1:${port}: .*already in use`))
    expectRefused(scene, up, 1)
    // The one that could be bound is gone as well.
    expect(scene.exists('free.sock')).toBe(false)
    const check = await scene.holdfast('check')
    expect(check.code).toBe(2)
    expect(check.out).toMatch(/holdfast\.json:1:\d+: sockets\.taken/)
  })

  test('paths of sockets that are longer than the kernel takes', async () => {
    const scene = newScene()
    const long = 'x'.repeat(108)
    scene.configure({ sockets: { web: `unix:/tmp/${long}` }, services: {} })
    const listener = await scene.holdfast('up', '--detach')
    expect(listener.err).toMatch(/web.*(107|too long)/)
    expectRefused(scene, listener)
    scene.configure({ runtimeDir: long, services: { web: { command: SLEEP } } })
    const control = await scene.holdfast('up', '--detach')
    expect(control.err).toMatch(
      /holdfast\.json:1:30: runtimeDir: the path of the control socket has \d+ bytes, more than 107/,
    )
    expectRefused(scene, control, 2)
  })

  asRoot('a runtime directory on a read-only or full file system, or that belongs to somebody else', async () => {
    const scene = newScene()
    scene.configure({ services: { web: { command: SLEEP } } })
    const unmount = mountTmpfs(scene, 'run', 'ro')
    const readOnly = await scene.holdfast('up', '--detach')
    unmount()
    expect(readOnly.err).toMatch(/runtime directory .*\/run: the file system is read-only/)
    expectRefused(scene, readOnly, 1)

    const unmountFull = mountTmpfs(scene, 'run', 'size=4k,mode=700')
    writeFileSync(`${scene.runtimeDir}/full`, Buffer.alloc(4096))
    const full = await scene.holdfast('up', '--detach')
    const left = execFileSync('ls', ['-A', scene.runtimeDir], { encoding: 'utf8' })
    unmountFull()
    expect(full.err).toMatch(/runtime directory .*\/run: no space left/)
    expectRefused(scene, full, 1)
    expect(left).toBe('full\n')

    execFileSync('chown', ['nobody', scene.runtimeDir])
    const foreign = await scene.holdfast('up', '--detach')
    expect(foreign.err).toMatch(/runtime directory .*\/run: it belongs to uid 65534/)
    expectRefused(scene, foreign, 1)
  })

  test('a runtime directory that may not be written to', async () => {
    const scene = newScene()
    scene.write('run', 'a file')
    scene.configure({ services: { web: { command: SLEEP } } })
    const up = await scene.holdfast('up', '--detach')
    expect(up.err).toMatch(/runtime directory .*\/run: it is not a directory/)
    expectRefused(scene, up, 1)
    execFileSync('rm', [scene.runtimeDir])
  })
})

describe('a running supervisor', () => {
  test('a config that is broken meanwhile changes nothing, by apply, by HUP and by restart', async () => {
    const scene = newScene()
    const good = { services: { web: { command: SLEEP }, other: { command: SLEEP } } }
    scene.configure(good)
    await scene.up()
    const before = await scene.status()
    const broken = [
      '{ "services": ',
      JSON.stringify({
        ...JSON.parse(readFileSync(scene.config, 'utf8')),
        services: { web: { command: SLEEP, restrat: {} } },
      }),
      JSON.stringify({
        ...JSON.parse(readFileSync(scene.config, 'utf8')),
        services: { web: { command: ['no-such-program'] } },
      }),
    ]
    for (const text of broken) {
      scene.write('holdfast.json', text)
      const apply = await scene.holdfast('apply')
      expect(apply.code, apply.all).toBe(2)
      expect(apply.err).toMatch(/holdfast\.json:1:\d+: /)
      process.kill(scene.supervisorPid(), 'SIGHUP')
      await scene.logSays(/apply: nothing changed: /)
      expect(unchanging(await scene.status())).toEqual(unchanging(before))
    }
    const restart = await scene.holdfast('restart', 'web')
    expect(restart.code, restart.all).toBe(0)
    const elsewhere = await scene.run(['-c', scene.config, 'status'], { cwd: tmpdir() })
    expect(elsewhere.code, elsewhere.all).toBe(0)
    const down = await scene.run(['-c', scene.config, 'down'], { cwd: tmpdir() })
    expect(down.code, down.all).toBe(0)
    expect(scene.processes()).toEqual([])
  })

  test('an apply whose new socket is taken, or that moves the runtime directory, changes nothing', async () => {
    const scene = newScene()
    const port = await freePort()
    const other = createServer().listen(port, '127.0.0.1')
    onTestFinished(() => void other.close())
    const config = { sockets: { http: 'tcp://127.0.0.1:0' }, services: { web: { command: SLEEP, sockets: ['http'] } } }
    scene.configure(config)
    await scene.up()
    const before = await scene.status()
    const services = { web: { command: ['sleep', '2000'], sockets: ['http'] } }
    scene.configure({
      services,
      sockets: { ...config.sockets, more: 'unix:more.sock', taken: `tcp://127.0.0.1:${port}` },
    })
    const taken = await scene.holdfast('apply')
    expect(taken.code, taken.all).toBe(1)
    expect(taken.err).toMatch(/socket taken: cannot listen/)
    expect(scene.exists('more.sock')).toBe(false)
    scene.configure({ ...config, services, runtimeDir: 'elsewhere' })
    const moved = await scene.holdfast('apply')
    expect(moved.code, moved.all).toBe(1)
    expect(moved.err).toContain('runtimeDir can not be changed')
    expect(unchanging(await scene.status())).toEqual(unchanging(before))
    expect(scene.exists('elsewhere')).toBe(false)
  })

  test('commands about what is not there', async () => {
    const scene = newScene()
    scene.configure({ services: { web: { command: SLEEP } } })
    await scene.up()
    const before = await scene.status()
    const refusals: [string[], number, RegExp][] = [
      [['stop', 'wbe'], 2, /nothing matches "wbe"[\s\S]*web/],
      [['stop', 'web/7'], 2, /nothing matches "web\/7"/],
      [['restart', '@blue'], 2, /nothing matches "@blue"/],
      [['scale', 'web', 'many'], 2, /many/],
      [['signal', 'SIGNONE', 'web'], 2, /no signal "SIGNONE"/],
      [['frobnicate'], 2, /frobnicate/],
      [['stop', '--force', 'web'], 2, /--force/],
      [['logs', '--since', 'yesterday'], 2, /yesterday/],
      [['upgrade'], 1, /not available yet/],
    ]
    for (const [args, code, error] of refusals) {
      const result = await scene.holdfast(...args)
      expect(result.err).toMatch(error)
      expect({ args, code: result.code }).toEqual({ args, code })
    }
    expect(unchanging(await scene.status())).toEqual(unchanging(before))
  })
})

function upWith(scene: Scene, content: string | Buffer): Promise<RunResult> {
  writeFileSync(scene.path('bad.yaml'), content)
  return scene.run(['-c', 'bad.yaml', 'up', '--detach'])
}

/** A sentence and no stack; no process, no pointer, no socket, no record. */
function expectRefused(scene: Scene, { code, out, err }: RunResult, expected?: number): void {
  if (expected === undefined) expect([1, 2], err).toContain(code)
  else expect(code, err).toBe(expected)
  expect(out).toBe('')
  expect(err).not.toMatch(/^ +at |internal error/m)
  expect(err.length).toBeLessThan(2_000)
  expect(scene.processes()).toEqual([])
  expect(existsSync(scene.pointer)).toBe(false)
  expect(existsSync(`${scene.runtimeDir}/holdfast.sock`)).toBe(false)
}

/** What must stay as it was. */
function unchanging({ services, sockets }: Awaited<ReturnType<Scene['status']>>): unknown {
  const workers = services.flatMap(({ name, state, generation, rollout, workers: all }) =>
    all.map(({ pid, restarts }) => ({ name, state, generation, rollout, pid, restarts })),
  )
  return { workers, sockets: sockets.map(({ name, listen }) => `${name} ${listen}`) }
}
