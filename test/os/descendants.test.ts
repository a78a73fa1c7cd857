import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { childrenOf, descendantsOf, holdfastIdOf, processesWithHoldfastId } from '../../src/os/descendants.ts'
import { startTimeOf } from '../../src/os/process-identity.ts'
import { isRoot, until, useScratch } from './scratch.ts'

const scratch = useScratch()

describe('children and descendants', () => {
  test('are found through processes and sessions, parents first', async () => {
    const child = scratch.now.sh('setsid sh -c "sleep 1000 & echo \\$\\$ \\$!; wait" & echo $!; wait')
    await until('both', () => child.output().trim().split(/\s+/).length === 3)
    const [first = 0, second = 0, third = 0] = child
      .output()
      .trim()
      .split(/\s+/)
      .map(Number)
      .sort((a, b) => a - b)
    expect(childrenOf(process.pid)).toContain(child.pid)
    const found = descendantsOf(child.pid)
    const family = [...new Set([first, second, third])]
    scratch.now.atEnd(() => {
      for (const pid of family) process.kill(pid, 'SIGKILL')
    })
    expect([...found].sort((a, b) => a - b)).toEqual(family)
    for (const pid of found) {
      for (const grandchild of childrenOf(pid)) expect(found.indexOf(grandchild)).toBeGreaterThan(found.indexOf(pid))
    }
  })

  test('a leaf has none, and neither has nobody', () => {
    const { pid } = scratch.now.start('/bin/sleep', ['1000'])
    expect(childrenOf(pid)).toEqual([])
    expect(descendantsOf(4_190_000)).toEqual([])
  })
})

describe('HOLDFAST_ID', () => {
  const id = `test.${process.pid}.web.0`

  test('is read from the environment, wherever it stands', async () => {
    for (const env of [
      [`HOLDFAST_ID=${id}`],
      ['A=b', `HOLDFAST_ID=${id}`, 'C=d'],
      ['X_HOLDFAST_ID=wrong', `HOLDFAST_ID=${id}`],
    ]) {
      const { pid } = scratch.now.start('/bin/sleep', ['1000'], { env })
      // Empty in the moment of the exec.
      await until('its id', () => holdfastIdOf(pid) === id)
    }
  })

  test('is null where there is none', async () => {
    for (const env of [[], ['X_HOLDFAST_ID=wrong'], ['A=HOLDFAST_ID=wrong']]) {
      const { pid } = scratch.now.start('/bin/sleep', ['1000'], { env: [...env, 'LAST=1'] })
      await until('its environment', () => readFileSync(`/proc/${pid}/environ`, 'utf8').includes('LAST=1'))
      expect(holdfastIdOf(pid)).toBeNull()
    }
    expect(holdfastIdOf(4_190_000)).toBeNull()
    // A kernel thread has no environment.
    if (isRoot) expect(holdfastIdOf(2)).toBeNull()
  })

  test('is found behind a large environment', async () => {
    const env = [`BIG=${'x'.repeat(100_000)}`, `BIG2=${'y'.repeat(100_000)}`, `HOLDFAST_ID=${id}`]
    const { pid } = scratch.now.start('/bin/sleep', ['1000'], { env })
    await until('its id', () => holdfastIdOf(pid) === id)
  })

  test('finds processes wherever they went', async () => {
    const own = scratch.now.start('/bin/sleep', ['1000'], { env: [`HOLDFAST_ID=outer/${id}`] })
    const stranger = await scratch.now.stranger({ HOLDFAST_ID: id })
    scratch.now.start('/bin/sleep', ['1000'], { env: ['HOLDFAST_ID=other'] })
    const find = () => processesWithHoldfastId((text) => text.split('/').includes(id))
    await until('both', () => find().length === 2)
    const found = find()
    expect(found.map(({ pid }) => pid).sort()).toEqual([own.pid, stranger.pid].sort())
    for (const { pid, startTime } of found) expect(startTimeOf(pid)).toBe(startTime)
  })

  test('leaves zombies out', async () => {
    const stranger = await scratch.now.stranger({ HOLDFAST_ID: id })
    process.kill(stranger.pid, 'SIGKILL')
    await until('nothing found', () => processesWithHoldfastId((text) => text === id).length === 0)
  })
})
