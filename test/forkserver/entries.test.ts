import { existsSync, readFileSync } from 'node:fs'
import { afterAll, beforeAll, expect, it } from 'vitest'
import type { Driver } from './driver/driver.ts'
import { ForkScene, forEachLanguage } from './languages.ts'
import { fdsOf } from './worker-facts.ts'

forEachLanguage('entries and preloads', (language) => {
  let scene: ForkScene
  let driver: Driver

  beforeAll(async () => {
    scene = new ForkScene(language)
    driver = scene.forkserver()
    await driver.loaded()
  })
  afterAll(() => scene.end())

  it.each<[string, { code: number | null; signal: number | null }]>([
    ['returns', { code: 0, signal: null }],
    ['raises', { code: language.raised, signal: null }],
    ['exits', { code: 3, signal: null }],
    ['killed', { code: null, signal: 9 }],
    ['children', { code: 0, signal: null }],
    ['no_such_function', { code: language.raised, signal: null }],
  ])('a function that %s ends as a program does', async (name, expected) => {
    const pid = await driver.start({ entry: language.call(name), stderr: scene.path(name) })
    expect(await driver.exit(pid)).toEqual({ pid, ...expected })
    if (name === 'raises') expect(scene.read(name)).toContain('as it should')
    if (name === 'no_such_function') expect(scene.read(name)).toContain(name)
    if (expected.code === 0) expect(scene.read(name)).toBe('')
  })

  it('runs a file as a program', async () => {
    const file = scene.file('report')
    const report = await scene.report(driver, { entry: file })
    expect(report).toMatchObject({ loadedBy: report.pid, argv: language.name === 'python' ? [file] : [] })
  })

  it('a file that is not there, or can not be read as a program, ends with an error', async () => {
    scene.write(`wrong.${language.extension}`, ')]}\n')
    for (const entry of ['./no_such_file', scene.file('wrong')]) {
      const pid = await driver.start({ entry, stderr: scene.path('errors') })
      expect((await driver.exit(pid)).code).not.toBe(0)
      expect(scene.read('errors')).toContain(entry.slice(2))
    }
  })

  it('without an entry runs what the last preload brings', async () => {
    const callable = scene.forkserver({ preloads: ['app', 'callable'] })
    await callable.loaded()
    expect((await callable.exit(await callable.start({}))).code).toBe(language.name === 'python' ? 5 : 6)
    expect((await driver.ask({})).failed?.error).toMatch(/^no entry: /)
  })

  it('starts cold in the very process', async () => {
    const file = scene.path('cold-report')
    const cold = scene.forkserver({ args: ['--cold', '--entry', language.call('report')], env: { REPORT: file } })
    const report = await cold.until('the report', () =>
      existsSync(file) ? JSON.parse(readFileSync(file, 'utf8')) : undefined,
    )
    expect(report).toMatchObject({ pid: cold.pid, loadedBy: cold.pid })
    expect(report.env).toHaveProperty('HOLDFAST_FORK_COMMANDS')
    process.kill(cold.pid, 'SIGTERM')
    expect((await cold.ended()).signal).toBe(15)
  })

  it.each([
    ['exits', 3],
    ['raises', language.raised],
    ['returns', 0],
  ])('a cold start of a function that %s ends with %i', async (name, code) => {
    const cold = scene.forkserver({ args: ['--cold', '--entry', language.call(name)] })
    expect((await cold.ended()).code).toBe(code)
  })

  it('a cold start without anything to run, or that can not load, ends with 1 and says why', async () => {
    const empty = scene.forkserver({ args: ['--cold'] })
    expect((await empty.ended()).code).toBe(1)
    expect(empty.output).toContain('no entry')
    const broken = scene.forkserver({ preloads: ['broken'], args: ['--cold', '--entry', language.call('returns')] })
    expect((await broken.ended()).code).toBe(1)
    expect(broken.output).toMatch(/preload \.\/broken\.\w+: .*no_such_module/)
  })

  it('calls hooks: before the fork the last first, after it in order', async () => {
    const hooked = scene.forkserver({ preloads: ['app', 'hooks'] })
    await hooked.loaded()
    const hooks = () => (existsSync(scene.path('HOOKS')) ? scene.read('HOOKS').trim().split('\n') : [])
    const before = hooks().length
    const pid = await hooked.start({ entry: language.call('returns') })
    await hooked.exit(pid)
    expect(hooks().slice(before)).toEqual([`before ${hooked.pid}`, `after ${pid}`])
    const cold = scene.forkserver({ preloads: ['app', 'hooks'], args: ['--cold', '--entry', language.call('returns')] })
    await cold.ended()
    expect(hooks().slice(before + 2)).toEqual([`after ${cold.pid}`])
    scene.write('FAIL', '')
    const answer = await hooked.ask({ entry: language.call('returns') })
    expect(answer.failed).toEqual({ token: expect.any(String), error: expect.stringContaining('not now') })
  })

  it('writes nothing twice, and runs exit handlers in the worker alone', async () => {
    const noisy = scene.forkserver({ preloads: ['app', 'noisy'] })
    await noisy.loaded()
    for (let round = 0; round < 3; round++) {
      const pid = await noisy.start({ entry: language.call('announces'), stdout: scene.path('said') })
      expect((await noisy.exit(pid)).code).toBe(0)
    }
    noisy.send({ quit: {} })
    await noisy.ended()
    expect(noisy.output).toBe("preload's word ")
    expect(scene.read('said').split('\n').sort()).toEqual(
      ['', ...["preload's end", "worker's end", "worker's word"].flatMap((line) => [line, line, line])].sort(),
    )
    expect(scene.read('KEPT')).toBe('kept ')
  })

  it('refuses to fork what holds sockets and threads, and lists them', async () => {
    const unsafe = scene.forkserver({ preloads: ['app', 'unsafe'] })
    const error = await unsafe.loaded().catch((reason: Error) => reason.message)
    const [address, fd] = scene.read('ADDRESS').split(' ')
    const thread = language.name === 'perl' ? '' : ', thread "worker-1"'
    const allow = language.name === 'perl' ? 'sockets' : 'sockets, threads'
    expect(error).toBe(
      `app.${language.extension}, unsafe.${language.extension} can not be forked from: it holds open a TCP socket ${address} (fd ${fd})${thread}; close them in a beforeFork hook, or allow them with allow: [${allow}]`,
    )
    expect((await unsafe.ended()).code).toBe(1)
  })

  it('forks it where that is allowed', async () => {
    const allowed = scene.forkserver({ preloads: ['app', 'unsafe'], args: ['--allow', 'sockets,threads'] })
    await allowed.loaded()
    const { pid } = await scene.report(allowed)
    expect(Object.values(fdsOf(pid))).toContainEqual(expect.stringMatching(/^socket:/))
    expect(allowed.output).toBe('')
    const partly = scene.forkserver({
      preloads: ['app', 'unsafe'],
      args: ['--allow', language.name === 'perl' ? 'timers' : 'sockets'],
    })
    await expect(partly.loaded()).rejects.toThrow(/can not be forked from/)
  })

  it('forks what closes them before a fork', async () => {
    const tidy = scene.forkserver({ preloads: ['app', 'tidy'] })
    await tidy.loaded()
    expect((await tidy.exit(await tidy.start({ entry: language.call('returns') }))).code).toBe(0)
  })

  // All of them once, where the mechanism is the most of our own making.
  const siblings = language.name === 'python' ? 1000 : 200
  it(`gives each of ${siblings} siblings random numbers of its own`, async () => {
    const numbers = scene.path('numbers')
    for (let round = 0; round < siblings / 50; round++) {
      const starts = Array.from({ length: 50 }, () => driver.ask({ entry: language.call('randoms'), stdout: numbers }))
      for (const answer of await Promise.all(starts)) await driver.exit(answer.started?.pid ?? 0)
    }
    const lines = readFileSync(numbers, 'utf8').trim().split('\n')
    expect(lines).toHaveLength(siblings)
    const columns = lines.map((line) => line.split(' '))
    for (const column of columns[0]?.keys() ?? [])
      expect(new Set(columns.map((line) => line[column])).size).toBe(siblings)
  })
})
