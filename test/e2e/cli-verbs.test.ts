import { execFile } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync, rmSync } from 'node:fs'
import { type AddressInfo, createServer } from 'node:net'
import { describe, expect, test } from 'vitest'
import type { JournalEntry } from '../../src/supervisor/engine-api.ts'
import { freePort } from './harness/free-port.ts'
import { CLI, newScene, type Scene } from './harness/scene.ts'
import { waitFor } from './harness/wait-for.ts'

const counter = (step: string) => ['sh', '-c', `i=0; while :; do i=$((i+1)); echo line $i; sleep ${step}; done`]

describe('status', () => {
  test('has the shape that programs rely on', async () => {
    const scene = newScene()
    scene.configure({
      sockets: { http: 'tcp://127.0.0.1:0' },
      services: {
        web: { description: 'shop', tags: ['front'], command: 'sleep 1000', instances: 2, sockets: ['http'] },
        off: { command: 'sleep 1', autostart: false },
      },
    })
    await scene.up()
    const report = await scene.status()
    expect(report.supervisor).toMatchObject({
      pid: scene.supervisorPid(),
      config: scene.config,
      node: process.version,
      name: 'scene',
    })
    expect(report.services[0]).toMatchObject({
      name: 'web',
      description: 'shop',
      tags: ['front'],
      state: 'running',
      desired: 2,
      ready: 2,
      generation: 1,
      target: 1,
      rollout: { state: 'stable', reason: '' },
    })
    expect(Object.keys(report.services[0]?.workers[0] ?? {})).toEqual(
      expect.arrayContaining(
        'id slot state ready role pid startTime generation since startedAt restarts failures nextRetryAt other lastExit heartbeatAge requests busy rss cpuSeconds adopted message'.split(
          ' ',
        ),
      ),
    )
    expect(report.sockets).toEqual([
      { name: 'http', listen: expect.stringMatching(/^tcp:\/\/127\.0\.0\.1:\d+$/), queued: 0 },
    ])
    expect(report).toMatchObject({ forkservers: [], locks: [] })
    const { out } = await scene.holdfast('status', '--memory', '--json')
    expect(JSON.parse(out).services[0].workers[0].pss).toBeGreaterThan(0)
    expect((await scene.holdfast('status', '--memory')).out).toMatch(/^SERVICE .* PSS /m)
  })

  test('exit codes and targets', async () => {
    const scene = newScene()
    scene.configure({
      services: {
        web: { command: 'sleep 1000', instances: 2, tags: ['x'] },
        off: { command: 'sleep 1', autostart: false },
      },
    })
    await scene.up()
    const code = async (...targets: string[]) => (await scene.holdfast('status', ...targets)).code
    expect(await code()).toBe(0)
    expect(await code('web')).toBe(0)
    expect(await code('web/1')).toBe(0)
    expect(await code('@x')).toBe(0)
    expect(await code('w*')).toBe(0)
    expect(await code('off')).toBe(3)
    expect(await code('web', 'off')).toBe(3)
    expect(await code('web/2')).toBe(2)
    expect(await code('nothing')).toBe(2)
    expect((await scene.status('web/1')).services[0]?.workers.map(({ id }) => id)).toEqual(['web/1'])
  })

  test('works with a broken config, from another directory, and through a socket that is named', async () => {
    const scene = newScene()
    scene.configure({ services: { web: { command: 'sleep 1000' } } })
    await scene.up()
    scene.write('holdfast.json', '{ this is broken')
    expect((await scene.run(['-c', scene.config, 'status'], { cwd: '/' })).code).toBe(0)
    const socket = `${scene.runtimeDir}/holdfast.sock`
    expect((await scene.run(['status', '--socket', socket], { cwd: '/' })).code).toBe(0)
    expect((await scene.run(['status'], { cwd: '/', env: { HOLDFAST_SOCKET: socket } })).code).toBe(0)
    expect((await scene.run(['status'])).code).toBe(0)
    const apply = await scene.holdfast('apply')
    expect(apply.code).toBe(2)
    expect(apply.err).toContain('holdfast.json:1:')
    expect((await scene.down()).code).toBe(0)
  })

  test('--watch shows what happens, and ends with its supervisor', async () => {
    const scene = newScene()
    scene.configure({ services: { web: { command: 'sleep 1000' } } })
    await scene.up()
    const child = scene.start(['-c', scene.config, 'status', '--watch'])
    let out = ''
    child.stdout?.on('data', (chunk) => {
      out += chunk
    })
    const closed = new Promise<number | null>((resolve) => child.on('close', resolve))
    await waitFor(() => out.includes('running'))
    await scene.holdfast('stop', 'web')
    await waitFor(() => /web +stopped/.test(out) && out.includes('stopping → stopped'))
    await scene.down()
    expect(await closed).toBe(5)
  })
})

describe('operations', () => {
  test('start, stop, restart, scale, signal, reload, and what is already so', async () => {
    const scene = newScene()
    scene.configure({
      services: {
        web: {
          command: ['sh', '-c', 'trap "echo got HUP" HUP; while :; do sleep 0.05; done'],
          reload: { signal: 'HUP' },
        },
      },
    })
    await scene.up()
    const first = (await scene.worker('web/0')).pid
    const said = async (...args: string[]) => {
      const { code, out, all } = await scene.holdfast(...args)
      expect(code, all).toBe(0)
      return out
    }
    expect(await said('start', 'web')).toBe('web: already running, 1 worker ready\n')
    await said('restart', 'web')
    const second = (await scene.worker('web/0')).pid
    expect(second).not.toBe(first)
    await said('signal', 'HUP', 'web')
    await waitFor(() => scene.read('log/web.log').includes('got HUP'))
    await said('reload', 'web')
    await waitFor(() => scene.read('log/web.log').match(/got HUP/g)?.length === 2)
    expect((await scene.worker('web/0')).pid).toBe(second)
    await said('scale', 'web', '+2')
    expect((await scene.service('web')).ready).toBe(3)
    await said('scale', 'web', '1')
    expect((await scene.service('web')).workers).toHaveLength(1)
    await said('stop', 'web')
    expect((await scene.service('web')).state).toBe('stopped')
    expect((await scene.holdfast('reload', 'web')).code).toBe(1)
    await said('start', 'web')
    expect((await scene.service('web')).ready).toBe(1)
  })

  test('a failing restart: exit 1 with step, reason and last words; --timeout ends only the waiting', async () => {
    const scene = newScene()
    scene.write('program.sh', 'exec sleep 1000')
    scene.configure({
      services: {
        web: { command: ['sh', 'program.sh'], ready: { delay: '300ms' }, rollout: { maxSurge: 1, maxUnavailable: 0 } },
      },
    })
    await scene.up()
    const { pid } = await scene.worker('web/0')
    scene.write('program.sh', 'echo cannot find the database >&2; exit 7')
    const failed = await scene.holdfast('restart', 'web')
    expect(failed.code).toBe(1)
    expect(failed.err).toContain('web: restart failed:')
    expect(failed.err).toMatch(/step: +.*web\/0/)
    expect(failed.err).toMatch(/reason: +exited with code 7/)
    expect(failed.err).toContain('    cannot find the database')
    expect(await scene.worker('web/0')).toMatchObject({ pid, ready: true })
    scene.write('program.sh', 'exec sleep 1000')
    const impatient = await scene.holdfast('restart', 'web', '--timeout', '50ms')
    expect(impatient.code).toBe(124)
    const second = await scene.holdfast('restart', 'web')
    expect(second).toMatchObject({ code: 1, err: expect.stringContaining('rollout in progress since') })
    await waitFor(async () => (await scene.worker('web/0')).pid !== pid)
  })

  test('stop with dependents', async () => {
    const scene = newScene()
    scene.configure({
      services: { db: { command: 'sleep 1000' }, web: { command: 'sleep 1000', dependsOn: { db: 'ready' } } },
    })
    await scene.up()
    expect(await scene.holdfast('stop', 'db')).toMatchObject({
      code: 1,
      err: expect.stringContaining('--with-dependents'),
    })
    expect((await scene.holdfast('stop', 'db', '--with-dependents')).code).toBe(0)
    expect((await scene.service('web')).state).toBe('stopped')
  })

  test('check while it runs: its own addresses are not taken, those of others are', async () => {
    const scene = newScene()
    const services = { web: { command: 'sleep 1000', sockets: ['http'] } }
    const port = await freePort()
    scene.configure({ sockets: { http: `tcp://127.0.0.1:${port}` }, services })
    await scene.up()
    expect(await scene.holdfast('check')).toMatchObject({ code: 0, err: '' })
    const blocker = createServer().listen(0, '127.0.0.1')
    await once(blocker, 'listening')
    const { port: taken } = blocker.address() as AddressInfo
    scene.configure({ sockets: { http: `tcp://127.0.0.1:${taken}` }, services })
    expect(await scene.holdfast('check')).toMatchObject({ code: 2, out: expect.stringContaining('already in use') })
    blocker.close()
  })

  test('apply --dry-run shows, apply does', async () => {
    const scene = newScene()
    const services = { web: { command: 'sleep 1000' }, old: { command: 'sleep 1000' }, same: { command: 'sleep 1000' } }
    scene.configure({ services })
    await scene.up()
    const before = (await scene.worker('same/0')).pid
    scene.configure({
      services: { web: { command: 'sleep 2000' }, fresh: { command: 'sleep 1000' }, same: services.same },
    })
    const shown = await scene.holdfast('apply', '--dry-run')
    expect(shown.code, shown.all).toBe(0)
    expect(shown.out).toContain('~ web: changed (command)')
    expect(shown.out).toContain('+ fresh: added')
    expect(shown.out).toContain('- old: removed')
    expect(shown.out).toContain('dry run: nothing was done')
    expect((await scene.status()).services.map(({ name }) => name)).toContain('old')
    expect((await scene.holdfast('apply')).code).toBe(0)
    expect((await scene.status()).services.map(({ name }) => name).sort()).toEqual(['fresh', 'same', 'web'])
    expect((await scene.worker('same/0')).pid).toBe(before)
    expect((await scene.holdfast('apply')).out).toContain('nothing has changed')
  })
})

describe('logs and events', () => {
  test('logs -f loses and repeats nothing, and goes on across restarts of the worker', async () => {
    const scene = newScene()
    scene.configure({ services: { web: { command: counter('0.01') } } })
    await scene.up()
    await waitFor(() => scene.read('log/web.log').includes('line 20'))
    const child = scene.start(['-c', scene.config, 'logs', '-f', '-n', '5', 'web'])
    let out = ''
    child.stdout?.on('data', (chunk) => {
      out += chunk
    })
    const numbers = () => [...out.matchAll(/^\S+Z web\/0 out line (\d+)$/gm)].map(([, number]) => Number(number))
    await waitFor(() => numbers().length > 100)
    const seen = numbers()
    expect(seen).toEqual(seen.map((_, i) => (seen[0] ?? 0) + i))
    const before = numbers().length
    await scene.holdfast('restart', 'web')
    await waitFor(() => numbers().slice(before).includes(1))
    const closed = new Promise<number | null>((resolve) => child.on('close', resolve))
    await scene.down()
    expect(await closed).toBe(0)
  })

  test('a reader that leaves early is no failure', async () => {
    const scene = newScene()
    scene.configure({ services: { web: { command: ['sh', '-c', 'seq 1 5000; exec sleep 1000'] } } })
    await scene.up()
    await waitFor(() => scene.read('log/web.log').includes(' 5000'))
    const piped = `set -o pipefail; node ${CLI} -c ${scene.config} logs -n 5000 | head -n 2`
    const out = await new Promise<string>((resolve, reject) =>
      execFile('bash', ['-c', piped], (error, stdout) => (error ? reject(error) : resolve(stdout))),
    )
    expect(out.split('\n')).toHaveLength(3)
  })

  test('events name the cause; -f goes on; why tells it in a sentence', async () => {
    const scene = newScene()
    scene.configure({ services: { web: { command: 'sleep 1000' } } })
    await scene.up()
    const child = scene.start(['-c', scene.config, 'events', '-f', '--json', 'web'])
    const entries: JournalEntry[] = []
    let rest = ''
    child.stdout?.on('data', (chunk) => {
      const lines = (rest + chunk).split('\n')
      rest = lines.pop() ?? ''
      entries.push(...lines.map((line) => JSON.parse(line)))
    })
    await waitFor(() => entries.some(({ to }) => to === 'running'))
    const pid = (await scene.worker('web/0')).pid ?? 0
    process.kill(pid, 'SIGKILL')
    await waitFor(() => entries.some((entry) => entry.to === 'running' && entry.pid !== pid))
    child.kill()
    const { out, code } = await scene.holdfast('why', 'web/0')
    expect(code).toBe(0)
    expect(out.split('\n')[0]).toContain('web/0 runs since')
    expect(out).toContain('SIGKILL')
  })
})

describe('without a supervisor', () => {
  async function dead(): Promise<Scene> {
    const scene = newScene()
    scene.configure({
      services: {
        web: { command: ['sh', '-c', 'echo out line; echo err line >&2; exec sleep 1000'], instances: 2 },
        db: { command: counter('1') },
      },
    })
    await scene.up()
    await waitFor(() => scene.read('log/web.log').match(/err line/g)?.length === 2)
    await scene.down()
    return scene
  }

  test('logs, events and why read what it left, exit 0', async () => {
    const scene = await dead()
    // The config may be broken, or gone, meanwhile.
    scene.write('holdfast.json', 'broken')
    const first = /^supervisor not running since \d{4}-\S+Z\n/
    const logs = await scene.holdfast('logs', '-f', 'web')
    expect(logs).toMatchObject({ code: 0, out: expect.stringMatching(first) })
    expect(logs.out.split('\n').filter((line) => / web\/[01] (out|err) /.test(line))).toHaveLength(4)
    const filtered = await scene.holdfast('logs', 'web/1', '--stream', 'err')
    expect(filtered.out.split('\n').slice(1)).toEqual([expect.stringMatching(/web\/1 err err line$/), ''])
    const events = await scene.holdfast('events', '-n', '2', 'db')
    expect(events).toMatchObject({ code: 0, out: expect.stringMatching(first) })
    expect(events.out.trim().split('\n')).toHaveLength(3)
    const why = await scene.holdfast('why', 'web/0')
    expect(why).toMatchObject({ code: 0, out: expect.stringMatching(first) })
    expect(why.out).toContain('web/0 is stopped since')
    expect((await scene.holdfast('why', 'nothing')).code).toBe(2)
    const json = await scene.holdfast('events', '--json', '-n', '1')
    expect(JSON.parse(json.out)).toHaveProperty('reason')
    expect(json.err).toMatch(first)
  })

  test('without its pointer too (a reboot empties /run), by the config', async () => {
    const scene = await dead()
    rmSync(scene.pointer)
    const logs = await scene.holdfast('logs', '-n', '1', 'web')
    expect(logs).toMatchObject({
      code: 0,
      out: expect.stringMatching(/^supervisor not running since \S+\n\S+ web\/\d/),
    })
    scene.write('holdfast.json', 'broken')
    expect((await scene.holdfast('logs')).code).toBe(5)
  })

  test('the other verbs exit 5 and say how to start it; down has nothing to do', async () => {
    const scene = await dead()
    for (const args of [['status'], ['stop', 'web'], ['apply'], ['dump']]) {
      expect(await scene.holdfast(...args)).toMatchObject({
        code: 5,
        err: expect.stringContaining(`Start it with: holdfast -c ${scene.config} up`),
      })
    }
    expect(await scene.down()).toMatchObject({ code: 0, out: 'nothing to stop: the supervisor is not running\n' })
  })
})

test('the quick verbs load node:net and little else', async () => {
  const scene = newScene()
  scene.configure({ services: { web: { command: 'sleep 1000' } } })
  await scene.up()
  const spy = scene.write(
    'spy.cjs',
    `process.on('exit', () => require('fs').writeFileSync(${JSON.stringify(scene.path('loaded'))}, JSON.stringify([process.moduleLoadList, Object.keys(require.cache)])))`,
  )
  for (const args of [
    ['status'],
    ['start', 'web'],
    ['restart', 'web'],
    ['scale', 'web', '+1'],
    ['signal', 'CONT', 'web'],
    ['logs'],
    ['why', 'web'],
    ['down'],
  ]) {
    await scene.run(['-c', scene.config, ...args], { env: { NODE_OPTIONS: `--require ${spy}` } })
    const [builtin, files] = JSON.parse(readFileSync(scene.path('loaded'), 'utf8')) as [string[], string[]]
    const heavy = builtin.filter((name) =>
      /NativeModule (http|_http|https|child_process|crypto|dns$|worker_threads|readline|zlib|internal\/crypto)/.test(
        name,
      ),
    )
    expect({ args, heavy, files }).toEqual({ args, heavy: [], files: [spy, CLI] })
  }
})
