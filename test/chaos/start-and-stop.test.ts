// A program that starts and stops its server again and again leaves nothing. CYCLES=100 for the full length.
import { expect, test } from 'vitest'
import { newLibraryScene } from '../e2e/harness/library-scene.ts'

const TIMEOUT = 60_000 + Number(process.env.CYCLES ?? 0) * 5_000

test.each([
  ['in the background', {}, 10],
  ['below a supervisor', { supervised: true }, 2],
  ['as main and standby', { slots: { mains: 1, standbys: 1 } }, 2],
  ['as a guest', { guest: true }, 4],
  ['as a guest, with threads', { guest: true, workerType: 'thread' }, 3],
])('%s', { timeout: TIMEOUT }, async (_, options, short) => {
  const cycles = Number(process.env.CYCLES ?? short)
  const scene = newLibraryScene('cycles.mjs')
  scene.options({ cycles, ...options })
  const { out, err } = await scene.runFile(process.execPath, [scene.program], { timeout: TIMEOUT })
  const turns = out
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line))
  expect(turns, err).toHaveLength(cycles)
  const [first] = turns
  expect(first).toMatchObject({ codes: [0, 0], children: '', processes: [], shared: [] })
  for (const turn of turns) expect(turn).toEqual(first)
})
