import { copyFileSync, readFileSync } from 'node:fs'
import { constants } from 'node:os'
import { describe, expect, test } from 'vitest'
import {
  describe as describeProcess,
  isAlive,
  startTimeOf,
  startTimeOfNow,
  statOf,
} from '../../src/os/process-identity.ts'
import { groupExists, signalGroup, signalProcess } from '../../src/os/send-signal.ts'
import { spawnProcess } from '../../src/os/spawn.ts'
import { until, useScratch, within } from './scratch.ts'

const scratch = useScratch()
const { SIGKILL, SIGTERM, SIGUSR1 } = constants.signals

/** A child that nobody waits for: it stays a zombie until this test's process ends, or `reap`. */
async function zombie(): Promise<number> {
  const options = { file: '/bin/true', argv: ['true'], env: [], cwd: null, fds: [], session: true, softNoFile: null }
  const pid = spawnProcess(options)
  await until('a zombie', () => statOf(pid)?.state === 'Z')
  return pid
}

describe('identity', () => {
  test('start time is field 22 of stat', async () => {
    const { pid } = scratch.now.sh('exec sleep 1000')
    const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(' ')
    expect(startTimeOf(pid)).toBe(Number(fields[21]))
    expect(statOf(pid)?.startTime).toBe(Number(fields[21]))
  })

  test('is known without a look when the clock has not moved between before and after the spawn', () => {
    let certain = 0
    for (let round = 0; round < 60; round++) {
      const before = startTimeOfNow()
      const { pid } = scratch.now.start('/bin/true', [])
      const after = startTimeOfNow()
      const startTime = startTimeOf(pid)
      expect(startTime).toBeGreaterThanOrEqual(before)
      expect(startTime).toBeLessThanOrEqual(after)
      if (before === after) certain++
    }
    expect(certain).toBeGreaterThan(0)
  })

  test('a command with blanks and parentheses does not shift the fields', async () => {
    const name = scratch.now.path(') 1 (x)')
    copyFileSync('/bin/sleep', name)
    const { pid } = scratch.now.start(name, ['1000'])
    await until('the name', () => readFileSync(`/proc/${pid}/comm`, 'utf8') === ') 1 (x)\n')
    const stat = statOf(pid)
    expect(stat).toMatchObject({ parent: process.pid, processGroup: pid, session: pid })
    expect(
      Math.abs((stat?.startTime ?? 0) - Number(readFileSync('/proc/uptime', 'utf8').split(' ')[0]) * 100),
    ).toBeLessThan(2000)
  })

  test('alive: the same start time, and no zombie', async () => {
    const { pid } = scratch.now.sh('exec sleep 1000')
    const startTime = startTimeOf(pid) ?? 0
    expect(isAlive({ pid, startTime })).toBe(true)
    expect(isAlive({ pid, startTime: startTime + 1 })).toBe(false)
    const dead = await zombie()
    expect(startTimeOf(dead)).not.toBeNull()
    expect(isAlive({ pid: dead, startTime: startTimeOf(dead) ?? 0 })).toBe(false)
  })

  test('nobody has no start time', () => {
    expect(startTimeOf(4_190_000)).toBeNull()
    expect(describeProcess(4_190_000)).toBeNull()
  })

  test('describe shows the command line', async () => {
    const { pid } = scratch.now.start('/bin/sleep', ['1000'])
    // Empty in the moment of the exec.
    await until('its command', () => describeProcess(pid)?.command === '/bin/sleep 1000')
    expect(describeProcess(await zombie())).toEqual({ command: '' })
  })
})

describe('signalProcess', () => {
  test('reaches our child', async () => {
    const { pid, exited } = scratch.now.sh('exec sleep 1000')
    const identity = { pid, startTime: startTimeOf(pid) ?? 0 }
    expect(signalProcess(identity, 0)).toBe('sent')
    expect(signalProcess(identity, SIGTERM)).toBe('sent')
    expect(await within(exited, 'exit')).toEqual({ code: null, signal: 'SIGTERM' })
    expect(signalProcess(identity, SIGTERM)).toBe('gone')
  })

  test('reaches a process that is not ours', async () => {
    const identity = await scratch.now.stranger()
    expect(statOf(identity.pid)?.parent).not.toBe(process.pid)
    expect(signalProcess(identity, SIGKILL)).toBe('sent')
    await until('its end', () => !isAlive(identity))
    expect(signalProcess(identity, SIGKILL)).toBe('gone')
  })

  test('does not reach whoever has the pid now', async () => {
    const stranger = await scratch.now.stranger()
    const child = scratch.now.sh('exec sleep 1000')
    const own = { pid: child.pid, startTime: startTimeOf(child.pid) ?? 0 }
    for (const identity of [stranger, own]) {
      expect(signalProcess({ ...identity, startTime: identity.startTime - 1 }, SIGKILL)).toBe('gone')
      expect(isAlive(identity)).toBe(true)
    }
  })

  test('a zombie is gone', async () => {
    const pid = await zombie()
    expect(signalProcess({ pid, startTime: startTimeOf(pid) ?? 0 }, SIGTERM)).toBe('gone')
  })

  test('refuses numbers that mean many, and signals that do not exist', async () => {
    for (const pid of [0, -1, Number.NaN]) {
      expect(() => signalProcess({ pid, startTime: 1 }, SIGTERM)).toThrow(RangeError)
    }
    const { pid } = scratch.now.sh('exec sleep 1000')
    expect(() => signalProcess({ pid, startTime: startTimeOf(pid) ?? 0 }, 99)).toThrow('EINVAL')
  })
})

describe('groups', () => {
  test('every process of it gets the signal, and it exists as long as one is left', async () => {
    const child = scratch.now.sh('trap "exit 3" USR1; sleep 1000 & echo $!; wait')
    // A subshell that is not sleep yet would drop the signal together with the trap.
    await until('the member', () => describeProcess(Number(child.output()))?.command === 'sleep 1000')
    expect(groupExists(child.pid)).toBe(true)
    expect(signalGroup(child.pid, SIGUSR1)).toBe('sent')
    expect(await within(child.exited, 'exit')).toEqual({ code: 3, signal: null })
    await until('the end of the group', () => !groupExists(child.pid))
    expect(signalGroup(child.pid, SIGTERM)).toBe('gone')
  })

  test('refuses the numbers that mean everybody, ourselves and init', () => {
    for (const group of [-1, 0, 1, 1.5]) {
      expect(() => signalGroup(group, SIGTERM)).toThrow(RangeError)
      expect(() => groupExists(group)).toThrow(RangeError)
    }
  })
})
