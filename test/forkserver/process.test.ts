import { execFileSync } from 'node:child_process'
import { chmodSync, existsSync, readFileSync, statSync } from 'node:fs'
import { afterAll, beforeAll, expect, it } from 'vitest'
import type { Driver } from './driver/driver.ts'
import { ForkScene, forEachLanguage } from './languages.ts'
import { environmentOf, limitOf, signalsIn, statOf, statusOf, titleOf } from './worker-facts.ts'

const isRoot = process.getuid?.() === 0
const SIGTERM = 15

forEachLanguage('the process of a worker', (language) => {
  let scene: ForkScene
  let driver: Driver

  beforeAll(async () => {
    scene = new ForkScene(language)
    chmodSync(scene.directory, 0o777)
    driver = scene.forkserver({
      env: {
        HOLDFAST_ID: `forkserver${'/'.repeat(40)}`,
        KEPT: 'kept',
        REPLACED: 'old',
        NOTIFY_SOCKET: '/x',
        _CFK_A: '1',
        LISTEN_FDS: '9',
      },
    })
    await driver.loaded()
  })
  afterAll(() => scene.end())

  it('is the supervisor’s child, with its own pid, and runs what was loaded before', async () => {
    const report = await scene.report(driver)
    expect(report.ppid).toBe(statOf(driver.pid, 'ppid'))
    expect(report.loadedBy).toBe(driver.pid)
    expect(driver.statuses).toContainEqual({ started: { token: expect.any(String), pid: report.pid } })
  })

  it('has the environment of the forkserver, less its own words, and what it is given', async () => {
    const env = {
      GIVEN: 'é\n"$',
      REPLACED: 'new',
      KEPT: null,
      NUMBER: 7,
      'with.dot-and-dash': '1',
      HOLDFAST_ID: 'w',
      EMPTY: '',
    }
    const report = await scene.report(driver, { env })
    expect(report.env).toMatchObject({
      GIVEN: 'é\n"$',
      REPLACED: 'new',
      NUMBER: '7',
      'with.dot-and-dash': '1',
      HOLDFAST_ID: 'w',
      EMPTY: '',
    })
    const own = Object.keys(report.env).filter((name) => /^(HOLDFAST|_CFK|NOTIFY|LISTEN|KEPT)/.test(name))
    expect(own).toEqual(['HOLDFAST_ID'])
    expect((await scene.report(driver)).env).toMatchObject({ KEPT: 'kept', REPLACED: 'old' })
  })

  it.each<[string, unknown]>([
    ['a session of its own', true],
    ['a session of its own', undefined],
    ['a group of its own', 'group'],
    ['neither', false],
  ])('has %s with session: %s', async (_, session) => {
    const { pid } = await scene.report(driver, { session })
    const [group, ownSession] = [statOf(pid, 'group'), statOf(pid, 'session')]
    const [outerGroup, outerSession] = [statOf(driver.pid, 'group'), statOf(driver.pid, 'session')]
    const own = session ?? true
    expect(group).toBe(own === false ? outerGroup : pid)
    expect(ownSession).toBe(own === true ? pid : outerSession)
  })

  it('has its directory, umask, nice value and limits', async () => {
    const { pid } = await scene.report(driver, {
      cwd: scene.path('sub'),
      // Relative paths are those of its directory.
      entry: language.call('report', '../'),
      umask: 0o27,
      nice: 3,
      limits: {
        nofile: { soft: 100, hard: 200 },
        core: { soft: 0, hard: null },
        cpu: { soft: 1000 },
        locks: { soft: 9, hard: 9 },
      },
    })
    expect(readFileSync(`/proc/${pid}/status`, 'utf8')).toMatch(/^Umask:\s*0027$/m)
    expect(execFileSync('readlink', [`/proc/${pid}/cwd`], { encoding: 'utf8' }).trim()).toBe(scene.path('sub'))
    expect(statOf(pid, 'nice')).toBe(statOf(driver.pid, 'nice') + 3)
    expect(limitOf(pid, 'Max open files')).toEqual(['100', '200'])
    expect(limitOf(pid, 'Max core file size')).toEqual(['0', 'unlimited'])
    expect(limitOf(pid, 'Max cpu time')).toEqual(['1000', 'unlimited'])
    expect(limitOf(pid, 'Max file locks')).toEqual(['9', '9'])
    // The next one is as before.
    const next = await scene.report(driver)
    expect(limitOf(next.pid, 'Max open files')).toEqual(limitOf(driver.pid, 'Max open files'))
    expect(statusOf(next.pid, 'Umask')).toBe(statusOf(driver.pid, 'Umask'))
  })

  it('makes files before its umask is set', async () => {
    await driver.exit(await driver.start({ entry: language.call('returns'), stdout: scene.path('made'), umask: 0o77 }))
    expect(statSync(scene.path('made')).mode & 0o777).toBe(0o666 & ~Number.parseInt(statusOf(driver.pid, 'Umask'), 8))
  })

  it('fails if a limit may not be set', async () => {
    const hard = 2 ** 40
    const answer = await driver.ask({ entry: language.call('returns'), limits: { nofile: { soft: hard, hard } } })
    expect(answer.failed?.error).toBeTruthy()
    expect(answer.failed?.unsound).toBeUndefined()
  })

  it.runIf(isRoot).each<[string, unknown, { uid: number; gid: number; groups: number[] }]>([
    ['a name', 'nobody', { uid: 65534, gid: 65534, groups: [65534] }],
    ['numbers', { uid: 1, gid: 2, groups: [3, 4] }, { uid: 1, gid: 2, groups: [3, 4] }],
    ['numbers without groups', { uid: 1, gid: 2, groups: [] }, { uid: 1, gid: 2, groups: [] }],
    ['a group alone', { gid: 5, groups: [] }, { uid: 0, gid: 5, groups: [] }],
  ])('is the user that it should be: %s', async (_, user, expected) => {
    const { pid } = await scene.report(driver, { user, stdout: scene.path('as-user'), stderr: scene.path('as-user') })
    const four = (id: number) => [id, id, id, id].join('\t')
    expect(statusOf(pid, 'Uid')).toBe(four(expected.uid))
    expect(statusOf(pid, 'Gid')).toBe(four(expected.gid))
    expect(statusOf(pid, 'Groups').split(' ').filter(Boolean).map(Number)).toEqual(expected.groups)
    if (expected.uid !== 0) expect(BigInt(`0x${statusOf(pid, 'CapEff')}`)).toBe(0n)
    // Its own /proc belongs to it, /dev/stdout with it.
    expect(statSync(`/proc/${pid}/fd`).uid).toBe(expected.uid)
    process.kill(pid, 'SIGKILL')
    await driver.exit(pid)
  })

  it.runIf(isRoot)('has the supplementary groups of its user', async () => {
    const user = 'www-data'
    const groups = execFileSync('id', ['-G', user], { encoding: 'utf8' }).trim().split(' ').map(Number)
    const { pid } = await scene.report(driver, { user })
    expect(statusOf(pid, 'Groups').split(' ').map(Number).sort()).toEqual(groups.sort())
  })

  it.runIf(isRoot)('of a forkserver without privileges is what it may be, and fails for what it may not', async () => {
    const nobody = ['setpriv', '--reuid=65534', '--regid=65534', '--clear-groups']
    // Where a user finds an interpreter.
    const env = { PATH: '/usr/bin:/bin' }
    const own = new ForkScene(language)
    try {
      chmodSync(own.directory, 0o777)
      const forkserver = own.forkserver({ prefix: nobody, env })
      await forkserver.loaded()
      const { pid } = await own.report(forkserver, { user: { uid: 65534, gid: 65534, groups: [] }, nice: 1 })
      expect(statusOf(pid, 'Uid')).toBe([65534, 65534, 65534, 65534].join('\t'))
      const order = { entry: language.call('returns') }
      for (const part of [{ user: { uid: 1, gid: 1, groups: [] } }, { user: 'root' }, { nice: -5 }]) {
        const { failed } = await forkserver.ask({ ...order, ...part })
        expect(failed?.error).toMatch(/not permitted|denied/)
      }
      const limits = { nofile: { soft: 1_000_000_000, hard: 1_000_000_000 } }
      expect((await forkserver.ask({ ...order, limits })).failed?.error).toBeTruthy()
      expect((await forkserver.exit(await forkserver.start(order))).code).toBe(0)
    } finally {
      await own.end()
    }
  })

  it('has default signals, as its language has them, and blocks none', async () => {
    // The application has handlers for two.
    const { pid } = await scene.report(driver)
    const file = scene.path('plain')
    const plain = scene.forkserver({
      preloads: [],
      args: ['--cold', '--entry', scene.file('report')],
      env: { REPORT: file },
    })
    await plain.until('the report', () => (existsSync(file) ? true : undefined))
    for (const field of ['SigBlk', 'SigIgn', 'SigCgt'] as const) {
      expect(signalsIn(pid, field)).toEqual(signalsIn(plain.pid, field))
    }
    process.kill(pid, 'SIGTERM')
    expect((await driver.exit(pid)).signal).toBe(SIGTERM)
  })

  it('shows its own HOLDFAST_ID to who looks from outside, if there is room for it', async () => {
    const { pid, env } = await scene.report(driver, { env: { HOLDFAST_ID: 'id-of-worker' } })
    expect(env.HOLDFAST_ID).toBe('id-of-worker')
    expect(environmentOf(pid).find((variable) => variable.startsWith('HOLDFAST_ID='))).toMatch(
      /^HOLDFAST_ID=id-of-worker\/+$/,
    )
    expect(environmentOf(pid)).toContain('KEPT=kept')
    expect(environmentOf(driver.pid)).toContain(`HOLDFAST_ID=forkserver${'/'.repeat(40)}`)
    const long = await scene.report(driver, { env: { HOLDFAST_ID: 'x'.repeat(80) } })
    expect(environmentOf(long.pid)).toContain(`HOLDFAST_ID=forkserver${'/'.repeat(40)}`)
  })

  it('is called what it is', async () => {
    const entry = language.call('report')
    const { pid } = await scene.report(driver, { id: 'web/7' })
    expect(titleOf(pid)).toBe(`holdfast web/7 ${entry}`)
    expect(readFileSync(`/proc/${pid}/comm`, 'utf8')).toMatch(/^holdfast web\/7/)
    expect(titleOf(driver.pid)).not.toContain('web/7')
  })
})
