// `down` while another command is under way: nothing is left, and the other command says so.
import { expect, test } from 'vitest'
import { newScene } from './harness/scene.ts'
import { sceneToApply } from './harness/slow-scene.ts'
import { waitFor } from './harness/wait-for.ts'

/** What TERM ends only after a while. */
const SLOW_TO_STOP = ['sh', '-c', 'trap "sleep 0.7; exit" TERM; echo up; while :; do sleep 0.05; done']

test('down while an apply still stops what is removed: what it would add and change does not come', async () => {
  const scene = newScene()
  const up = { command: 'sleep 1000' }
  scene.configure({ services: { old: { command: SLOW_TO_STOP, ready: { log: 'up' } }, changed: up } })
  await scene.up()
  scene.configure({ services: { changed: { ...up, env: { X: '1' } }, added: up } })
  const apply = scene.holdfast('apply')
  await waitFor(async () => (await scene.service('old')).state === 'stopping')
  const down = await scene.down()
  expect(down.code, down.all).toBe(0)
  expect((await apply).code).toBe(1)
  expect(scene.processes()).toEqual([])
  expect((await scene.holdfast('events', '--json')).out).not.toContain('added')
})

test.each([['apply'], ['restart', 'web', 'queue'], ['restart', '--cold', 'web', 'queue']])(
  'down during %s, in the middle of the first wave: nothing is left, and no second wave comes',
  async (...command) => {
    const scene = await sceneToApply()
    const interrupted = scene.holdfast(...command)
    await waitFor(async () => (await scene.service('queue')).target === 2)
    const down = await scene.down()
    expect(down.code, down.all).toBe(0)
    // Itself one of the scene's processes.
    expect((await interrupted).code).toBe(1)
    expect(scene.processes()).toEqual([])
  },
)
