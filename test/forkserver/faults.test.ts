import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { afterEach, beforeEach, expect, it } from 'vitest'
import type { Driver } from './driver/driver.ts'
import { ForkScene, forEachLanguage } from './languages.ts'
import { statOf, statusOf } from './worker-facts.ts'

// Holds a lease of the file: whoever opens it to write waits, 45 s if nothing is done.
const LEASE = `
import fcntl, os, signal, sys, time
signal.signal(signal.SIGIO, lambda *_: None)
fd = os.open(sys.argv[1], os.O_RDWR | os.O_CREAT)
fcntl.fcntl(fd, fcntl.F_SETLEASE, fcntl.F_WRLCK)
print("held", flush=True)
while True:
    time.sleep(1)
`

forEachLanguage('faults', (language) => {
  let scene: ForkScene
  let driver: Driver
  let leaser: ChildProcess | null = null
  const returns = { entry: language.call('returns'), stdout: null }

  beforeEach(() => {
    scene = new ForkScene(language)
  })
  afterEach(async () => {
    leaser?.kill('SIGKILL')
    leaser = null
    await scene.end()
  })

  /** Orders a worker, with the token "hangs", that hangs while it sets itself up. @returns its pid */
  async function hanging(): Promise<number> {
    const file = scene.write('leased', '')
    leaser = spawn('python3', ['-c', LEASE, file], { stdio: ['ignore', 'pipe', 'inherit'] })
    if (leaser.stdout) await once(leaser.stdout, 'data')
    const supervisor = statOf(driver.pid, 'ppid')
    const before = childrenOf(supervisor)
    driver.send({ start: { id: 'web/0', token: 'hangs', ...returns, stdout: file } })
    return driver.until('the hanging worker', () =>
      childrenOf(supervisor).find((child) => !before.includes(child) && /^[SD]/.test(statusOf(child, 'State'))),
    )
  }

  it('a worker that dies before it is ready is unsound', async () => {
    driver = scene.forkserver()
    await driver.loaded()
    const pid = await hanging()
    process.kill(pid, 'SIGKILL')
    expect(await driver.answer('hangs')).toEqual({
      failed: { token: 'hangs', error: expect.stringMatching(/died before/), unsound: true },
    })
    expect((await driver.exit(pid)).signal).toBe(9)
    expect(await driver.ask(returns)).toHaveProperty('started')
  })

  it('a worker that hangs before it is ready is killed, others start meanwhile', async () => {
    driver = scene.forkserver({ args: ['--fork-timeout', '1500'] })
    await driver.loaded()
    const pid = await hanging()
    expect((await driver.exit(await driver.start(returns))).code).toBe(0)
    expect(driver.exits.some((exit) => exit.pid === pid)).toBe(false)
    expect(await driver.answer('hangs')).toEqual({
      failed: { token: 'hangs', error: expect.stringMatching(/not ready within 1500 ms/), unsound: true },
    })
    expect((await driver.exit(pid)).signal).toBe(9)
    expect(await driver.ask(returns)).toHaveProperty('started')
  })

  it('a worker whose forkserver dies before it was announced ends by itself', async () => {
    driver = scene.forkserver()
    await driver.loaded()
    const pid = await hanging()
    process.kill(driver.pid, 'SIGKILL')
    await driver.ended()
    leaser?.kill('SIGKILL')
    expect((await driver.exit(pid)).code).toBe(1)
  })

  it('a forkserver that was stopped for longer than its deadline kills no worker for that', async () => {
    driver = scene.forkserver({ args: ['--fork-timeout', '1000'] })
    await driver.loaded()
    process.kill(driver.pid, 'SIGSTOP')
    const answers = [driver.ask(returns), driver.ask(returns)]
    const wakeAt = Date.now() + 1500
    await driver.until('1.5 s', () => (Date.now() > wakeAt ? true : undefined))
    process.kill(driver.pid, 'SIGCONT')
    for (const answer of await Promise.all(answers)) expect(answer).toHaveProperty('started')
  })

  it('a status that nobody reads blocks nothing: orders are taken, quit is obeyed', async () => {
    driver = scene.forkserver()
    await driver.loaded()
    driver.pause(true)
    // More answers than the pipe holds.
    for (let order = 0; order < 3000; order++) driver.send({ start: { token: `${order}`, id: '' } })
    driver.send({ quit: {} })
    expect((await driver.ended()).code).toBe(0)
  })

  it('a status that is read late loses no answer', async () => {
    driver = scene.forkserver()
    await driver.loaded()
    driver.pause(true)
    for (let order = 0; order < 3000; order++) driver.send({ start: { token: `${order}`, id: '' } })
    driver.send({ start: { token: 'last', id: 'web/0', ...returns } })
    driver.pause(false)
    await driver.answer('last')
    expect(driver.statuses.filter((message) => message.failed)).toHaveLength(3000)
  })

  it('a status that nobody will ever read is no error', async () => {
    driver = scene.forkserver()
    await driver.loaded()
    driver.close('status')
    driver.send({ dance: {} })
    driver.send({ start: { token: '1', id: 'web/0', ...returns } })
    driver.close('commands')
    expect((await driver.ended()).code).toBe(0)
  })
})

function childrenOf(pid: number): number[] {
  return readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').split(' ').filter(Boolean).map(Number)
}
