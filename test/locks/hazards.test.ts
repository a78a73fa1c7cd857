import { readFileSync, renameSync, rmSync, statSync, unlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { startTimeOf } from '../../src/os/process-identity.ts'
import { node, nodePath, until, within } from '../os/scratch.ts'
import {
  acquired,
  descendantsOf,
  flocksBelow,
  kill,
  promoted,
  shellsThatWait,
  statusOf,
  ticketOf,
  useLockBench,
} from './lock-bench.ts'

const bench = useLockBench()

const file = (name: string): string => join(bench.now.directory, name)
/** Or a zombie. */
const isGone = (pid: number): boolean => !/^[A-Y]/.test(statusOf(pid, 'State'))

describe('what waits', () => {
  test.each(['the shell', 'its flock(1)'])(
    'is killed (%s): the standby is of no use, the next one follows',
    async (who) => {
      const provider = await bench.now.provider({ standbys: 2 })
      const main = await bench.now.main(provider)
      const first = await bench.now.standby(provider)
      const [shell = 0] = bench.now.waiters()
      const second = await bench.now.standby(provider)
      const [flock = 0] = flocksBelow(shell)
      process.kill(who === 'the shell' ? shell : flock, 'SIGKILL')
      expect(await within(first.outcome, 'the news')).toEqual({ is: 'failed', why: expect.stringMatching(/killed/) })
      // One that is dying may still be given the lock, and the standby has it then, which nobody ends here.
      await until('the end of flock(1)', () => isGone(flock))
      await kill(main)
      const next = await promoted(second)
      expect(next.held.token).toBe('1000000002')
      expect(first.process.output()).toBe('')
      expect((await provider.report())[0]?.holders.map(({ pid }) => pid)).toEqual([second.process.pid])
    },
  )

  test('is killed, one of the head’s three: the whole standby is given up', async () => {
    const provider = await bench.now.provider({ mains: 3, standbys: 1 })
    const mains = [await bench.now.main(provider), await bench.now.main(provider), await bench.now.main(provider)]
    const standby = await bench.now.standby(provider)
    await until('three that wait', () => flocksBelow(bench.now.waiters()[0] ?? 0).length === 3)
    process.kill(flocksBelow(bench.now.waiters()[0] ?? 0)[1] ?? 0, 'SIGKILL')
    expect((await within(standby.outcome, 'the news')).is).toBe('failed')
    for (const main of mains) await kill(main)
    for (const { holders } of await provider.report()) expect(holders).toEqual([])
  })

  test('is called back, and nothing of it is left; the next one in the queue moves up', async () => {
    const provider = await bench.now.provider({ mains: 2, standbys: 2 })
    const mains = [await bench.now.main(provider), await bench.now.main(provider)]
    const first = await bench.now.standby(provider)
    const [firstShell] = bench.now.waiters()
    const second = await bench.now.standby(provider)
    const below = bench.now.waiters().flatMap((pid) => (pid === firstShell ? descendantsOf(pid) : []))
    first.candidate.cancel()
    expect(await within(first.outcome, 'the news')).toEqual({ is: 'cancelled' })
    expect(bench.now.waiters().length).toBe(1)
    await until('the end of what it had started', () => below.every(isGone))
    for (const main of mains) await kill(main)
    await promoted(second)
    expect(first.process.output()).toBe('')
  })

  test('gets a slot for a process that has died: the slot goes on to the next one', async () => {
    const provider = await bench.now.provider({ standbys: 2 })
    const main = await bench.now.main(provider)
    const first = await bench.now.standby(provider)
    const second = await bench.now.standby(provider)
    await kill(first)
    await kill(main)
    // The next one may have it before we have read who it was.
    expect(['acquired', 'failed']).toContain((await within(first.outcome, 'the news')).is)
    const next = await promoted(second)
    // One more than the second has: the first was before it.
    expect(next.held.token).toBe('1000000003')
    expect((await provider.report())[0]?.holders.map(({ pid }) => pid)).toEqual([next.process.pid])
  })
})

describe('a main without a process yet', () => {
  test('waits cold, and gets the slot for its start', async () => {
    const provider = await bench.now.provider({ standbys: 1 })
    const main = await bench.now.main(provider)
    const candidate = bench.now.candidate(provider)
    await candidate.takePlace()
    const outcome = candidate.wait(null)
    await bench.now.queued()
    await kill(main)
    const found = await within(outcome, 'the slot')
    expect(found).toMatchObject({ is: 'acquired', told: false, held: { slot: 0, token: '1000000002' } })
    const { process: next } = bench.now.work(candidate)
    expect((await provider.report())[0]?.holders.map(({ pid }) => pid)).toEqual([next.pid])
    // Its place is another one's, while it lives.
    expect(await within(bench.now.candidate(provider).takePlace(), 'its place')).toEqual({ is: 'placed' })
  })

  test('is called back while it asks, queues for a place, and queues for a slot', async () => {
    const provider = await bench.now.provider({ standbys: 1 })
    await bench.now.main(provider)
    await bench.now.standby(provider)
    const candidate = bench.now.candidate(provider)
    const asked = candidate.tryNow()
    candidate.cancel()
    expect(await asked).toEqual({ is: 'cancelled' })
    const place = candidate.takePlace()
    await until('the waiting', () => bench.now.waiters().length === 2)
    candidate.cancel()
    expect(await place).toEqual({ is: 'cancelled' })
    const slot = candidate.wait(null)
    await until('the waiting', () => bench.now.waiters().length === 2)
    candidate.leave()
    candidate.leave()
    expect(await slot).toEqual({ is: 'cancelled' })
    await until('its end', () => bench.now.waiters().length === 1)
  })
})

describe('a process that the main has left behind', () => {
  test('keeps the slot; it is named; the standby follows when it is gone', async () => {
    const ours = new Set<number>()
    const provider = await bench.now.provider({}, ours)
    const main = await bench.now.main(provider, 'sleep 1002 & exec sleep 1000')
    ours.add(main.process.pid)
    const standby = await bench.now.standby(provider)
    await until('its child', () => descendantsOf(main.process.pid).length === 1)
    const [left = 0] = descendantsOf(main.process.pid)
    await kill(main)
    await main.held.release()
    expect(await main.held.strangers()).toEqual([{ pid: left, command: 'sleep 1002' }])
    await bench.now.queued()
    expect(standby.process.output()).toBe('')
    process.kill(left, 'SIGKILL')
    await promoted(standby)
  })
})

describe('a lock file', () => {
  test('that is removed: whoever holds the old one is told that it is main no more', async () => {
    const provider = await bench.now.provider()
    const main = await bench.now.main(provider)
    const lost = new Promise<string>((resolve) => main.held.onLost(resolve))
    unlinkSync(file('slot-0'))
    expect(await within(lost, 'the news')).toBe('replaced')
    expect(statSync(file('slot-gate')).isFile()).toBe(true)
  })

  test.each(['slot-0', 'slot-gate', 'slot-queue', 'counter'])(
    '(%s) replaced while a cold one waits: it waits for the new one',
    async (name) => {
      const provider = await bench.now.provider({ standbys: 0 })
      const main = await bench.now.main(provider)
      const candidate = bench.now.candidate(provider)
      const outcome = candidate.wait(null)
      await bench.now.queued()
      replace(name)
      await kill(main)
      const held = acquired(await within(outcome, 'the slot'))
      expect(held.token).toBe('1000000002')
      const other = bench.now.candidate(provider)
      expect((await other.tryNow()).is).toBe('busy')
    },
  )

  test('replaced while a warm standby waits: it has the old one in its hands, and is of no use', async () => {
    const provider = await bench.now.provider()
    const main = await bench.now.main(provider)
    const standby = await bench.now.standby(provider)
    replace('slot-0')
    await kill(main)
    expect(await within(standby.outcome, 'the news')).toEqual({ is: 'failed', why: expect.stringMatching(/replaced/) })
    expect(standby.process.output()).toBe('')
  })

  /** As `cp` to a new name and `mv` over it would. */
  function replace(name: string): void {
    const text = name === 'counter' ? '1000000001\n' : ''
    writeFileSync(file('new'), text)
    renameSync(file('new'), file(name))
  }
})

describe('the stop file', () => {
  test.each([1, 2])(
    'comes while a standby waits for one of %d slots: it is not promoted, and does not keep the slot',
    async (mains) => {
      const stopFile = bench.now.scratch.path('stopped')
      const provider = await bench.now.provider({ mains, stopFile })
      const first = await bench.now.main(provider)
      for (let slot = 1; slot < mains; slot++) await bench.now.main(provider)
      const standby = await bench.now.standby(provider)
      writeFileSync(stopFile, '')
      await kill(first)
      expect(await within(standby.outcome, 'the news')).toEqual({
        is: 'failed',
        why: expect.stringContaining(stopFile),
      })
      expect(standby.process.output()).toBe('')
      expect(await bench.now.isHeld(0)).toBe(false)
    },
  )

  test('is there: no slot, and no place of a standby; both are to be had when it is gone', async () => {
    const stopFile = bench.now.scratch.path('stopped')
    const provider = await bench.now.provider({ stopFile })
    writeFileSync(stopFile, '')
    const held = { is: 'failed', why: expect.stringContaining(stopFile) }
    expect(await bench.now.candidate(provider).tryNow()).toEqual(held)
    expect(await bench.now.candidate(provider).takePlace()).toEqual(held)
    expect(await bench.now.isHeld()).toBe(false)
    rmSync(stopFile)
    await bench.now.main(provider)
    await bench.now.standby(provider)
  })
})

describe('the counter', () => {
  test('damaged: nobody is promoted, the slot stays free, and the reason is told', async () => {
    const provider = await bench.now.provider()
    writeFileSync(file('counter'), 'nonsense\n')
    expect(await bench.now.candidate(provider).tryNow()).toEqual({
      is: 'failed',
      why: expect.stringMatching(/its file counter holds no token$/),
    })
    expect(await bench.now.isHeld()).toBe(false)
  })

  test('damaged under a warm standby: it is not promoted, and does not keep the slot', async () => {
    const provider = await bench.now.provider()
    const main = await bench.now.main(provider)
    const standby = await bench.now.standby(provider)
    writeFileSync(file('counter'), '0000000007\n')
    await kill(main)
    expect(await within(standby.outcome, 'the news')).toMatchObject({ is: 'failed' })
    expect(standby.process.output()).toBe('')
    expect(await bench.now.isHeld()).toBe(false)
  })

  test('does not go back with a machine that lost its power', async () => {
    const provider = await bench.now.provider()
    writeFileSync(file('boot'), `${'0'.repeat(36)}\n`)
    const first = await bench.now.main(provider)
    expect(first.held.token).toBe('1001000001')
    await kill(first)
    expect((await bench.now.main(provider)).held.token).toBe('1001000002')
  })

  test('set back by hand rises from the highest token that was seen', async () => {
    const first = await bench.now.main(await bench.now.provider())
    await kill(first)
    const second = await bench.now.main(await bench.now.provider())
    await kill(second)
    writeFileSync(file('counter'), '1000000000\n')
    expect((await bench.now.main(await bench.now.provider())).held.token).toBe('1000000003')
  })
})

describe('two supervisors on one directory', () => {
  test('have one main and one standby between them; the third waits for the place, without a process', async () => {
    const [a, b] = [await bench.now.provider(), await bench.now.provider()]
    const main = await bench.now.main(a)
    const standby = await bench.now.standby(b)
    const third = bench.now.candidate(a)
    expect((await third.tryNow()).is).toBe('busy')
    const place = third.takePlace()
    await bench.now.queued()
    expect(third.inheritFds).toEqual([])
    await kill(main)
    const next = await promoted(standby)
    expect(await within(place, 'the place')).toEqual({ is: 'placed' })
    expect(third.inheritFds.length).toBe(2)
    expect(next.held.token).toBe('1000000002')
    third.leave()
    expect((await bench.now.standby(a)).process.pid).toBeGreaterThan(1)
  })

  test('that ask at the same moment get one slot between them', async () => {
    const providers = [await bench.now.provider(), await bench.now.provider(), await bench.now.provider()]
    for (let round = 0; round < 10; round++) {
      const candidates = providers.map((provider) => bench.now.candidate(provider))
      const outcomes = await Promise.all(candidates.map((one) => one.tryNow()))
      expect(outcomes.filter(({ is }) => is === 'acquired').length).toBeLessThanOrEqual(1)
      for (const one of candidates) one.leave()
      await until('the end of the round', () => bench.now.waiters().length === 0)
    }
  })
})

describe('a supervisor that is killed', () => {
  test('leaves standbys that are promoted all the same, one after the other', async () => {
    const pids = await leftBehind()
    const after = await bench.now.provider({ standbys: 2 })
    for (const [index, pid] of pids.entries()) {
      if (index > 0) await toldOf(index, 1_000_000_001 + index)
      expect((await after.report())[0]?.holders.map((holder) => holder.pid)).toEqual([pid])
      process.kill(pid, 'SIGKILL')
    }
    const candidate = bench.now.candidate(after)
    expect(acquired(await within(candidate.wait(null), 'the slot')).token).toBe('1000000004')
  })

  test('and what waits for one of its standbys, too: the one after it is promoted, and nobody has the slot untold', async () => {
    const pids = await leftBehind()
    const waiting = shellsThatWait(bench.now.directory)
    const [first = 0] = waiting.sort((a, b) => (ticketOf(a) ?? 0) - (ticketOf(b) ?? 0))
    const below = descendantsOf(first)
    process.kill(first, 'SIGKILL')
    // As long as it is dying, what it has started may still be given the lock.
    await until('its end', () => [first, ...below].every(isGone))
    process.kill(pids[0] ?? 0, 'SIGKILL')
    await toldOf(2, 1_000_000_002)
    const after = await bench.now.provider({ standbys: 2 })
    expect((await after.report())[0]?.holders.map((holder) => holder.pid)).toEqual([pids[2]])
    expect(readFileSync(bench.now.scratch.path('w1'), 'utf8')).toBe('')
  })

  /** Pids of its main, and of two standbys in the order of the queue. */
  async function leftBehind(): Promise<number[]> {
    const { directory, scratch } = bench.now
    const supervisor = scratch.start(node, [scratch.bundle(SUPERVISOR), directory, scratch.directory], {
      env: ['PATH=/usr/bin:/bin', `NODE_PATH=${nodePath}`],
    })
    const pids = (): number[] => supervisor.output().split('\n').filter(Boolean).map(Number)
    await until('its main and its standbys', () => pids().length === 3)
    const started = pids().map((pid) => ({ pid, startTime: startTimeOf(pid) }))
    scratch.atEnd(() => {
      for (const { pid, startTime } of started) if (startTimeOf(pid) === startTime) process.kill(pid, 'SIGKILL')
    })
    process.kill(supervisor.pid, 'SIGKILL')
    await within(supervisor.exited, 'its end')
    return pids()
  }

  async function toldOf(index: number, token: number): Promise<void> {
    const told = `{"promote":{"slot":0,"token":"${token}"}}\n`
    const file = bench.now.scratch.path(`w${index}`)
    await until(`the promotion of ${index}`, () => readFileSync(file, 'utf8') === told)
  }
})

/** Prints the pids of its main and of its two standbys, when all is in place. */
const SUPERVISOR = `
import { closeSync, openSync, readdirSync, readlinkSync } from 'node:fs'
import { FileLockProvider } from 'src/locks/file-lock-provider.ts'
import { lockCommandsOf } from 'src/locks/start-lock-command.ts'
import { makeFifo, openDevNull, openFifoForChild } from 'src/os/fifo.ts'
import { OwnChildren } from 'src/os/own-children.ts'
import { ChildReaper } from 'src/os/reap.ts'
import { spawnProcess } from 'src/os/spawn.ts'

const [, , directory, scratch] = process.argv
const env = ['PATH=/usr/bin:/bin']
const children = new OwnChildren()
const reaper = new ChildReaper('subreaper', (pid, status) => children.ended(pid, status), (pid) => children.beforeReap(pid))
children.watchWith((pid) => reaper.watch(pid))
const devNull = openDevNull()
const start = lockCommandsOf(children, { environment: env, softNoFile: null })
const provider = new FileLockProvider({ directory, mains: 1, standbys: 2, start, devNull, isOurs: () => false })

function spawn(name, script, fds) {
  const out = openSync(scratch + '/' + name, 'w')
  const all = [devNull, out, devNull, ...fds]
  const pid = spawnProcess({ file: '/bin/sh', argv: ['sh', '-c', script], env, cwd: '/', fds: all, session: true, softNoFile: null })
  closeSync(out)
  return pid
}

async function main() {
  await provider.open()
  const first = provider.candidate('w0')
  await first.tryNow()
  const pids = [spawn('w0', 'exec sleep 1000', first.inheritFds)]
  first.handOver()
  for (const name of ['w1', 'w2']) {
    const standby = provider.candidate(name)
    await standby.takePlace()
    makeFifo(scratch + '/fifo-' + name, { mode: 0o600, uid: null, gid: null })
    const fifo = openFifoForChild(scratch + '/fifo-' + name)
    pids.push(spawn(name, 'read -r line <&3; printf "%s\\\\n" "$line"; exec sleep 1000', [fifo, ...standby.inheritFds]))
    standby.wait(fifo)
    const filesOf = (pid) => readdirSync('/proc/' + pid + '/fd').map((fd) => readlinkSync('/proc/' + pid + '/fd/' + fd))
    const isQueued = (pid) => filesOf(pid).some((file) => file.includes('-ticket-' + (1000000000 + pids.length - 1)))
    const areQueued = () => {
      try {
        return [...children.pids].length === pids.length - 1 && [...children.pids].some(isQueued)
      } catch {
        return false
      }
    }
    while (!areQueued()) await new Promise((resolve) => setTimeout(resolve, 5))
  }
  console.log(pids.join('\\n'))
}
setInterval(() => {}, 60_000)
void main()
`
