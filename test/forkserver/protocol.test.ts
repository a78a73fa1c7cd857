import { existsSync, readFileSync } from 'node:fs'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { ForkScene, forEachLanguage } from './languages.ts'
import { statOf } from './worker-facts.ts'

forEachLanguage('the protocol', (language) => {
  let scene: ForkScene
  const order = (entry: string) => ({ id: 'web/0', entry: language.call(entry), stdout: null })
  const start = (token: string) => ({ start: { token, ...order('returns') } })

  beforeEach(() => {
    scene = new ForkScene(language)
  })
  afterEach(() => scene.end())

  it('says what it has loaded', async () => {
    const driver = scene.forkserver()
    const loaded = await driver.loaded()
    expect(loaded).toEqual({
      modules: expect.any(Number),
      ms: expect.any(Number),
      rss: expect.any(Number),
      pid: driver.pid,
    })
    expect(loaded.modules).toBeGreaterThan(5)
    expect(loaded.rss).toBeGreaterThan(1_000_000)
  })

  it('answers what it does not understand, and goes on', async () => {
    const driver = scene.forkserver()
    await driver.loaded()
    const lines = [
      '{"dance":{}}',
      'nonsense',
      '[1,2]',
      '"start"',
      '{}',
      '{"start":{"id":"web/0"}}',
      '{"start":null}',
      '{"start":{},"more":{}}',
      '\u0000\u0001',
      '['.repeat(100_000),
    ]
    for (const [index, line] of lines.entries()) {
      driver.write(`${line}\n`)
      await driver.until(`an error for ${line.slice(0, 50)}`, () => {
        const errors = driver.statuses.filter((message) => message.error !== undefined)
        return errors.length > index ? errors : undefined
      })
    }
    expect((await driver.exit(await driver.start(order('returns')))).code).toBe(0)
    expect(driver.statuses.filter((message) => message.error !== undefined)).toHaveLength(lines.length)
  })

  it.each<[string, Record<string, unknown>, RegExp]>([
    ['no id', { id: undefined }, /id/],
    ['env that is no object', { env: 'x' }, /env/],
    ['a variable that is no text', { env: { A: {} } }, /env A/],
    ['a user that is not there', { user: 'no-such-user' }, /no-such-user/],
    ['a user that is no user', { user: 3 }, /user/],
    ['a limit that is unknown', { limits: { patience: { soft: 1, hard: 1 } } }, /patience/],
    ['a limit that is none', { limits: { nofile: { soft: 'x', hard: 1 } } }, /nofile/],
    ['a session that is none', { session: 'yes' }, /session/],
    ['a socket that was not given', { sockets: { http: 77 } }, /http.*77/],
    ['a socket that is no number', { sockets: { http: 'x' } }, /sockets/],
    ['a stdin that is no socket', { stdin: { socket: 'http' } }, /stdin/],
    ['a directory that is not there', { cwd: '/no/such/directory' }, /No such file or directory/],
    ['an output in no directory', { stdout: '/no/such/fifo' }, /No such file or directory/],
    ['a FIFO that is not there', { notify: '/no/such/fifo' }, /No such file or directory/],
    ['an umask that is none', { umask: 'x' }, /umask/],
  ])('refuses %s, and says why', async (_, part, expected) => {
    const driver = scene.forkserver()
    await driver.loaded()
    driver.send({ start: { ...order('returns'), token: 'the-token', ...part } })
    const answer = await driver.answer('the-token')
    expect(answer).toEqual({ failed: { token: 'the-token', error: expect.stringMatching(expected) } })
  })

  it('reads a line of a megabyte', async () => {
    const driver = scene.forkserver()
    await driver.loaded()
    const long = 'x'.repeat(1_000_000)
    driver.send({ start: { ...start('long').start, ignored: long } })
    expect(await driver.answer('long')).toHaveProperty('started')
  })

  it('skips a line without end, and goes on', async () => {
    const driver = scene.forkserver()
    await driver.loaded()
    for (let piece = 0; piece < 17; piece++) driver.write('x'.repeat(1 << 20))
    driver.write('\n')
    driver.send(start('next'))
    expect(await driver.answer('next')).toHaveProperty('started')
    expect(driver.statuses.map((message) => message.error)).toContainEqual(expect.stringMatching(/a line of more than/))
  })

  it('reads two orders in one write, and one in two', async () => {
    const driver = scene.forkserver()
    await driver.loaded()
    const third = JSON.stringify(start('c'))
    driver.write(`${JSON.stringify(start('a'))}\n${JSON.stringify(start('b'))}\n${third.slice(0, 20)}`)
    expect(await driver.answer('a')).toHaveProperty('started')
    expect(await driver.answer('b')).toHaveProperty('started')
    driver.write(`${third.slice(20)}\n`)
    expect(await driver.answer('c')).toHaveProperty('started')
  })

  it('starts 200 at once: each is answered once, is a child of the supervisor, and ends', async () => {
    const driver = scene.forkserver()
    await driver.loaded()
    const tokens = Array.from({ length: 200 }, (_, index) => `at-once-${index}`)
    driver.write(tokens.map((token) => `${JSON.stringify(start(token))}\n`).join(''))
    await driver.until('200 exits', () => (driver.exits.length >= 200 ? true : undefined))
    const pids = driver.statuses.flatMap((message) => (message.started ? [message.started.pid] : []))
    expect(driver.statuses.filter((message) => message.failed)).toEqual([])
    expect(driver.exits.map((exit) => exit.pid).sort()).toEqual(pids.sort())
    expect(driver.exits.filter((exit) => exit.code !== 0)).toEqual([])
    expect(new Set(driver.statuses.flatMap((message) => message.started?.token ?? [])).size).toBe(200)
  })

  it('tells of a worker before the worker can end', async () => {
    const driver = scene.forkserver()
    await driver.loaded()
    driver.pause(true)
    driver.send(start('early'))
    // Nobody reads the status: it lies in the pipe when the worker's exit is seen.
    await driver.until('the exit', () => driver.exits[0])
    expect(driver.statuses.some((message) => message.started)).toBe(false)
    driver.pause(false)
    expect((await driver.answer('early')).started?.pid).toBe(driver.exits[0]?.pid)
  })

  it.each<[string, (driver: ReturnType<ForkScene['forkserver']>) => void]>([
    ['its orders end', (driver) => driver.close('commands')],
    ['it is told to quit', (driver) => driver.send({ quit: {} })],
    ['it is terminated', (driver) => process.kill(driver.pid, 'SIGTERM')],
  ])('ends with 0 when %s; its workers live on', async (_, end) => {
    const driver = scene.forkserver()
    await driver.loaded()
    const { pid: worker } = await scene.report(driver)
    end(driver)
    expect(await driver.ended()).toEqual({ pid: driver.pid, code: 0, signal: null })
    expect(existsSync(`/proc/${worker}/exe`)).toBe(true)
    expect(driver.exits).toHaveLength(1)
  })

  it('killed, leaves its workers alive', async () => {
    const driver = scene.forkserver()
    await driver.loaded()
    const { pid: worker } = await scene.report(driver)
    const supervisor = statOf(worker, 'ppid')
    process.kill(driver.pid, 'SIGKILL')
    expect((await driver.ended()).signal).toBe(9)
    expect(statOf(worker, 'ppid')).toBe(supervisor)
    expect(driver.exits).toHaveLength(1)
  })

  it('reaps the processes between', async () => {
    const driver = scene.forkserver()
    await driver.loaded()
    await driver.start(order('lingers'))
    expect(readFileSync(`/proc/${driver.pid}/task/${driver.pid}/children`, 'utf8')).toBe('')
  })

  it('that can not load its preload says why, and exits with 1', async () => {
    const driver = scene.forkserver({ preloads: ['app', 'broken'] })
    await expect(driver.loaded()).rejects.toThrow(/preload \.\/broken\.\w+: .*no_such_module/)
    expect((await driver.ended()).code).toBe(1)
    // The stack.
    expect(driver.output).toContain('no_such_module')
    expect(driver.output).toContain(scene.file('broken').slice(2))
  })

  it.each([['--dance'], ['--preload'], ['--fork-timeout', 'x']])('refuses the arguments %s %s', async (...args) => {
    const driver = scene.forkserver({ args })
    expect((await driver.ended()).code).toBe(2)
    expect(driver.output).toContain(args[0])
  })
})
