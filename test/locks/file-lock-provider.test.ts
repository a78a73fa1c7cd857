import { describe, expect, test } from 'vitest'
import { LockDirectory } from '../../src/locks/lock-directory.ts'
import { until, within } from '../os/scratch.ts'
import { acquired, descendantsOf, kill, promoted, type Standby, statusOf, useLockBench } from './lock-bench.ts'

const bench = useLockBench()

describe('a slot', () => {
  test('is the first one’s, with a token; the next one is told at once that it is held', async () => {
    const provider = await bench.now.provider()
    const main = await bench.now.main(provider)
    expect(main.held).toMatchObject({ slot: 0, token: '1000000001', deadline: Number.POSITIVE_INFINITY })
    const other = bench.now.candidate(provider)
    expect(await other.tryNow()).toEqual({
      is: 'busy',
      holders: [{ pid: main.process.pid, command: 'sleep 1000' }],
    })
    expect(other.inheritFds).toEqual([])
    expect(await provider.report()).toEqual([
      {
        slot: 0,
        token: '1000000001',
        identity: 'web/1 #1',
        holders: [{ pid: main.process.pid, command: 'sleep 1000' }],
      },
    ])
    await kill(main)
    await main.held.release()
    expect(await main.held.strangers()).toEqual([])
    expect(acquired(await other.tryNow())).toMatchObject({ slot: 0, token: '1000000002' })
    other.leave()
    expect(await bench.now.isHeld()).toBe(false)
  })

  test('is free again when its holder had no process yet and goes', async () => {
    const provider = await bench.now.provider()
    const first = bench.now.candidate(provider)
    const held = acquired(await first.tryNow())
    expect(await bench.now.isHeld()).toBe(true)
    await held.release()
    expect(await held.strangers()).toEqual([])
    await bench.now.main(provider)
  })

  test('goes to several that ask at the same moment, one each', async () => {
    const provider = await bench.now.provider({ mains: 3 })
    const candidates = [1, 2, 3, 4].map(() => bench.now.candidate(provider))
    const outcomes = await Promise.all(candidates.map((one) => one.tryNow()))
    expect(outcomes.map(({ is }) => is)).toEqual(['acquired', 'acquired', 'acquired', 'busy'])
    expect(outcomes.slice(0, 3).map((one) => acquired(one).slot)).toEqual([0, 1, 2])
    expect(candidates.map(({ inheritFds }) => inheritFds.length)).toEqual([1, 1, 1, 0])
  })

  test('that a stranger holds is named with pid and command', async () => {
    const ours = new Set<number>()
    const provider = await bench.now.provider({}, ours)
    const stranger = bench.now.scratch.sh(
      `exec 8>>${bench.now.directory}/slot-0; flock 8; echo locked; exec sleep 1001`,
    )
    await until('its lock', () => stranger.output() === 'locked\n')
    const candidate = bench.now.candidate(provider)
    expect(await candidate.tryNow()).toEqual({
      is: 'busy',
      holders: [{ pid: stranger.pid, command: 'sleep 1001' }],
    })
    ours.add(stranger.pid)
    expect(await candidate.tryNow()).toEqual({ is: 'busy', holders: [] })
  })
})

describe('a warm standby', () => {
  test('is promoted when the main is killed, and holds the slot itself', async () => {
    const provider = await bench.now.provider()
    const main = await bench.now.main(provider)
    const standby = await bench.now.standby(provider)
    expect(standby.candidate.inheritFds).toEqual([])
    await kill(main)
    const next = await promoted(standby)
    expect(next.held).toMatchObject({ slot: 0, token: '1000000002' })
    expect(bench.now.waiters()).toEqual([])
    expect((await provider.report())[0]?.holders.map(({ pid }) => pid)).toEqual([standby.process.pid])
    // Its place is free for the next one.
    const after = await bench.now.standby(provider)
    await kill(next)
    expect((await promoted(after)).held.token).toBe('1000000003')
  })

  test('costs nothing while it waits', async () => {
    const provider = await bench.now.provider()
    const main = await bench.now.main(provider)
    await bench.now.standby(provider)
    const waiting = bench.now.waiters().flatMap((pid) => [pid, ...descendantsOf(pid)])
    expect(waiting.length).toBe(2)
    const switches = (): string[] => waiting.map((pid) => statusOf(pid, 'voluntary_ctxt_switches'))
    const before = switches()
    for (let count = 0; count < 20; count++) await bench.now.candidate(provider).tryNow()
    expect(switches()).toEqual(before)
    await kill(main)
  })

  test('is not woken by a main that hangs, and follows when it is killed', async () => {
    const provider = await bench.now.provider()
    const main = await bench.now.main(provider)
    const standby = await bench.now.standby(provider)
    process.kill(main.process.pid, 'SIGSTOP')
    await until('its stop', () => statusOf(main.process.pid, 'State').startsWith('T'))
    expect((await bench.now.candidate(provider).tryNow()).is).toBe('busy')
    expect(standby.process.output()).toBe('')
    await kill(main)
    await promoted(standby)
  })

  test('follows 60 times, with tokens that rise by one', async () => {
    const provider = await bench.now.provider()
    let main = await bench.now.main(provider)
    let last = Number(main.held.token)
    for (let count = 0; count < 60; count++) {
      const standby = await bench.now.standby(provider)
      await kill(main)
      await main.held.release()
      main.candidate.leave()
      main = await promoted(standby)
      expect(Number(main.held.token)).toBe(last + 1)
      last++
    }
  }, 120_000)
})

test.each([1, 2])(
  'a signal tells the standby of one of %i slots, and nobody who has its pid by now',
  async (mains) => {
    const provider = await bench.now.provider({ mains, standbys: 2, promoteSignal: 'USR1' })
    const working = [await bench.now.main(provider)]
    if (mains === 2) working.push(await bench.now.main(provider))
    const standby = await bench.now.standby(provider)
    const other = await bench.now.standby(provider, () => 1)
    for (const main of working) await kill(main)
    // The next one may have the slot before we have read who it was.
    expect(['acquired', 'failed']).toContain((await within(standby.outcome, 'the promotion')).is)
    expect(await within(standby.process.exited, 'what the signal does')).toMatchObject({ signal: 'SIGUSR1' })
    expect((await promoted(other)).held.token).toBe(String(1_000_000_002 + mains))
    expect(statusOf(other.process.pid, 'State')).toMatch(/^[RS]/)
  },
  30_000,
)

describe.each([1, 2, 3])('%i of 6 contenders', (mains) => {
  test('are main, the others follow in the order in which they came', async () => {
    const standbys = 6 - mains
    const provider = await bench.now.provider({ mains, standbys })
    const working = []
    for (let count = 0; count < mains; count++) working.push(await bench.now.main(provider))
    const queue: Standby[] = []
    for (let count = 0; count < standbys; count++) queue.push(await bench.now.standby(provider))
    const tokens = working.map(({ held }) => Number(held.token))
    for (let round = 0; round < 12; round++) {
      const [gone] = working.splice((round * 7) % mains, 1)
      if (gone !== undefined) await kill(gone)
      const first = queue.shift()
      if (first === undefined) throw new Error('nobody waits')
      const next = await promoted(first)
      expect(next.held.slot).toBe(gone?.held.slot)
      working.push(next)
      tokens.push(Number(next.held.token))
      for (const other of queue) expect(other.process.output()).toBe('')
      queue.push(await bench.now.standby(provider))
      const held = (await provider.report()).flatMap(({ holders }) => holders.map(({ pid }) => pid))
      expect(held.sort()).toEqual(working.map(({ process }) => process.pid).sort())
    }
    expect(tokens).toEqual(tokens.map((_, index) => 1_000_000_001 + index))
  }, 60_000)
})

test('who waits for two slots that are free at once gets one of them', async () => {
  const provider = await bench.now.provider({ mains: 2, standbys: 2 })
  for (let round = 0; round < 10; round++) {
    const mains = [await bench.now.main(provider), await bench.now.main(provider)]
    const first = await bench.now.standby(provider)
    const second = await bench.now.standby(provider)
    for (const { process: one } of mains) process.kill(one.pid, 'SIGKILL')
    const next = [await promoted(first), await promoted(second)]
    expect(next.map(({ held }) => held.slot).sort()).toEqual([0, 1])
    expect(Number(next[0]?.held.token)).toBeLessThan(Number(next[1]?.held.token))
    const holders = (await provider.report()).map(({ holders: [holder] }) => holder?.pid)
    expect(holders.sort()).toEqual(next.map(({ process: { pid } }) => pid).sort())
    for (const one of [...mains, ...next]) {
      if (next.includes(one as never)) await kill(one)
      await within(one.process.exited, 'its end')
      one.candidate.leave()
    }
  }
}, 60_000)

describe('how many slots and places there are', () => {
  test('is the same for all who contend, as long as one of them is there', async () => {
    const provider = await bench.now.provider({ mains: 2, standbys: 1 })
    await expect(bench.now.provider({ mains: 1, standbys: 1 })).rejects.toMatchObject({
      code: 'HF_LOCK_SLOTS',
      message: `the lock directory ${bench.now.directory} is in use with mains: 2, standbys: 1, and here it is mains: 1, standbys: 1`,
      hint: expect.stringContaining(`pid ${process.pid} (`),
    })
    ;(await bench.now.provider({ mains: 2, standbys: 1 })).close()
    provider.close()
    await expect.poll(() => new LockDirectory(bench.now.directory).contenders()).toEqual([])
    await bench.now.provider({ mains: 1, standbys: 1 })
  })

  test('is still the same while a main is there whose supervisor is not', async () => {
    const provider = await bench.now.provider({ mains: 2, standbys: 1 })
    const main = await bench.now.main(provider)
    provider.close()
    // Closing takes its time: until then it is the other one that is named.
    const contenders = new LockDirectory(bench.now.directory)
    await expect.poll(() => contenders.contenders()).toEqual([])
    await expect(bench.now.provider({ mains: 1, standbys: 1 })).rejects.toMatchObject({
      code: 'HF_LOCK_SLOTS',
      hint: expect.stringContaining(`pid ${main.process.pid} (sleep 1000)`),
    })
    await kill(main)
    await bench.now.provider({ mains: 1, standbys: 1 })
  })

  test('is agreed upon by those who come in the same moment: one of them has its way', async () => {
    for (let round = 0; round < 10; round++) {
      const asked = [1, 2, 3, 4].map((mains) => bench.now.provider({ mains, standbys: 1 }))
      const providers = (await Promise.allSettled(asked)).flatMap((one) =>
        one.status === 'fulfilled' ? one.value : [],
      )
      expect(providers.length).toBe(1)
      for (const one of providers) one.close()
      await expect.poll(() => new LockDirectory(bench.now.directory).contenders()).toEqual([])
    }
  })
})
