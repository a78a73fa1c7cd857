import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { startTimeOf } from '../../src/os/process-identity.ts'
import { awaitExit } from '../../src/server/await-exit.ts'
import { silent } from '../../src/server/silent-supervisor.ts'
import { callCli } from '../cli/call-cli.ts'
import { type Fixture, openFixture } from '../control/fixture.ts'

let fixture: Fixture
let child: ChildProcess
beforeEach(async () => {
  fixture = await openFixture()
  child = spawn('sleep', ['1000'])
  await once(child, 'spawn')
})
afterEach(async () => {
  child.kill('SIGKILL')
  await fixture.close()
})

const pid = () => child.pid ?? 0
const untilStopped = () => expect.poll(() => silent({ pid: pid(), limit: '1 s' }).detail.state).toContain('stopped')

describe('Ctrl-C while it waits', () => {
  test('ends the waiting, says that the operation goes on, and counts as interrupted', async () => {
    let goOn = () => {}
    let done = false
    // The answer has begun when the interrupt comes a moment later.
    fixture.engine.during = async () => {
      setTimeout(() => process.emit('SIGINT'), 50)
      await new Promise<void>((resolve) => {
        goOn = resolve
      })
      done = true
    }
    const { code, err } = await callCli(['--socket', fixture.path, 'restart', 'web'])
    expect({ code, err }).toEqual({
      code: 130,
      err: `holdfast: interrupted; the supervisor goes on with it\n  Look with: holdfast --socket ${fixture.path} status\n`,
    })
    goOn()
    await expect.poll(() => done).toBe(true)
    expect(process.listenerCount('SIGINT')).toBe(0)
  })
})

describe('a process that is stopped', () => {
  test('is named, with what to do', async () => {
    child.kill('SIGSTOP')
    await untilStopped()
    expect(silent({ pid: pid(), limit: '10 s' })).toMatchObject({
      exit: 5,
      message: `the supervisor (pid ${pid()}) did not answer within 10 s: its process is stopped`,
      hint: expect.stringContaining(`kill -CONT ${pid()}`),
    })
    expect(silent({ pid: pid(), limit: '1s', timedOut: true })).toMatchObject({ exit: 124 })
    child.kill('SIGCONT')
    await expect.poll(() => silent({ pid: pid(), limit: '1 s' }).detail.state).toBe('')
  })

  test('is not waited for until it is dead', async () => {
    child.kill('SIGSTOP')
    await untilStopped()
    const identity = { pid: pid(), startTime: startTimeOf(pid()) ?? 0 }
    const started = performance.now()
    await expect(awaitExit(identity)).rejects.toMatchObject({ code: 'HF_NO_ANSWER' })
    expect(performance.now() - started).toBeGreaterThan(2_900)
  }, 10_000)
})
