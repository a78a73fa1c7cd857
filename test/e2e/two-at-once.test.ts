// Commands that meet: one wins, the other says so, and nothing is there twice.
import { expect, test } from 'vitest'
import { factsOf } from './harness/process-facts.ts'
import type { Scene } from './harness/scene.ts'
import { configureVersion, sceneToApply } from './harness/slow-scene.ts'
import { waitFor } from './harness/wait-for.ts'

async function isRolling(scene: Scene): Promise<boolean> {
  const { services } = await scene.status()
  return services.some(({ rollout }) => rollout.state === 'canary' || rollout.state === 'rolling')
}

/** Each worker once, all of this version. */
async function expectOneOfEach(scene: Scene, version: string): Promise<void> {
  const { services } = await scene.status()
  const pids = services.flatMap(({ workers }) => workers.map(({ pid }) => pid))
  const mine = scene.processes().filter(({ command }) => command.endsWith('sleep 1000'))
  expect(mine.map(({ pid }) => pid).sort()).toEqual(pids.sort())
  expect(pids.length).toBe(4)
  expect(services.map(({ name, ready, rollout }) => [name, ready, rollout.state])).toEqual([
    ['web', 2, 'stable'],
    ['queue', 1, 'stable'],
    ['same', 1, 'stable'],
  ])
  for (const name of ['web', 'queue']) {
    const { workers } = await scene.service(name)
    for (const { pid } of workers) expect(factsOf(pid ?? 0).environment).toMatchObject({ VERSION: version })
  }
}

test('two applies at once: one wins, the other is told that a rollout is in progress', async () => {
  const scene = await sceneToApply()
  const applies = [scene.holdfast('apply'), scene.holdfast('apply')]
  await waitFor(() => isRolling(scene))
  const loser = await Promise.race(applies)
  expect(loser.code).toBe(1)
  expect(loser.err).toMatch(/^holdfast: (an apply is in progress\n|(web|queue): rollout in progress since \d{4}-)/)
  scene.write('go', '')
  const codes = (await Promise.all(applies)).map(({ code }) => code)
  expect(codes.sort()).toEqual([0, 1])
  await expectOneOfEach(scene, '2')
})

test('an apply with --replace supersedes the one in progress', async () => {
  const scene = await sceneToApply()
  const first = scene.holdfast('apply')
  await waitFor(() => isRolling(scene))
  configureVersion(scene, '3')
  const second = scene.holdfast('apply', '--replace')
  const superseded = await first
  expect(superseded.code).toBe(1)
  expect(superseded.err).toContain('superseded by a later rollout')
  scene.write('go', '')
  const { code, all } = await second
  expect(code, all).toBe(0)
  await expectOneOfEach(scene, '3')
})
