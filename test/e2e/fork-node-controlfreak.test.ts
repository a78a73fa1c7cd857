// The forkserver for Node as a proxy of ControlFreak's, which speaks in its messages.
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { expect, it, onTestFinished } from 'vitest'
import { Driver } from '../forkserver/driver/driver.ts'

const RUNNER = resolve(import.meta.dirname, '../../dist/fork-node.cjs')
const NOTHING = { env: {}, ignore_stdout: null, ignore_stderr: null, tie_stdin_to: null, no_new_session: null }

const FILES = {
  'app.cjs': 'globalThis.loadedBy = process.pid\n',
  'callable.cjs': 'module.exports = () => process.exit(6)\n',
  'report.cjs': `const { env, pid, ppid } = process
    require('node:fs').writeFileSync(env.REPORT, JSON.stringify({ env, pid, ppid, loadedBy }))
    setInterval(() => {}, 1000)`,
  'speaks.cjs': 'console.log("a: word\\n\\nanother"); process.stderr.write("no newline")\n',
  'exits.cjs': 'process.exit(3)\n',
  'throws.cjs': 'throw new Error("thrown")\n',
  'killed.cjs': 'process.kill(process.pid, "SIGKILL")\n',
  'returns.cjs': '',
  'lingers.cjs': 'setInterval(() => {}, 1000)\n',
  'accepts.cjs': `require('node:net').createServer((socket) => socket.end('from ' + process.pid + '\\n')).listen({ fd: 0 })`,
}

function openProxy(preload = './app.cjs') {
  const directory = mkdtempSync(join(tmpdir(), 'holdfast-fork-app-'))
  for (const [name, text] of Object.entries(FILES)) writeFileSync(join(directory, name), text)
  const driver = new Driver({
    command: [process.execPath, RUNNER, '--preload', preload],
    cwd: directory,
    sockets: 2,
    protocol: 'controlfreak',
    env: { CONTROL_FREAK_SERVICE: 'outer' },
  })
  onTestFinished(async () => {
    await driver.end()
    rmSync(directory, { recursive: true, force: true })
  })
  return {
    driver,
    path: (name: string) => join(directory, name),
    start: (name: string, cmd: unknown, more = {}) => driver.send({ command: 'start', name, cmd, ...NOTHING, ...more }),
    stop: (name: string) => driver.send({ command: 'stop', name }),
    status: (name: string, kind: string, count = 1) =>
      driver.until(
        `${count} ${kind} ${name}`,
        () => driver.statuses.filter((message) => message.name === name && message.status === kind)[count - 1],
      ),
    logged: (pattern: RegExp) => driver.until(`log ${pattern}`, () => driver.logs.find((line) => pattern.test(line))),
  }
}

it('starts and stops a service, which is its child, with its environment and in its session', async () => {
  const { driver, path, start, stop, status } = openProxy()
  start('s1', ['./report.cjs', 'argument'], { env: { REPORT: path('report'), CONTROL_FREAK_SERVICE: 'wrong' } })
  const { pid, exit_status } = await status('s1', 'started')
  expect(exit_status).toBe(null)
  const report = await driver.until('the report', () => {
    try {
      return JSON.parse(readFileSync(path('report'), 'utf8')) as { env: Record<string, string> }
    } catch {
      return undefined
    }
  })
  expect(report).toMatchObject({ pid, ppid: driver.pid, loadedBy: driver.pid })
  expect(report.env).toMatchObject({ CONTROL_FREAK_ENABLED: '1', CONTROL_FREAK_SERVICE: 's1' })
  expect(Object.keys(report.env).filter((name) => name.startsWith('_CFK'))).toEqual([])
  stop('s1')
  expect(await status('s1', 'stopped')).toEqual({ status: 'stopped', name: 's1', pid, exit_status: 15 })
})

it('reports the raw wait status, and starts again', async () => {
  const { start, status } = openProxy()
  const expected = { returns: 0, exits: 3 << 8, throws: 1 << 8, killed: 9 }
  for (const name of Object.keys(expected)) start(name, `./${name}.cjs`)
  for (const [name, exit_status] of Object.entries(expected)) {
    const { pid } = await status(name, 'started')
    expect(await status(name, 'stopped')).toEqual({ status: 'stopped', name, pid, exit_status })
  }
  start('exits', './returns.cjs')
  expect((await status('exits', 'stopped', 2)).exit_status).toBe(0)
})

it('passes on what services say, unless that is ignored', async () => {
  const { driver, start, status, logged } = openProxy()
  start('s1', './speaks.cjs')
  start('s2', './speaks.cjs', { ignore_stdout: '1', ignore_stderr: 0 })
  start('s3', './speaks.cjs', { ignore_stderr: true, ignore_stdout: '0' })
  for (const name of ['s1', 's2', 's3']) await status(name, 'stopped')
  await logged(/^out:s3:another$/)
  await logged(/^err:s1:no newline$/)
  const lines = (start: string) => driver.logs.filter((line) => line.startsWith(start))
  expect(lines('out:s1')).toEqual(['out:s1:a: word', 'out:s1:', 'out:s1:another'])
  expect(lines('out:s2')).toEqual([])
  expect(lines('err:s2')).toEqual(['err:s2:no newline'])
  expect(lines('err:s3')).toEqual([])
})

it('stops what it has only just started, with and without a session of its own', async () => {
  const { driver, start, stop, status } = openProxy()
  const names = Array.from({ length: 8 }, (_, index) => `s${index}`)
  for (const [index, name] of names.entries()) {
    start(name, './lingers.cjs', { no_new_session: index % 2 })
    stop(name)
  }
  for (const name of names) expect((await status(name, 'stopped')).exit_status).toBe(15)
  expect(driver.exits.some((exit) => exit.pid === driver.pid)).toBe(false)
})

it('ties the standard input to a socket', async () => {
  const { driver, start, status } = openProxy()
  start('s1', './accepts.cjs', { tie_stdin_to: 's1' })
  const { pid } = await status('s1', 'started')
  const text = await new Promise((resolve, reject) =>
    connect(driver.ports[1] ?? 0, '127.0.0.1')
      .once('data', resolve)
      .once('error', reject),
  )
  expect(String(text)).toBe(`from ${pid}\n`)
})

it('says in lines of its own what it does not understand or can not do, and goes on', async () => {
  const { driver, start, stop, status, logged } = openProxy()
  driver.write('nonsense\n{"command":"dance","name":"s1"}\n[]\n')
  await logged(/^err:-:parse error in command nonsense$/)
  await logged(/^err:-:couldn't understand command .*dance/)
  stop('nobody')
  await logged(/^err:-:Oops, I don't know about 'nobody'$/)
  start('s1', null)
  await logged(/^err:-:couldn't start s1: no cmd/)
  start('-', './returns.cjs')
  await logged(/^err:-:couldn't understand command .*"-"/)
  start('s1', './returns.cjs', { tie_stdin_to: 'nowhere' })
  await logged(/^err:-:couldn't start s1: no socket nowhere/)
  start('s2', './returns.cjs')
  await status('s2', 'stopped')
  expect(driver.exits.some((exit) => exit.pid === driver.pid)).toBe(false)
})

it.each<[string, (driver: Driver) => void]>([
  ['its commands end', (driver) => driver.close('commands')],
  ['it is terminated', (driver) => process.kill(driver.pid, 'SIGTERM')],
])('ends with its services when %s', async (_, end) => {
  const { driver, start, status } = openProxy()
  start('s1', './lingers.cjs')
  start('s2', './lingers.cjs')
  await status('s1', 'started')
  await status('s2', 'started')
  end(driver)
  expect((await driver.ended()).code).toBe(0)
  expect((await status('s1', 'stopped')).exit_status).toBe(15)
  expect((await status('s2', 'stopped')).exit_status).toBe(15)
})

it('runs what the preload brings, whatever the command says', async () => {
  const { start, status } = openProxy('./callable.cjs')
  start('s1', 'whatever')
  expect((await status('s1', 'stopped')).exit_status).toBe(6 << 8)
})
