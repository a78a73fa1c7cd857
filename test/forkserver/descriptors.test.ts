import { execFileSync } from 'node:child_process'
import { closeSync, constants, openSync, readFileSync, readSync } from 'node:fs'
import { connect } from 'node:net'
import { afterAll, beforeAll, expect, it } from 'vitest'
import type { Driver } from './driver/driver.ts'
import { ForkScene, forEachLanguage } from './languages.ts'
import { fdFlags, fdsOf } from './worker-facts.ts'

forEachLanguage('descriptors of a worker', (language) => {
  let scene: ForkScene
  let driver: Driver
  /** Of the three sockets, as /proc names them. */
  let sockets: string[]
  /** What the interpreter itself keeps open in any process. */
  const interpreters = /^anon_inode:\[eventfd\]$/

  beforeAll(async () => {
    scene = new ForkScene(language)
    driver = scene.forkserver({ sockets: 3 })
    await driver.loaded()
    const fds = fdsOf(driver.pid)
    sockets = [3, 4, 5].map((fd) => fds[fd] ?? '')
    expect(sockets).toEqual([3, 4, 5].map(() => expect.stringMatching(/^socket:/)))
  })
  afterAll(() => scene.end())

  function fifo(name: string): string {
    const path = scene.path(name)
    execFileSync('mkfifo', [path])
    return path
  }

  function ownFds(pid: number): Record<number, string> {
    return Object.fromEntries(Object.entries(fdsOf(pid)).filter(([, target]) => !interpreters.test(target)))
  }

  it('are what it was given, and nothing of the forkserver', async () => {
    const [out, err, notify, commands] = ['out', 'err', 'notify', 'commands'].map(fifo)
    const start = { stdout: out, stderr: err, notify, commands, sockets: { web: 4 } }
    const { pid, env } = await scene.report(driver, start)
    expect(ownFds(pid)).toEqual({
      0: '/dev/null',
      1: out,
      2: err,
      4: sockets[1],
      [env.HOLDFAST_NOTIFY_FD ?? '']: notify,
      [env.HOLDFAST_COMMAND_FD ?? '']: commands,
    })
    expect(env.HOLDFAST_SOCKET_WEB).toBe('4')
    // It holds a reading end of each itself.
    for (const fd of [1, 2, Number(env.HOLDFAST_NOTIFY_FD), Number(env.HOLDFAST_COMMAND_FD)]) {
      expect(fdFlags(pid, fd) & 3).toBe(constants.O_RDWR)
      // As those of a spawned worker, what it executes has them, too.
      expect(fdFlags(pid, fd) & 0o2000000).toBe(0)
    }
    expect(fdFlags(pid, 4) & 0o2000000).toBe(0)
  })

  it('are the forkserver’s own outputs, if nothing is said', async () => {
    const { pid } = await scene.report(driver, { stdout: 'inherit' })
    const [fds, own] = [fdsOf(pid), fdsOf(driver.pid)]
    expect([fds[0], fds[1], fds[2]]).toEqual(['/dev/null', own[1], own[2]])
    expect(Object.keys(ownFds(pid))).toEqual(['0', '1', '2'])
  })

  it('are /dev/null for null, and files to append to', async () => {
    scene.write('log', 'before\n')
    const { pid } = await scene.report(driver, { stdout: null, stderr: scene.path('log') })
    expect(fdsOf(pid)[1]).toBe('/dev/null')
    expect(fdFlags(pid, 2) & (3 | constants.O_APPEND)).toBe(constants.O_WRONLY | constants.O_APPEND)
    const worker = await driver.start({ entry: language.call('raises'), stdout: null, stderr: scene.path('log') })
    await driver.exit(worker)
    expect(scene.read('log')).toMatch(/^before\n(.*\n)*.*as it should/)
    const both = scene.path('both')
    await driver.exit(await driver.start({ entry: language.call('raises'), stdout: both, stderr: both }))
    expect(scene.read('both')).toContain('as it should')
  })

  it.each<[string, Record<string, number>, Record<string, number>]>([
    ['as they lie', { a: 3, b: 4, c: 5 }, { a: 3, b: 4, c: 5 }],
    ['turned round', { a: 5, b: 4, c: 3 }, { a: 3, b: 4, c: 5 }],
    ['in a circle', { a: 4, b: 5, c: 3 }, { a: 3, b: 4, c: 5 }],
    ['moved down', { a: 5 }, { a: 3 }],
    ['moved up, far away', { a: 3, b: 4 }, { a: 40, b: 3 }],
    ['one in two places', { a: 3, b: 3 }, { a: 3, b: 4 }],
  ])('are its sockets where it looks for them: %s', async (_, given, wanted) => {
    const env = Object.fromEntries(
      Object.entries(wanted).map(([name, fd]) => [`HOLDFAST_SOCKET_${name.toUpperCase()}`, fd]),
    )
    const report = await scene.report(driver, { sockets: given, env, stdout: null, stderr: null })
    const expected = Object.entries(wanted).map(([name, fd]) => [String(fd), sockets[(given[name] ?? 0) - 3]])
    expect(ownFds(report.pid)).toEqual({
      0: '/dev/null',
      1: '/dev/null',
      2: '/dev/null',
      ...Object.fromEntries(expected),
    })
  })

  it('are not taken away from the application for a socket', async () => {
    const held = scene.forkserver({ preloads: ['app', 'holds'], sockets: 1 })
    await held.loaded()
    const [fd] = Object.entries(fdsOf(held.pid)).find(([, target]) => target.endsWith('/HELD')) ?? []
    const answer = await held.ask({
      entry: language.call('returns'),
      sockets: { a: 3 },
      env: { HOLDFAST_SOCKET_A: fd },
    })
    expect(answer.failed?.error).toBe(`socket a: fd ${fd} is in use`)
    const { pid } = await scene.report(held, { sockets: { a: 3 } })
    expect(fdsOf(pid)[Number(fd)]).toBe(scene.path('HELD'))
  })

  it('are a socket as standard input, which it can accept on', async () => {
    await driver.start({ entry: language.call('accepts'), sockets: { web: 3 }, stdin: { socket: 'web' } })
    const connection = connect(driver.ports[0] ?? 0, '127.0.0.1')
    const text = await new Promise<string>((resolve, reject) => {
      connection.setEncoding('utf8').once('data', resolve).once('error', reject)
    })
    expect(text).toMatch(/^from \d+\n$/)
    connection.destroy()
  })

  it('are a FIFO as standard input, if that is asked for', async () => {
    const stdin = fifo('stdin')
    const { pid } = await scene.report(driver, { stdin, stdout: null })
    expect(fdsOf(pid)[0]).toBe(stdin)
    expect(fdFlags(pid, 0) & 3).toBe(constants.O_RDWR)
  })

  it('are what else the forkserver was given: its number stays', async () => {
    const lifeline = scene.forkserver({ sockets: 1, extra: scene.write('lifeline', '') })
    await lifeline.loaded()
    const { pid } = await scene.report(lifeline, { stdout: null, stderr: null })
    expect(ownFds(pid)).toEqual({ 0: '/dev/null', 1: '/dev/null', 2: '/dev/null', 6: scene.path('lifeline') })
  })

  it('are a FIFO that outlives its reader: no write fails, none is lost', async () => {
    const out = fifo('outlives')
    const worker = await driver.start({ entry: language.call('writes'), stdout: out })
    const take = (count: number) => {
      const reader = openSync(out, constants.O_RDONLY)
      const buffer = Buffer.alloc(count)
      let size = 0
      while (size < count) size += readSync(reader, buffer, size, count - size, null)
      closeSync(reader)
      return buffer.toString()
    }
    const line = `${'x'.repeat(99)}\n`
    expect(take(1000)).toBe(line.repeat(10))
    // Nobody reads now.
    expect(take(100_000)).toBe(line.repeat(1000))
    process.kill(worker, 'SIGKILL')
    await driver.exit(worker)
  })

  it('are told to it: LISTEN_PID is its own', async () => {
    const { pid, env } = await scene.report(driver, { sockets: { web: 3 }, env: { LISTEN_FDS: '1', LISTEN_PID: '7' } })
    expect(env.LISTEN_PID).toBe(String(pid))
    expect((await scene.report(driver)).env.LISTEN_PID).toBeUndefined()
  })

  it('do not grow in the forkserver', async () => {
    const before = Object.keys(fdsOf(driver.pid))
    const starts = Array.from({ length: 20 }, () => driver.ask({ entry: language.call('returns'), stdout: null }))
    for (const answer of await Promise.all(starts)) await driver.exit(answer.started?.pid ?? 0)
    await driver.ask({ entry: language.call('returns'), cwd: '/no/such/directory' })
    expect(Object.keys(fdsOf(driver.pid))).toEqual(before)
    await driver.until('no child of it is left', () =>
      readFileSync(`/proc/${driver.pid}/task/${driver.pid}/children`, 'utf8') === '' ? true : undefined,
    )
  })
})
