// The lock directory, or a part of it, is removed while it is in use: who asks next makes it anew, and tokens go on.
import { renameSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { within } from '../os/scratch.ts'
import { kill, useLockBench } from './lock-bench.ts'

const bench = useLockBench()
const file = (name: string): string => join(bench.now.directory, name)

test.each(['.', 'counter', 'boot'])(
  '(%s) removed: who asks next is told, and the one after it gets its slot',
  async (name) => {
    const provider = await bench.now.provider()
    const main = await bench.now.main(provider)
    await kill(main)
    rmSync(file(name), { recursive: true })
    expect(await within(bench.now.candidate(provider).tryNow(), 'the answer')).toMatchObject({ is: 'failed' })
    const next = await bench.now.main(provider)
    expect(next.held.token).toBe('1000000002')
    expect(await within(bench.now.candidate(provider).tryNow(), 'the answer')).toMatchObject({ is: 'busy' })
  },
)

test('a main that holds what was removed is told before there is anything new to hold, and the new files are watched', async () => {
  const provider = await bench.now.provider()
  const first = await bench.now.main(provider)
  let lost = 0
  first.held.onLost(() => lost++)
  renameSync(bench.now.directory, `${bench.now.directory}.away`)
  expect(await within(bench.now.candidate(provider).takePlace(), 'the answer')).toMatchObject({ is: 'failed' })
  expect(lost).toBe(1)
  const second = await bench.now.main(provider)
  expect(second.held.token).toBe('1000000002')
  const told = new Promise<string>((resolve) => second.held.onLost(resolve))
  rmSync(file('slot-0'))
  expect(await within(told, 'the news')).toBe('replaced')
})

test('the counts of its mains are agreed upon anew', async () => {
  const provider = await bench.now.provider()
  rmSync(bench.now.directory, { recursive: true })
  expect(await within(bench.now.candidate(provider).tryNow(), 'the answer')).toMatchObject({ is: 'failed' })
  await expect(bench.now.provider({ mains: 2 })).rejects.toMatchObject({ code: 'HF_LOCK_SLOTS' })
})

test('a file in its place is named, and is left alone', async () => {
  const provider = await bench.now.provider()
  rmSync(bench.now.directory, { recursive: true })
  writeFileSync(bench.now.directory, 'mine')
  for (let time = 0; time < 2; time++)
    expect(await within(bench.now.candidate(provider).tryNow(), 'the answer')).toEqual({
      is: 'failed',
      why: expect.stringContaining('ENOTDIR'),
    })
})
