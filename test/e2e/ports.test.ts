// examples/ports: programs of four older systems, moved over. Each is copied to a directory of its own, and run for real.
import { cpSync, mkdirSync, symlinkSync } from 'node:fs'
import { connect } from 'node:net'
import { join, resolve } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import type { StatusReport } from '../../src/supervisor/status-report.ts'
import { freePort } from './harness/free-port.ts'
import { type RunResult, Scene } from './harness/scene.ts'
import { waitFor } from './harness/wait-for.ts'

const PORTS = resolve(import.meta.dirname, '../../examples/ports')

/** A program that is its own server. */
class Port extends Scene {
  readonly program: string

  constructor(program: string) {
    super()
    this.program = program
    copyInto(this, program)
    // As after `npm install`.
    mkdirSync(this.path('node_modules'))
    symlinkSync(resolve(PORTS, '../..'), this.path('node_modules/holdfast'))
    // Not the directory that everybody has who tries the example.
    this.edit(program, /^ {2}name: '\w+',$/m, "$&\n  runtimeDir: 'run',")
  }

  /** It must be there: an example that has changed is not to be tested half. */
  edit(file: string, from: RegExp, to: string): void {
    const text = this.read(file)
    expect(text).toMatch(from)
    this.write(file, text.replace(from, to))
  }

  command(...words: string[]): Promise<RunResult> {
    return this.runFile(process.execPath, [this.path(this.program), ...words])
  }

  override isUp(): boolean {
    return this.exists('run/holdfast.sock')
  }

  override down(): Promise<RunResult> {
    return this.command('stop')
  }

  override async status(): Promise<StatusReport> {
    const { out } = await this.run(['--socket', this.path('run/holdfast.sock'), 'status', '--json'])
    return JSON.parse(out)
  }

  override async close(): Promise<void> {
    if (this.isUp()) await this.down().catch(() => {})
    await super.close()
  }

  pids(report: StatusReport): (number | null)[] {
    return report.services[0]?.workers.map(({ pid }) => pid) ?? []
  }
}

/** A directory with a config. */
class ConfigPort extends Scene {
  override get config(): string {
    return this.path('holdfast.yaml')
  }
}

function copyInto(scene: Scene, name: string): void {
  const log = join(PORTS, name, 'log')
  cpSync(join(PORTS, name), name.includes('.') ? scene.path(name) : scene.dir, {
    recursive: true,
    filter: (source) => source !== log,
  })
}

function newPort(program: string): Port {
  const port = new Port(program)
  onTestFinished(() => port.close(), 30_000)
  return port
}

/** What a server says that speaks first; or answers to what it is sent. */
function talk(port: number, words = ''): Promise<string> {
  return new Promise((answer, reject) => {
    let said = ''
    const socket = connect(port, '127.0.0.1', () => words !== '' && socket.write(words))
    socket.on('data', (chunk) => (said += chunk))
    socket.on('error', reject)
    socket.on('end', () => socket.end())
    socket.on('close', () => answer(said))
  })
}

test('serverengine.mjs: four workers answer, and its signals mean what they meant', async () => {
  const scene = newPort('serverengine.mjs')
  const port = await freePort()
  scene.edit('serverengine.mjs', /127\.0\.0\.1:9071/, `127.0.0.1:${port}`)
  expect(await scene.command('start')).toMatchObject({ code: 0, out: expect.stringContaining('4 workers ready') })
  expect(await Promise.all([1, 2, 3, 4].map(() => talk(port)))).toEqual(Array(4).fill('Awesome work!'))
  expect(await scene.command('rolling-restart')).toMatchObject({ code: 0 })
  const before = scene.pids(await scene.status())
  // A graceful restart: all workers at once.
  process.kill(Number(scene.read('myserver.pid')), 'SIGUSR1')
  const replaced = async (): Promise<boolean> => {
    const report = await scene.status()
    return report.services[0]?.ready === 4 && scene.pids(report).every((pid) => !before.includes(pid))
  }
  await waitFor(replaced)
  expect(await talk(port)).toBe('Awesome work!')
  expect(await scene.command('stop')).toMatchObject({ code: 0 })
  expect(await scene.command('status')).toMatchObject({ code: 3 })
  expect(scene.exists('myserver.pid')).toBe(false)
})

test('ghost.mjs: workers count and tick, one that has finished is followed by the next; TTIN and QUIT', async () => {
  const scene = newPort('ghost.mjs')
  // The turns would take ten seconds.
  scene.edit('ghost.mjs', /sleep\(1_000,/, 'sleep(50,')
  expect(await scene.command('start')).toMatchObject({ code: 0, out: expect.stringContaining('3 workers ready') })
  const finished = () => [...scene.read('log/ghost.log').matchAll(/ (\d+)> 10\/10$/gm)].map(([, pid]) => pid)
  await waitFor(() => new Set(finished()).size > 3, { what: 'a fourth process that has finished' })
  const server = Number(scene.read('ghost.pid'))
  process.kill(server, 'SIGTTIN')
  await waitFor(async () => (await scene.status()).services[0]?.desired === 4)
  // A worker that ends meanwhile, as each does after half a second, does not take it.
  await waitFor(async () => (await scene.command('reload')).code === 0)
  process.kill(server, 'SIGQUIT')
  await waitFor(() => !scene.exists('ghost.pid'))
  expect(await scene.command('status')).toMatchObject({ code: 3 })
})

test('hadaemon.mjs: one worker feeds, a death does not end it, and the commands return what init scripts expect', async () => {
  const scene = newPort('hadaemon.mjs')
  expect(await scene.command('status')).toMatchObject({ code: 3 })
  expect(await scene.command('start')).toMatchObject({ code: 0, out: expect.stringContaining('1 worker ready') })
  expect(await scene.command('--status')).toMatchObject({ code: 0 })
  const supervisor = Number(scene.read('feeder.pid'))
  const feeders = () =>
    new Set(
      scene
        .processes()
        .filter(({ pid }) => pid !== supervisor)
        .map(({ pid }) => pid),
    )
  // The main, the standby, and a worker of each.
  await waitFor(() => feeders().size === 4)
  for (const pid of feeders()) {
    try {
      process.kill(pid, 'SIGKILL')
    } catch {
      // A worker whose server is dead has ended by itself.
    }
  }
  const turns = () => scene.read('log/feeder.log').split('fed, turn 1\n').length - 1
  await waitFor(() => turns() >= 2, { what: 'another feeder' })
  await waitFor(async () => (await scene.command('status')).code === 0)
  expect(await scene.command('hard_restart')).toMatchObject({ code: 0 })
  expect(await scene.command('fork')).toMatchObject({ code: 0 })
  expect(Number(scene.read('feeder.pid'))).not.toBe(supervisor)
  expect((await scene.command('get_init_file')).code).toBe(2)
  expect((await scene.command('init-file')).out).toContain('# Short-Description: feeds the queue')
  expect(await scene.command('stop')).toMatchObject({ code: 0 })
  expect(await scene.command('fork')).toMatchObject({ code: 1, err: expect.stringContaining('feeder-stopped') })
  expect(await scene.command('stop')).toMatchObject({ code: 0 })
  expect(await scene.command('reload')).toMatchObject({ code: 7 })
})

test('controlfreak: two workers with the socket as stdin, tags, and a service that is given up after three starts', async () => {
  const scene = new ConfigPort()
  onTestFinished(() => scene.close(), 30_000)
  copyInto(scene, 'controlfreak')
  const port = await freePort()
  const text = scene.read('holdfast.yaml')
  expect(text).toContain('127.0.0.1:8085')
  scene.write('holdfast.yaml', `runtimeDir: run\n${text.replace('127.0.0.1:8085', `127.0.0.1:${port}`)}`)
  expect(await scene.holdfast('check')).toMatchObject({ code: 0 })
  await scene.up()
  await scene.sees({ web: 'running', ticker: 'running', flaky: 'stopped' })
  const answers = async () => (await Promise.all([1, 2, 3, 4].map(() => talk(port, 'GET / HTTP/1.0\r\n\r\n')))).join('')
  expect(await answers()).toMatch(/^(HTTP\/1\.0 200 OK\r\nContent-Length: 13\r\n\r\nhello from [01]\n){4}$/)
  expect(await scene.holdfast('restart', '@web')).toMatchObject({ code: 0 })
  expect(await answers()).toContain('hello from')
  expect(await scene.holdfast('start', 'flaky')).toMatchObject({ code: 1 })
  expect(await scene.service('flaky')).toMatchObject({ state: 'fatal', workers: [{ failures: 3, restarts: 2 }] })
  const logs = await scene.holdfast('logs', 'ticker')
  expect(logs.out).toContain('tick')
  expect(logs.out).not.toContain('nobody reads this')
  expect(await scene.down()).toMatchObject({ code: 0 })
})
