import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, onTestFinished, test, vi } from 'vitest'
// What `up` loads when it is asked: here before the tests, for none of them to wait for the compiler.
import '../../src/cli/supervise.ts'
import type { OperationOutcome, Progress } from '../../src/supervisor/engine-api.ts'
import { type Fixture, openFixture } from '../control/fixture.ts'
import { type CliResult, callCli } from './call-cli.ts'
import { service, worker } from './reports.ts'

let fixture: Fixture
beforeEach(async () => {
  fixture = await openFixture()
})
afterEach(() => fixture.close())

const cli = (line: string): Promise<CliResult> => callCli(['--socket', fixture.path, ...line.split(' ')])

const failed: OperationOutcome = {
  ok: false,
  services: [
    { service: 'db', ok: true, message: 'already running' },
    {
      service: 'web',
      ok: false,
      message: 'generation 4 failed; generation 3 stays in service',
      step: 'boot of web/0 (generation 4)',
      reason: 'exited with code 1',
      lastOutput: ['Error: no database', '    at main'],
    },
  ],
}

describe('operations', () => {
  test('0 when it is done, with the outcome of each service', async () => {
    fixture.engine.outcome = {
      ok: true,
      services: [{ service: 'web', ok: true, message: 'restarted, 4 workers ready (generation 3)' }],
    }
    expect(await cli('restart web')).toEqual({
      code: 0,
      out: 'web: restarted, 4 workers ready (generation 3)\n',
      err: '',
    })
    expect(fixture.engine.asked).toEqual([
      ['operate', { verb: 'restart', targets: ['web'], cold: false, replace: false }],
    ])
  })

  test('1 when it fails, with step, reason and last words', async () => {
    fixture.engine.outcome = failed
    const { code, out, err } = await cli('restart web')
    expect(code).toBe(1)
    expect(out).toBe('db: already running\n')
    expect(err).toBe(`web: restart failed: generation 4 failed; generation 3 stays in service
  step:   boot of web/0 (generation 4)
  reason: exited with code 1
  last output:
    Error: no database
        at main
  More: holdfast --socket ${fixture.path} why web; holdfast --socket ${fixture.path} logs web
`)
  })

  test('with --json one object on stdout, nothing on stderr', async () => {
    fixture.engine.outcome = failed
    fixture.engine.during = async (onProgress) => onProgress({ service: 'web', message: 'noise' })
    const { code, out, err } = await cli('restart web --json')
    expect({ code, outcome: JSON.parse(out), err }).toEqual({ code: 1, outcome: failed, err: '' })
  })

  test('progress goes to stderr, with -q nowhere', async () => {
    fixture.engine.during = async (onProgress) => onProgress({ service: 'web', message: 'web/1 ready' })
    expect((await cli('start web')).err).toBe('web/1 ready\n')
    expect(await cli('start web -q')).toEqual({ code: 0, out: '', err: '' })
  })

  const threeSteps = async (onProgress: (progress: Progress) => void) => {
    const step = (message: string, done: number): Progress => ({ service: 'web', message, done, total: 2 })
    onProgress(step('web/0: new process 2 started', 0))
    onProgress(step('web/0: new process 2 is ready', 1))
    onProgress(step('web/0: old process 1 is gone', 1))
  }

  test('how many are done stands where it has changed', async () => {
    fixture.engine.during = threeSteps
    expect((await cli('restart web')).err).toBe(
      'web/0: new process 2 started\nweb/0: new process 2 is ready (1 of 2 replaced)\nweb/0: old process 1 is gone\n',
    )
  })

  test('on a terminal progress is one line that changes, is cut at the edge, and is gone in the end', async () => {
    fixture.engine.during = threeSteps
    const line = ['--socket', fixture.path, 'restart', 'web']
    const { err } = await callCli(line, { isTty: true })
    expect(err).toBe('\r\u001b[K0 of 2 replaced; web/0: new process 2 started\r\u001b[K')
    const narrow = await callCli(line, { isTty: true, columns: 30 })
    expect(narrow.err).toBe('\r\u001b[K0 of 2 replaced; web/0: new …\r\u001b[K')
    const dumb = await callCli(line, { isTty: true, environment: { TERM: 'dumb' } })
    expect(dumb.err.split('\n')).toHaveLength(4)
  })

  test('the last step before a silence is seen', async () => {
    fixture.engine.during = async (onProgress) => {
      await threeSteps(onProgress)
      await new Promise((resolve) => setTimeout(resolve, 150))
    }
    const { err } = await callCli(['--socket', fixture.path, 'restart', 'web'], { isTty: true })
    expect(err).toContain('1 of 2 replaced; web/0: old process 1 is gone')
  })

  test('--no-wait: 0 at once', async () => {
    let end = () => {}
    fixture.engine.during = () => new Promise((resolve) => (end = resolve))
    expect(await cli('stop web --no-wait')).toMatchObject({
      code: 0,
      out: `begun; not waiting for the end. Look with: holdfast --socket ${fixture.path} status\n`,
    })
    end()
  })

  test('124 when --timeout ends the waiting; the operation goes on', async () => {
    // The time passes when the supervisor has begun, and not before, however busy the machine is.
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
    onTestFinished(() => void vi.useRealTimers())
    let end = () => {}
    let ended = false
    fixture.engine.during = async (onProgress) => {
      onProgress({ service: 'web', message: 'web/0 stops' })
      await new Promise<void>((resolve) => (end = resolve))
      ended = true
    }
    const args = ['--socket', fixture.path, 'restart', 'web', '--timeout', '20ms']
    const { code, err } = await callCli(args, { onErr: () => vi.advanceTimersByTime(20) })
    expect({ code, err }).toEqual({
      code: 124,
      err: `web/0 stops\nholdfast: not done within 20ms; it goes on in the supervisor\n  Look with: holdfast --socket ${fixture.path} status\n`,
    })
    expect(ended).toBe(false)
    end()
    vi.useRealTimers()
    await expect.poll(() => ended).toBe(true)
  })

  test('2 for a target that matches nothing, with those that exist', async () => {
    expect(await cli('stop nothing')).toMatchObject({
      code: 2,
      err: 'holdfast: nothing matches "nothing"\n  Known services: web\n',
    })
  })

  test.each([
    ['scale web +2', { verb: 'scale', targets: ['web'], count: '+2' }],
    ['scale web -1', { verb: 'scale', targets: ['web'], count: '-1' }],
    ['signal HUP web/0 db --group', { verb: 'signal', targets: ['web/0', 'db'], signal: 'HUP', group: true }],
    ['stop web --with-dependents', { verb: 'stop', targets: ['web'], withDependents: true }],
    ['restart {a,b}* --cold', { verb: 'restart', targets: ['{a,b}*'], cold: true, replace: false }],
    ['reload all', { verb: 'reload', targets: ['all'] }],
  ])('%s', async (line, request) => {
    expect((await cli(line)).code).toBe(0)
    expect(fixture.engine.asked).toEqual([['operate', request]])
  })

  test('2 for a count that is none', async () => {
    expect(await cli('scale web many')).toMatchObject({
      code: 2,
      err: expect.stringContaining('"many" is not a number of workers'),
    })
    expect(fixture.engine.asked).toEqual([])
  })
})

describe('status', () => {
  const of = (name: string, ready: boolean[]) =>
    service(
      name,
      ready.map((each, slot) => worker(`${name}/${slot}`, { ready: each })),
    )

  beforeEach(() => {
    fixture.engine.report = {
      ...fixture.engine.report,
      services: [of('web', [true, false]), of('db', [false])],
    }
  })

  test('0 when the supervisor answers, whatever the state', async () => {
    expect((await cli('status')).code).toBe(0)
  })

  test('3 with targets, if one of them has no ready worker', async () => {
    expect((await cli('status web db')).code).toBe(3)
    fixture.engine.report = { ...fixture.engine.report, services: [of('web', [true, false])] }
    expect((await cli('status web')).code).toBe(0)
    expect(fixture.engine.asked.at(-1)).toMatchObject(['status', { targets: ['web'], memory: false }])
  })

  test('--json is what the supervisor answered', async () => {
    expect(JSON.parse((await cli('status --json')).out)).toEqual(fixture.engine.report)
  })
})

describe('where the supervisor cannot be reached', () => {
  test('5, and how to start it', async () => {
    const result = await callCli(['--socket', '/nowhere/s', 'status'])
    expect(result).toEqual({
      code: 5,
      out: '',
      err: 'holdfast: no supervisor is running at /nowhere/s\n  Start it with: holdfast up\n',
    })
  })

  test('the error as JSON with --json', async () => {
    const { code, err } = await callCli(['--json', '--socket', '/nowhere/s', 'stop', 'web'])
    expect(code).toBe(5)
    expect(JSON.parse(err)).toMatchObject({ code: 'HF_UNREACHABLE', hint: 'Start it with: holdfast up' })
  })

  test('5 when the answer is cut off in the middle of an operation', async () => {
    fixture.engine.during = async (onProgress) => {
      onProgress({ service: 'web', message: 'web/0 stops' })
      await new Promise(() => {})
    }
    const cutOff = () => void fixture.server.close(0)
    expect(await callCli(['--socket', fixture.path, 'restart', 'web'], { onErr: cutOff })).toMatchObject({
      code: 5,
      err: expect.stringContaining('ended the connection before it had answered'),
    })
  })
})

describe('down', () => {
  test('asks with the timeout and tells what was stopped', async () => {
    fixture.engine.outcome = { ok: true, services: [{ service: 'web', ok: true, message: 'stopped' }] }
    Object.assign(fixture.host, { process: null })
    expect(await cli('down --timeout 3s')).toEqual({
      code: 0,
      out: 'stopped 1 service and the supervisor\n',
      err: '',
    })
    expect(fixture.engine.asked.at(-1)).toEqual(['down', { timeout: 3000, immediate: false }])
  })
})

test('dump and why', async () => {
  expect((await cli('dump web')).out).toBe('{\n  "slots": []\n}\n')
  expect(await cli('why web')).toEqual({ code: 0, out: '', err: '' })
  expect((await cli('why web --json')).out).toBe('{"target":"web","answers":[]}\n')
})

describe('apply', () => {
  test('what is wrong with the config comes from the supervisor, exit 2', async () => {
    const { HoldfastError } = await import('../../src/errors/holdfast-error.ts')
    Object.assign(fixture.host, {
      async readConfig() {
        throw new HoldfastError('HF_CONFIG_INVALID', {
          count: 1,
          file: '/c',
          problems: '/c:1:1: foo: unknown key "foo"\n',
        })
      },
    })
    const { code, err } = await cli('apply')
    expect(code).toBe(2)
    expect(err).toContain('/c:1:1: foo: unknown key "foo"')
    expect(err).toContain('holdfast: 1 error in /c')
  })

  test('nothing to do', async () => {
    expect(await cli('apply --dry-run')).toMatchObject({
      code: 0,
      out: expect.stringMatching(/^nothing has changed\n/),
    })
    expect(fixture.engine.asked[0]).toEqual(['apply', fixture.engine.spec, { dryRun: true, replace: false }])
  })
})

describe('check and config', () => {
  const write = (text: string) => {
    const file = join(fixture.directory, 'c.yaml')
    writeFileSync(file, text)
    return file
  }
  const good = 'services:\n  web:\n    command: [sleep, "1"]\n'

  test('0 for a good one', async () => {
    const file = write(good)
    expect(await callCli(['check', '-c', file])).toEqual({
      code: 0,
      out: `${file}: ok (1 service, 0 sockets)\n`,
      err: '',
    })
    expect(JSON.parse((await callCli(['check', '--json', '-c', file])).out)).toEqual({
      ok: true,
      file,
      errors: [],
      warnings: [],
    })
  })

  test('2 for a bad one, with every error at its place', async () => {
    const file = write('services:\n  web:\n    comand: x\n    instances: many\n')
    const { code, out } = await callCli(['check', '-c', file])
    expect(code).toBe(2)
    expect(out).toContain(`${file}:3:5: services.web.comand: unknown key "comand"`)
    expect(out).toContain(`${file}:4:16: services.web.instances:`)
    expect(out).toMatch(/\d errors in /)
    expect((await callCli(['config', '-c', file])).code).toBe(2)
    expect((await callCli(['up', '-c', file])).code).toBe(2)
  })

  test('what the machine lacks is found too, unless --no-host', async () => {
    const file = write('services:\n  web:\n    command: [no-such-program]\n')
    expect(await callCli(['check', '-c', file])).toMatchObject({
      code: 2,
      out: expect.stringContaining('command not found: no-such-program'),
    })
    expect((await callCli(['check', '--no-host', '-c', file])).code).toBe(0)
  })

  test('2 when there is none', async () => {
    expect(await callCli(['check', '-c', '/nowhere/holdfast.yaml'])).toMatchObject({ code: 2 })
    expect(await callCli(['config'], { cwd: fixture.directory })).toMatchObject({
      code: 2,
      err: expect.stringContaining('no config file in'),
    })
  })

  test('config --json is the config with every default', async () => {
    const { out } = await callCli(['config', '--json', '-c', write(good)])
    expect(JSON.parse(out).services.web).toMatchObject({ command: ['sleep', '1'], instances: 1, autostart: true })
  })

  test('config schema', async () => {
    const { code, out } = await callCli(['config', 'schema'])
    expect(code).toBe(0)
    expect(JSON.parse(out)).toHaveProperty('properties.services')
  })
})
