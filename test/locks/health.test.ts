// What the health of a lock says when several ask for it.
import { expect, test } from 'vitest'
import { until, within } from '../os/scratch.ts'
import { useLockBench } from './lock-bench.ts'

const bench = useLockBench()

const passing = (code: string): Error => Object.assign(new Error(`${code}: not just now`), { code })

test('one candidate in trouble is enough, whatever the others get; ok when the last one is out of it, or gone', async () => {
  const refused = new Map<string, Error>()
  const tried = new Set<string>()
  const refuse = (identity: string): Error | null => {
    tried.add(identity)
    return refused.get(identity) ?? null
  }
  const provider = await bench.now.provider({ standbys: 3, refuse })
  const [first, second, third] = ['first', 'second', 'third'].map((name) => provider.candidate(name))
  if (first === undefined || second === undefined || third === undefined) throw new Error('three candidates')
  expect(provider.health()).toEqual({ state: 'ok', problem: null })

  refused.set('first', passing('EAGAIN')).set('second', passing('ENOMEM'))
  const placing = first.takePlace()
  await until('the trouble of the first', () => tried.has('first'))
  const leaving = second.takePlace()
  await until('the trouble of the second', () => tried.has('second'))
  const ofFirst = { state: 'degraded', problem: 'locks can not be asked for just now: EAGAIN: not just now' }
  expect(await within(third.takePlace(), 'the place of the third')).toEqual({ is: 'placed' })
  expect(provider.health()).toEqual(ofFirst)

  refused.delete('first')
  expect(await within(placing, 'the place of the first')).toEqual({ is: 'placed' })
  expect(provider.health()).toEqual({ ...ofFirst, problem: expect.stringContaining('ENOMEM') })
  second.leave()
  expect(await within(leaving, 'the end of the second')).toEqual({ is: 'cancelled' })
  expect(provider.health()).toEqual({ state: 'ok', problem: null })
})
