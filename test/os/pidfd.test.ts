import { closeSync, readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { openPidfd, watchExit } from '../../src/os/pidfd.ts'
import { startTimeOf } from '../../src/os/process-identity.ts'
import { openFds, useScratch, within } from './scratch.ts'

const scratch = useScratch()

function exitOf(identity: { pid: number; startTime: number }): Promise<void> {
  return new Promise((resolve) => {
    const watch = watchExit(identity, resolve)
    scratch.now.atEnd(() => watch.close())
  })
}

describe('openPidfd', () => {
  test('is close-on-exec and belongs to that process', async () => {
    const stranger = await scratch.now.stranger()
    const fd = openPidfd(stranger)
    if (fd === null) throw new Error('none')
    const info = readFileSync(`/proc/self/fdinfo/${fd}`, 'utf8')
    closeSync(fd)
    expect(info).toContain(`Pid:\t${stranger.pid}\n`)
    expect(Number.parseInt(/^flags:\s+(\d+)$/m.exec(info)?.[1] ?? '', 8) & 0o2000000).toBe(0o2000000)
  })

  test('is null for another process with the same pid, and for nobody', async () => {
    const stranger = await scratch.now.stranger()
    const before = openFds()
    expect(openPidfd({ ...stranger, startTime: stranger.startTime + 1 })).toBeNull()
    expect(openPidfd({ pid: 4_190_000, startTime: 1 })).toBeNull()
    expect(openFds()).toEqual(before)
  })
})

describe('watchExit', () => {
  test('tells of the death of a stranger, once, and leaves no fd', async () => {
    const before = openFds().length
    const stranger = await scratch.now.stranger()
    let calls = 0
    const exited = exitOf(stranger).then(() => calls++)
    await new Promise((resolve) => setImmediate(resolve))
    expect(calls).toBe(0)
    process.kill(stranger.pid, 'SIGKILL')
    await within(exited, 'exit')
    expect(calls).toBe(1)
    expect(openFds().length).toBe(before)
  })

  test('tells of a child as well, which stays to be reaped', async () => {
    const child = scratch.now.sh('read line; exit 4')
    await within(exitOf({ pid: child.pid, startTime: startTimeOf(child.pid) ?? 0 }), 'exit')
    expect((await within(child.exited, 'status')).code).toBe(4)
  })

  test('tells of one that is gone already, in another turn', async () => {
    let calls = 0
    const gone = exitOf({ pid: 4_190_000, startTime: 1 }).then(() => calls++)
    expect(calls).toBe(0)
    await within(gone, 'exit')
  })

  test('says nothing after close', async () => {
    const stranger = await scratch.now.stranger()
    let calls = 0
    for (const identity of [stranger, { ...stranger, startTime: 1 }]) {
      const watch = watchExit(identity, () => calls++)
      watch.close()
      watch.close()
    }
    const other = exitOf(stranger)
    process.kill(stranger.pid, 'SIGKILL')
    await within(other, 'exit')
    expect(calls).toBe(0)
  })
})
