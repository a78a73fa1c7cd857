import { existsSync } from 'node:fs'
import { expect, test } from 'vitest'
import { newScene, type Scene } from './harness/scene.ts'
import { waitFor } from './harness/wait-for.ts'

async function orphanedScene(): Promise<{ scene: Scene; pid: number }> {
  const scene = newScene()
  scene.configure({ services: { chatty: { command: ['sh', '-c', 'while :; do echo line; sleep 0.02; done'] } } })
  await scene.up()
  const pid = (await scene.worker('chatty/0')).pid ?? 0
  process.kill(scene.supervisorPid(), 'SIGKILL')
  await waitFor(async () => (await scene.holdfast('status')).code === 5)
  return { scene, pid }
}

test('workers outlive their supervisor; a new one refuses to start over them and names them', async () => {
  const { scene, pid } = await orphanedScene()
  const alive = () => scene.processes().some((process) => process.pid === pid)
  expect(alive()).toBe(true)
  const up = await scene.holdfast('up', '--detach')
  expect(up.code).toBe(1)
  expect(up.err).toContain(`chatty/0 (pid ${pid})`)
  expect(up.err).toContain('--clean')
  expect(alive()).toBe(true)
  const why = await scene.holdfast('why', 'chatty/0')
  expect(why.code).toBe(0)
  expect(why.out.split('\n')[0]).toMatch(/^supervisor not running since /)
  const down = await scene.holdfast('down')
  expect(down.code, down.all).toBe(0)
  expect(alive()).toBe(false)
})

test('up --clean ends them by their stop ladder first', async () => {
  const { scene, pid } = await orphanedScene()
  const up = await scene.holdfast('up', '--detach', '--clean')
  expect(up.code, up.all).toBe(0)
  const worker = await scene.worker('chatty/0')
  expect(worker.pid).not.toBe(pid)
  expect(existsSync(`/proc/${pid}`)).toBe(false)
})

test('a second up of the same config fails and harms nothing', async () => {
  const scene = newScene()
  scene.configure({ services: { idle: { command: 'sleep 1000' } } })
  await scene.up()
  const { pid } = await scene.worker('idle/0')
  const again = await scene.holdfast('up', '--detach')
  expect(again.code).toBe(1)
  expect(again.err).toContain(`pid ${scene.supervisorPid()}`)
  expect((await scene.worker('idle/0')).pid).toBe(pid)
})
