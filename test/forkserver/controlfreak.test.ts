import { connect } from 'node:net'
import { afterEach, beforeEach, expect, it } from 'vitest'
import type { Driver } from './driver/driver.ts'
import { ForkScene, forEachLanguage } from './languages.ts'
import { fdsOf, statOf, titleOf } from './worker-facts.ts'

// A proxy of ControlFreak's: its messages, as cfkd writes them, and what the old reference proxy did wrong.
forEachLanguage('the messages of ControlFreak', (language) => {
  let scene: ForkScene
  let driver: Driver
  const nothing = { env: {}, ignore_stdout: null, ignore_stderr: null, tie_stdin_to: null, no_new_session: null }

  beforeEach(() => {
    scene = new ForkScene(language)
    driver = scene.forkserver({ protocol: 'controlfreak', sockets: 2, env: { CONTROL_FREAK_SERVICE: 'outer' } })
  })
  afterEach(() => scene.end())

  function start(name: string, cmd: unknown, more: Record<string, unknown> = {}): void {
    driver.send({ command: 'start', name, cmd, ...nothing, ...more })
  }

  const status = (name: string, kind: string, count = 1) =>
    driver.until(
      `${count} ${kind} ${name}`,
      () => driver.statuses.filter((message) => message.name === name && message.status === kind)[count - 1],
    )

  const logged = (pattern: RegExp) =>
    driver.until(`log ${pattern}`, () => driver.logs.find((line) => pattern.test(line)))

  it('starts a service, with its environment, in its session, with no fd of ours', async () => {
    start('s1', language.call('report'), { env: { REPORT: scene.path('r'), CONTROL_FREAK_SERVICE: 'wrong' } })
    const { pid, exit_status } = await status('s1', 'started')
    expect(exit_status).toBe(null)
    const report = await driver.until('the report', () => {
      try {
        return JSON.parse(scene.read('r'))
      } catch {
        return undefined
      }
    })
    expect(report).toMatchObject({ pid, ppid: driver.pid, loadedBy: driver.pid })
    expect(report.env).toMatchObject({ CONTROL_FREAK_ENABLED: '1', CONTROL_FREAK_SERVICE: 's1' })
    expect(Object.keys(report.env).filter((name) => /^_CFK|^HOLDFAST/.test(name))).toEqual([])
    expect(statOf(report.pid, 'session')).toBe(pid)
    expect(titleOf(report.pid)).toBe(`[cfk s1] ${language.call('report')}`)
    const fds = Object.entries(fdsOf(report.pid)).filter(([, target]) => target !== 'anon_inode:[eventfd]')
    expect(fds.map(([fd]) => fd)).toEqual(['0', '1', '2'])
    driver.send({ command: 'stop', name: 's1' })
    expect(await status('s1', 'stopped')).toEqual({ status: 'stopped', name: 's1', pid, exit_status: 15 })
  })

  it('runs what cfk-share-mem-proxy’s users have: a file as command', async () => {
    start('s1', scene.file('report'), { env: { REPORT: scene.path('r') } })
    const { pid } = await status('s1', 'started')
    const report = await driver.until('the report', () => {
      try {
        return JSON.parse(scene.read('r'))
      } catch {
        return undefined
      }
    })
    expect(report.pid).toBe(pid)
  })

  it.each([
    ['returns', 0],
    ['exits', 3 << 8],
    ['raises', language.raised << 8],
    ['killed', 9],
  ])('reports the raw wait status of one that %s: %i', async (name, exit_status) => {
    start('s1', language.call(name))
    const { pid } = await status('s1', 'started')
    expect(await status('s1', 'stopped')).toEqual({ status: 'stopped', name: 's1', pid, exit_status })
    const order = driver.statuses.map((message) => message.status)
    expect(order.indexOf('started')).toBeLessThan(order.indexOf('stopped'))
    // And it may start again.
    start('s1', language.call('returns'))
    expect((await status('s1', 'stopped', 2)).exit_status).toBe(0)
  })

  it('logs lines with their stream and name, the last words before the end, what has no newline as well', async () => {
    start('s1', language.call('speaks'))
    await status('s1', 'stopped')
    await logged(/^err:s1:no newline$/)
    expect(driver.logs.filter((line) => line.startsWith('out:'))).toEqual([
      'out:s1:a: word',
      'out:s1:',
      'out:s1:another',
    ])
  })

  it('honours ignore_stdout and ignore_stderr', async () => {
    start('s1', language.call('speaks'), { ignore_stdout: '1', ignore_stderr: 0 })
    await logged(/^err:s1:no newline$/)
    start('s2', language.call('speaks'), { ignore_stderr: true, ignore_stdout: '0' })
    await logged(/^out:s2:another$/)
    await status('s1', 'stopped')
    await status('s2', 'stopped')
    expect(driver.logs.filter((line) => /^out:s1|^err:s2/.test(line))).toEqual([])
  })

  it('honours no_new_session, and a stop does not end the proxy’s own group', async () => {
    start('s1', language.call('lingers'), { no_new_session: 1 })
    const { pid = 0 } = await status('s1', 'started')
    expect(statOf(pid, 'session')).toBe(statOf(driver.pid, 'session'))
    start('s2', language.call('lingers'), { no_new_session: 1 })
    await status('s2', 'started')
    driver.send({ command: 'stop', name: 's1' })
    expect((await status('s1', 'stopped')).exit_status).toBe(15)
    expect(driver.exits).toEqual([])
    expect(driver.statuses.filter((message) => message.status === 'stopped')).toHaveLength(1)
  })

  it('stops one that has only just been started', async () => {
    for (let service = 0; service < 20; service++) {
      start(`s${service}`, language.call('lingers'), { no_new_session: service % 2 })
      driver.send({ command: 'stop', name: `s${service}` })
    }
    for (let service = 0; service < 20; service++) {
      expect((await status(`s${service}`, 'stopped')).exit_status).toBe(15)
    }
  })

  it('ties the standard input to a socket', async () => {
    start('s1', language.call('accepts'), { tie_stdin_to: 's1' })
    await status('s1', 'started')
    const connection = connect(driver.ports[1] ?? 0, '127.0.0.1')
    const text = await new Promise((resolve, reject) => connection.once('data', resolve).once('error', reject))
    expect(String(text)).toMatch(/^from \d+\n$/)
    connection.destroy()
  })

  it('says in lines of its own what it does not understand or know, and goes on', async () => {
    driver.write('nonsense\n{"command":"dance","name":"s1"}\n[]\n')
    await logged(/^err:-:parse error in command nonsense$/)
    await logged(/^err:-:couldn't understand command .*dance/)
    driver.send({ command: 'stop', name: 'nobody' })
    await logged(/^err:-:Oops, I don't know about 'nobody'$/)
    start('s1', null)
    await logged(/^err:-:couldn't start s1: no cmd/)
    start('-', language.call('returns'))
    await logged(/^err:-:couldn't understand command .*"-"/)
    start('s1', language.call('returns'), { tie_stdin_to: 'nowhere' })
    await logged(/^err:-:couldn't start s1: no socket nowhere/)
    const line = JSON.stringify({ command: 'start', name: 's2', cmd: language.call('returns'), ...nothing })
    // In two pieces.
    driver.write(line.slice(0, 30))
    driver.write(`${line.slice(30)}\n`)
    await status('s2', 'stopped')
    expect(driver.exits).toEqual([])
  })

  it('reports 200 services that end at once, each started before stopped', async () => {
    for (let service = 0; service < 200; service++) start(`s${service}`, language.call('returns'))
    await driver.until('200 ends', () =>
      driver.statuses.filter((message) => message.status === 'stopped').length === 200 ? true : undefined,
    )
    for (let service = 0; service < 200; service++) {
      const kinds = driver.statuses.filter((message) => message.name === `s${service}`).map((message) => message.status)
      expect(kinds).toEqual(['started', 'stopped'])
    }
  })

  it.each<[string, () => void]>([
    ['its commands end, as when cfkd is killed', () => driver.close('commands')],
    ['it is terminated', () => process.kill(driver.pid, 'SIGTERM')],
    ['it hangs up', () => process.kill(driver.pid, 'SIGHUP')],
  ])('ends with its services when %s', async (_, end) => {
    start('s1', language.call('lingers'))
    start('s2', language.call('lingers'))
    await status('s2', 'started')
    end()
    expect((await driver.ended()).code).toBe(0)
    expect((await status('s1', 'stopped')).exit_status).toBe(15)
    expect((await status('s2', 'stopped')).exit_status).toBe(15)
  })

  it('runs what the preload brings, whatever the command says', async () => {
    await driver.end()
    driver = scene.forkserver({ preloads: ['app', 'callable'], protocol: 'controlfreak' })
    start('s1', 'whatever')
    expect((await status('s1', 'stopped')).exit_status).toBe((language.name === 'python' ? 5 : 6) << 8)
  })
})
