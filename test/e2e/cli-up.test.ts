import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { CLI, newScene, type Scene } from './harness/scene.ts'
import { waitFor } from './harness/wait-for.ts'

interface Foreground {
  readonly child: ChildProcess
  readonly output: () => string
  sees(text: string): Promise<void>
  ended(): Promise<number | null>
}

function foreground(scene: Scene, ...args: string[]): Foreground {
  const child = scene.start(['-c', scene.config, 'up', ...args])
  let output = ''
  child.stdout?.on('data', (chunk) => {
    output += chunk
  })
  child.stderr?.on('data', (chunk) => {
    output += chunk
  })
  const closed = once(child, 'close')
  return {
    child,
    output: () => output,
    sees: async (text) => {
      await waitFor(() => output.includes(text), { what: `"${text}" in the output` }).catch((error) => {
        throw new Error(`${error.message}; output:\n${output}`)
      })
    },
    ended: async () => (await closed)[0],
  }
}

const talker = (text: string) => ['sh', '-c', `echo ${text}; exec sleep 1000`]
const stubborn = ['sh', '-c', 'trap "" TERM; echo up; while :; do sleep 0.1; done']

describe('in the foreground', () => {
  test('a banner, every line with its worker, state changes; TERM stops everything, exit 0', async () => {
    const scene = newScene()
    scene.configure({
      sockets: { http: 'tcp://127.0.0.1:0' },
      services: { web: { command: talker('hello'), sockets: ['http'] }, other: { command: talker('there') } },
    })
    const up = foreground(scene)
    await up.sees('web/0   | hello')
    await up.sees('other/0 | there')
    await up.sees('holdfast: web/0: process ')
    await up.sees(' is ready')
    expect(up.output()).toMatch(/holdfast: .*supervisor of "scene", pid \d+, 2 services\n/)
    expect(up.output()).toMatch(/holdfast: socket http listens on tcp:\/\/127\.0\.0\.1:[1-9]\d+/)
    expect(up.output()).toContain(`holdfast -c ${scene.config} status`)
    expect(scene.supervisorPid()).toBe(up.child.pid)
    up.child.kill('SIGTERM')
    expect(await up.ended()).toBe(0)
    expect(up.output()).toContain('holdfast: everything is stopped')
    expect(scene.processes()).toEqual([])
    const log = scene.read('log/holdfast.log')
    expect(log).toContain('web/0 starting → running')
    expect(log).toContain('SIGTERM: stopping everything')
  })

  test('no line is lost, however early it is said', async () => {
    const scene = newScene()
    const early = Object.fromEntries(
      Array.from({ length: 20 }, (_, i) => [`early${i}`, { command: ['/bin/echo', `one line of ${i}`] }]),
    )
    const five = { command: ['sh', '-c', 'echo 1; echo 2; echo 3; echo 4; echo 5'] }
    scene.configure({ defaults: { restart: { when: 'never' } }, services: { ...early, five } })
    const up = foreground(scene)
    for (let i = 0; i < 20; i++) await up.sees(`| one line of ${i}\n`)
    for (let line = 1; line <= 5; line++) await up.sees(`five/0    | ${line}\n`)
    up.child.kill('SIGTERM')
    expect(await up.ended()).toBe(0)
    expect(up.output().match(/ \| /g)).toHaveLength(25)
  })

  test('a crash is told, and that it is tried again', async () => {
    const scene = newScene()
    scene.configure({
      services: {
        web: { command: ['sh', '-c', 'exit 3'], ready: { delay: '5s' }, restart: { immediate: 1, initial: '20s' } },
      },
    })
    const up = foreground(scene)
    await up.sees('holdfast: web/0: exited with code 3; restarted at once')
    await up.sees('holdfast: web/0: exited with code 3; 2 failures in a row, next try in ')
    up.child.kill('SIGTERM')
    expect(await up.ended()).toBe(0)
  })

  test('a service whose output goes elsewhere since an apply is still seen', async () => {
    const scene = newScene()
    const web = (text: string) => ({ command: talker(text), stdout: `file:${scene.path(text)}` })
    scene.configure({ services: { web: web('before') } })
    const up = foreground(scene)
    await up.sees('web/0 | before')
    scene.configure({ services: { web: web('after') } })
    up.child.kill('SIGHUP')
    await up.sees('web/0 | after')
    up.child.kill('SIGTERM')
    expect(await up.ended()).toBe(0)
  })

  test('-q: the services’ output and nothing else', async () => {
    const scene = newScene()
    scene.configure({ services: { web: { command: talker('hello') } } })
    const up = foreground(scene, '-q')
    await up.sees('web/0 | hello')
    up.child.kill('SIGINT')
    expect(await up.ended()).toBe(0)
    expect(up.output()).toBe('web/0 | hello\n')
  })

  test('a second TERM hurries, QUIT does not wait at all', async () => {
    const scene = newScene()
    scene.configure({
      services: { web: { command: stubborn, stop: { signals: ['TERM/60s', 'KILL'], timeout: '60s' } } },
    })
    const first = foreground(scene)
    await first.sees('web/0 | up')
    first.child.kill('SIGTERM')
    await first.sees('SIGTERM: stopping everything')
    first.child.kill('SIGTERM')
    expect(await first.ended()).toBe(0)
    const second = foreground(scene)
    await second.sees('web/0 | up')
    second.child.kill('SIGQUIT')
    expect(await second.ended()).toBe(0)
  })

  test('HUP applies the config, a broken one changes nothing; services that are new are seen', async () => {
    const scene = newScene()
    scene.configure({ services: { web: { command: talker('hello') } } })
    const up = foreground(scene)
    await up.sees('web/0 | hello')
    const { pid } = await scene.worker('web/0')
    scene.write('holdfast.json', '{ "services": { "web": { "comand": "x" } } }')
    up.child.kill('SIGHUP')
    await up.sees('apply: nothing changed: ')
    await up.sees('unknown key "comand"')
    scene.configure({ services: { web: { command: talker('hello') }, late: { command: talker('to the party') } } })
    up.child.kill('SIGHUP')
    await up.sees('late/0 | to the party')
    await up.sees('apply: done')
    expect((await scene.worker('web/0')).pid).toBe(pid)
    up.child.kill('SIGTERM')
    expect(await up.ended()).toBe(0)
  })

  test.skipIf(!existsSync('/usr/bin/script'))('a terminal that is closed stops everything', async () => {
    const scene = newScene()
    scene.configure({ services: { web: { command: talker('hello') } } })
    const command = `${process.execPath} ${CLI} -c ${scene.config} up`
    const terminal = spawn('script', ['-qec', command, '/dev/null'], {
      env: { ...process.env, E2E_SCENE: scene.dir },
    })
    let output = ''
    terminal.stdout.on('data', (chunk) => {
      output += chunk
    })
    await waitFor(() => output.includes('hello'), { what: 'output on the terminal' })
    // On a terminal it is coloured.
    expect(output).toContain('\u001b[')
    expect(scene.processes().length).toBeGreaterThan(1)
    terminal.kill('SIGKILL')
    await waitFor(() => scene.processes().length === 0, { what: 'everything to stop' })
    expect(scene.read('log/holdfast.log')).toContain('the terminal is gone: stopping everything')
  })

  test('USR1 opens the logs anew, USR2 is not available yet; neither opens the inspector nor ends it', async () => {
    const scene = newScene()
    scene.configure({ services: { web: { command: ['sh', '-c', 'while :; do echo line; sleep 0.05; done'] } } })
    const up = foreground(scene)
    await waitFor(() => scene.read('log/web.log').includes('line'))
    const { renameSync } = await import('node:fs')
    renameSync(scene.path('log/web.log'), scene.path('log/moved.log'))
    up.child.kill('SIGUSR1')
    await waitFor(() => scene.read('log/web.log').includes('line'), { what: 'a new file' })
    up.child.kill('SIGUSR2')
    await up.sees('SIGUSR2: upgrade is not available yet')
    expect(up.output()).not.toContain('Debugger')
    up.child.kill('SIGTERM')
    expect(await up.ended()).toBe(0)
  })

  test('what is set for the supervisor itself does not reach the services', async () => {
    const scene = newScene()
    scene.configure({ services: { web: { command: ['sh', '-c', 'env; echo done; exec sleep 1000'] } } })
    const up = foreground(scene)
    await up.sees('web/0 | done')
    expect(up.output()).not.toContain('UV_THREADPOOL_SIZE')
    // libuv's pool, made at the first asynchronous file call.
    expect(readdirSync(`/proc/${up.child.pid}/task`).length).toBeGreaterThan(16)
    up.child.kill('SIGTERM')
    await up.ended()
  })
})

describe('--detach', () => {
  test('returns when the services are ready, in a session of its own', async () => {
    const scene = newScene()
    scene.configure({
      services: {
        slow: { command: 'sleep 1000', ready: { delay: '400ms' } },
        off: { command: 'sleep 1', autostart: false },
      },
    })
    const up = await scene.up()
    expect(up.out).toMatch(/^up: 1 service, supervisor \d+; look at it: holdfast -c \S+ status\n$/)
    expect(up.millis).toBeGreaterThan(400)
    expect((await scene.service('slow')).ready).toBe(1)
    const pid = scene.supervisorPid()
    const [, , , , group, session] = readFileSync(`/proc/${pid}/stat`, 'utf8')
      .replace(/\(.*\)/, 'x')
      .split(' ')
    expect([group, session]).toEqual([String(pid), String(pid)])
  })

  test('exit 1 names what is not up; the supervisor and the others keep running', async () => {
    const scene = newScene()
    scene.configure({
      services: {
        good: { command: 'sleep 1000' },
        bad: {
          command: ['sh', '-c', 'echo no database >&2; exit 3'],
          ready: { delay: '1s' },
          restart: { immediate: 0, initial: '20s' },
        },
        task: { command: ['true'], restart: { when: 'never' } },
      },
    })
    const up = await scene.holdfast('up', '--detach')
    expect(up.code).toBe(1)
    expect(up.err).toContain('bad: start failed:')
    expect(up.err).toContain('exited with code 3')
    expect(up.err).toContain('    no database')
    expect(up.err).toContain('not up: bad. The supervisor')
    expect((await scene.service('good')).ready).toBe(1)
    expect((await scene.holdfast('status', 'good')).code).toBe(0)
    expect((await scene.holdfast('status', 'bad')).code).toBe(3)
  })

  test('a supervisor that cannot start: its error is shown, nothing is left', async () => {
    const scene = newScene()
    const blocker = await import('node:net').then(({ createServer }) => createServer().listen(0, '127.0.0.1'))
    await once(blocker, 'listening')
    const { port } = blocker.address() as { port: number }
    scene.configure({
      sockets: { http: `tcp://127.0.0.1:${port}` },
      services: { web: { command: 'sleep 1000', sockets: ['http'] } },
    })
    const up = await scene.holdfast('up', '--detach')
    blocker.close()
    expect(up.code).toBe(1)
    expect(up.err).toContain(`socket http: cannot listen on tcp://127.0.0.1:${port}: `)
    expect(up.err).toContain('address already in use')
    expect(scene.processes()).toEqual([])
    // And nothing is in the way of the next attempt.
    await scene.up()
    await scene.down()
  })

  test('does not take sockets that were meant for a process that is watched', async () => {
    const scene = newScene()
    scene.configure({ services: { web: { command: 'sleep 1000' } } })
    const up = await scene.run(['-c', scene.config, 'up', '--detach'], { env: { SERVER_STARTER_PORT: '8080=3' } })
    expect(up).toMatchObject({ code: 2, err: expect.stringContaining('run up without --detach') })
  })
})

describe('two at once', () => {
  test('the same config a second time, also with another name meanwhile: exit 1, nothing harmed', async () => {
    const scene = newScene()
    scene.configure({ services: { web: { command: 'sleep 1000' } } })
    await scene.up()
    const pid = scene.supervisorPid()
    for (const changes of [{}, { name: 'renamed', runtimeDir: 'elsewhere' }]) {
      scene.configure({ ...changes, services: { web: { command: 'sleep 1000' } } })
      for (const args of [[], ['--detach'], ['--detach', '--clean']]) {
        const again = await scene.holdfast('up', ...args)
        expect(again).toMatchObject({
          code: 1,
          err: expect.stringContaining(`a supervisor (pid ${pid}) already runs this config`),
        })
      }
    }
    expect(scene.supervisorPid()).toBe(pid)
    expect((await scene.service('web')).ready).toBe(1)
  })

  test('another config that would write the same logs: exit 1 and says which key to set, nothing harmed', async () => {
    const scene = newScene()
    scene.configure({ services: { web: { command: 'sleep 1000' } } })
    await scene.up()
    const other = (changes: Record<string, unknown>) =>
      scene.write(
        'other.json',
        JSON.stringify({ name: 'other', runtimeDir: 'run2', services: { web: { command: 'sleep 1000' } }, ...changes }),
      )
    const supervisor = `in use by the supervisor (pid ${scene.supervisorPid()}) of another config: ${scene.config}`
    for (const [changes, key] of [
      [{}, 'logDir'],
      [{ logDir: 'log2', stateDir: 'log' }, 'stateDir'],
    ] as const) {
      const config = other(changes)
      for (const args of [['up'], ['up', '--detach']]) {
        const up = await scene.run(['-c', config, ...args])
        expect(up).toMatchObject({
          code: 1,
          err: expect.stringContaining(`${key} ${scene.path('log')} is ${supervisor}`),
        })
        expect(up.err).toContain(`${key}: log/other`)
      }
    }
    expect((await scene.service('web')).ready).toBe(1)
    const config = other({ logDir: 'log/other' })
    expect((await scene.run(['-c', config, 'up', '--detach'])).code).toBe(0)
    expect((await scene.run(['-c', config, 'down'])).code).toBe(0)
    // Who is gone has no claim.
    await scene.down()
    const alone = other({})
    expect((await scene.run(['-c', alone, 'up', '--detach'])).code).toBe(0)
    expect((await scene.run(['-c', alone, 'down'])).code).toBe(0)
  })

  test('another config in the same runtime directory: exit 1 and says to set a name', async () => {
    const scene = newScene()
    scene.configure({ services: { web: { command: 'sleep 1000' } } })
    await scene.up()
    const other = scene.write(
      'other.json',
      JSON.stringify({ runtimeDir: 'run', services: { x: { command: 'sleep 1000' } } }),
    )
    const attempt = () => scene.run(['-c', other, 'up', '--detach'])
    expect(await attempt()).toMatchObject({
      code: 1,
      err: expect.stringMatching(/belongs to another config: .*holdfast\.json\n.*Set `name`/),
    })
    expect((await scene.service('web')).ready).toBe(1)
    await scene.down()
    // The next release in another directory takes over from one that is down.
    expect((await attempt()).code).toBe(0)
    await scene.run(['-c', other, 'down'])
  })
})
