import { spawn as nodeSpawn } from 'node:child_process'
import { constants } from 'node:os'
import { describe, expect, test } from 'vitest'
import { statOf } from '../../src/os/process-identity.ts'
import { ChildReaper, decodeWaitStatus, type WaitStatus } from '../../src/os/reap.ts'
import { groupExists, signalGroup } from '../../src/os/send-signal.ts'
import { spawnProcess } from '../../src/os/spawn.ts'
import { openFds, until, useScratch, within } from './scratch.ts'

const scratch = useScratch()
const { SIGKILL } = constants.signals

function sh(script: string): number {
  const env = ['PATH=/usr/bin:/bin']
  return spawnProcess({
    file: '/bin/sh',
    argv: ['sh', '-c', script],
    env,
    cwd: null,
    fds: [],
    session: true,
    softNoFile: null,
  })
}

/** A reaper of own children with a log of what it said. */
function watching(scripts: readonly string[]) {
  const log: [string, number, (WaitStatus | string | undefined)?][] = []
  const reaper = new ChildReaper(
    'own-children',
    (pid, status) => log.push(['exit', pid, status]),
    (pid) => log.push(['before', pid, statOf(pid)?.state]),
  )
  scratch.now.atEnd(() => reaper.close())
  const pids = scripts.map(sh)
  for (const pid of pids) reaper.watch(pid)
  return { reaper, pids, log }
}

describe('own children', () => {
  test('are reported with code or signal, as zombies first', async () => {
    const { pids, log } = watching(['exit 0', 'exit 3', 'exit 255', 'kill -KILL $$', 'kill -USR1 $$'])
    await until('five exits', () => log.length === 10)
    const [a = 0, b = 0, c = 0, d = 0, e = 0] = pids
    expect(log).toEqual(
      expect.arrayContaining([
        ['exit', a, { code: 0, signal: null }],
        ['exit', b, { code: 3, signal: null }],
        ['exit', c, { code: 255, signal: null }],
        ['exit', d, { code: null, signal: 'SIGKILL' }],
        ['exit', e, { code: null, signal: 'SIGUSR1' }],
      ]),
    )
    for (const pid of pids) {
      const own = log.filter(([, about]) => about === pid)
      expect(own[0]).toEqual(['before', pid, 'Z'])
      expect(own[1]?.[0]).toBe('exit')
      expect(statOf(pid)).toBeNull()
    }
  })

  test('are told of once, and leave no fd', async () => {
    const before = openFds().length
    const { pids, log, reaper } = watching(['exit 0'])
    reaper.watch(pids[0] ?? 0)
    expect(openFds().length).toBe(before + 1)
    await until('exit', () => log.length === 2)
    reaper.poll()
    expect(log).toHaveLength(2)
    expect(openFds().length).toBe(before)
  })

  test('can be asked for without the event loop', () => {
    const { pids, log, reaper } = watching(['exit 7'])
    const deadline = Date.now() + 5000
    while (log.length === 0 && Date.now() < deadline) reaper.poll()
    expect(log).toEqual([
      ['before', pids[0], 'Z'],
      ['exit', pids[0], { code: 7, signal: null }],
    ])
  })

  test('that died before they were watched are reported', async () => {
    const pid = sh('exit 4')
    await until('zombie', () => statOf(pid)?.state === 'Z')
    const exit = new Promise<WaitStatus>((resolve) => {
      const reaper = new ChildReaper('own-children', (_, status) => resolve(status))
      scratch.now.atEnd(() => reaper.close())
      reaper.watch(pid)
    })
    expect(await within(exit, 'exit')).toEqual({ code: 4, signal: null })
  })

  test('are all that is waited for: node:child_process keeps its own', async () => {
    const { log } = watching(['exit 1'])
    const child = nodeSpawn('/bin/sh', ['-c', 'exit 42'])
    const code = await within(new Promise((resolve) => child.on('exit', resolve)), 'exit of the other')
    expect(code).toBe(42)
    await until('own exit', () => log.length === 2)
  })

  test('do not touch the process: no SIGCHLD handler, no subreaper', () => {
    const before = process.listenerCount('SIGCHLD')
    watching(['exit 0'])
    expect(process.listenerCount('SIGCHLD')).toBe(before)
  })

  test('are not reported after close', async () => {
    const { pids, log, reaper } = watching(['exit 0'])
    reaper.close()
    await until('zombie', () => statOf(pids[0] ?? 0)?.state === 'Z')
    reaper.poll()
    expect(log).toEqual([])
  })
})

describe('a leader that is dead but not reaped', () => {
  test('keeps its group reachable', async () => {
    // The member ignores TERM and would live on; the leader is gone at once.
    const left: number[] = []
    let pid = 0
    const done = new Promise<void>((resolve) => {
      const reaper = new ChildReaper(
        'own-children',
        () => {
          left.push(2)
          resolve()
        },
        (dead) => {
          expect(dead).toBe(pid)
          expect(signalGroup(dead, SIGKILL)).toBe('sent')
          left.push(1)
        },
      )
      scratch.now.atEnd(() => reaper.close())
      pid = sh(`trap '' TERM; sleep 1000 & echo $! > ${scratch.now.path('member')}`)
      reaper.watch(pid)
    })
    await within(done, 'exit')
    expect(left).toEqual([1, 2])
    await until('end of the group', () => !groupExists(pid))
  })
})

test('decodeWaitStatus knows core dumps', () => {
  expect(decodeWaitStatus(0x0100)).toEqual({ code: 1, signal: null })
  expect(decodeWaitStatus(0x8b)).toEqual({ code: null, signal: 'SIGSEGV' })
})

describe('a subreaper', () => {
  const prelude = `
    import { ChildReaper } from 'src/os/reap.ts'
    import { spawnProcess } from 'src/os/spawn.ts'
    import { statOf } from 'src/os/process-identity.ts'
    const exits = new Map()
    const order = []
    const spawnShell = (script) => spawnProcess({ file: '/bin/sh', argv: ['sh', '-c', script], env: ['PATH=/bin:/usr/bin'],
      cwd: null, fds: [], session: true, softNoFile: null })
    const until = async (condition) => {
      const deadline = Date.now() + 8000
      while (!condition()) {
        if (Date.now() > deadline) throw new Error('too late')
        await new Promise((resolve) => setTimeout(resolve, 5))
      }
    }
  `

  test('reaps its children and the orphans of a double fork, in a process of its own', async () => {
    const result = await scratch.now.program(`${prelude}
      const reaper = new ChildReaper('subreaper', (pid, status) => { exits.set(pid, status); order.push(['exit', pid]) },
        (pid) => order.push(['before', pid, statOf(pid)?.state]))
      const known = spawnShell('exit 5')
      // The middle process ends at once; its child, of another session, is ours then.
      const middle = spawnShell('setsid sh -c "sleep 0.2; exit 6" & exit 0')
      reaper.watch(known)
      await_()
      async function await_() {
        await until(() => exits.size === 3)
        const orphan = [...exits].find(([pid]) => pid !== known && pid !== middle)
        const listeners = process.listenerCount('SIGCHLD')
        reaper.close()
        console.log(JSON.stringify({ known: exits.get(known), middle: exits.get(middle), orphan: orphan[1], listeners,
          after: process.listenerCount('SIGCHLD'), zombieFirst: order.filter(([what]) => what === 'before').every(([, , state]) => state === 'Z') }))
      }
    `)
    expect(result).toEqual({
      known: { code: 5, signal: null },
      middle: { code: 0, signal: null },
      orphan: { code: 6, signal: null },
      listeners: 1,
      after: 0,
      zombieFirst: true,
    })
  })

  test('holds: who dies meanwhile stays a zombie, and is told of at the release', async () => {
    const result = await scratch.now.program(`${prelude}
      const reaper = new ChildReaper('subreaper', (pid, status) => exits.set(pid, status))
      void (async () => {
        const first = spawnShell('exit 1')
        await until(() => exits.size === 1)
        reaper.hold(() => [])
        const awaitedBefore = reaper.isAwaited
        const second = spawnShell('exit 2')
        await until(() => reaper.isAwaited)
        reaper.poll()
        const held = { told: exits.size, state: statOf(second)?.state }
        reaper.release()
        const released = { status: exits.get(second), isAwaited: reaper.isAwaited }
        reaper.close()
        console.log(JSON.stringify({ awaitedBefore, held, released }))
      })()
    `)
    expect(result).toEqual({
      awaitedBefore: false,
      held: { told: 1, state: 'Z' },
      released: { status: { code: 2, signal: null }, isAwaited: false },
    })
  })

  test('does not hold those that are known for longer than a second', async () => {
    const result = await scratch.now.program(`${prelude}
      const reaper = new ChildReaper('subreaper', (pid, status) => exits.set(pid, status))
      void (async () => {
        const [known, unknown] = [spawnShell('exit 1'), spawnShell('exit 2')]
        reaper.hold(() => [known])
        await until(() => exits.size > 0)
        const held = { known: exits.get(known), unknown: statOf(unknown)?.state }
        reaper.release()
        const released = exits.get(unknown)
        reaper.close()
        console.log(JSON.stringify({ held, released }))
      })()
    `)
    expect(result).toEqual({
      held: { known: { code: 1, signal: null }, unknown: 'Z' },
      released: { code: 2, signal: null },
    })
  })

  test('finds who died before it was there, and 200 at once', async () => {
    const result = await scratch.now.program(`${prelude}
      const early = spawnShell('exit 9')
      void (async () => {
        await until(() => statOf(early)?.state === 'Z')
        const reaper = new ChildReaper('subreaper', (pid, status) => exits.set(pid, status))
        await until(() => exits.has(early))
        const pids = Array.from({ length: 200 }, (_, index) => spawnShell('exit ' + (index % 100)))
        await until(() => exits.size === 201)
        reaper.close()
        console.log(JSON.stringify({ early: exits.get(early), right: pids.every((pid, index) => exits.get(pid).code === index % 100) }))
      })()
    `)
    expect(result).toEqual({ early: { code: 9, signal: null }, right: true })
  })

  test('goes on after an exception in a callback, which comes out as uncaught', async () => {
    const result = await scratch.now.program(`${prelude}
      const errors = []
      process.on('uncaughtException', (error) => errors.push(error.message))
      const reaper = new ChildReaper('subreaper', (pid, status) => { exits.set(pid, status); throw new Error('exit') },
        () => { throw new Error('before') })
      spawnShell('exit 0')
      spawnShell('exit 0')
      void until(() => exits.size === 2 && errors.length === 4).then(() => {
        reaper.close()
        console.log(JSON.stringify(errors.sort()))
      })
    `)
    expect(result).toEqual(['before', 'before', 'exit', 'exit'])
  })
})
