// Who of the standbys is next, and who is not.
import { existsSync, rmSync } from 'node:fs'
import { expect, test } from 'vitest'
import { configure, mainOf, promotions, roles, waitingShells } from './harness/main-and-standby.ts'
import { newScene, type Scene } from './harness/scene.ts'
import { waitFor } from './harness/wait-for.ts'

async function pidOf(scene: Scene, worker: string): Promise<number | null> {
  return (await scene.worker(worker)).pid
}

test('a standby that announces its end leaves the queue at once: the one after it is next', async () => {
  const scene = newScene()
  configure(scene, { standbys: 2 })
  await scene.up()
  await waitFor(() => promotions(scene).length === 1)
  await waitFor(() => waitingShells(scene) === 2)
  const standbys = (await scene.service('db')).workers.filter(({ role }) => role === 'standby')
  const [first, second] = standbys
  // It says so, and works on what it has.
  process.kill(first?.pid ?? 0, 'SIGUSR2')
  await waitFor(() => waitingShells(scene) === 1)
  expect(existsSync(`/proc/${first?.pid}`)).toBe(true)
  process.kill(await mainOf(scene), 'SIGKILL')
  await waitFor(() => promotions(scene).length === 2)
  expect(promotions(scene).at(-1)?.pid).toBe(second?.pid)
})

test('failover of a worker replaces that main, and no other; one that is no main is refused', async () => {
  const scene = newScene()
  configure(scene, { mains: 2, standbys: 1 })
  await scene.up()
  await waitFor(() => promotions(scene).length === 2)
  await waitFor(async () => (await roles(scene)).join() === 'main,main,standby')
  const { locks } = await scene.status()
  const [lowest, other] = [0, 1].map((slot) => locks[0]?.holders.find((holder) => holder.slot === slot)?.worker ?? '')
  const stays = await pidOf(scene, String(lowest))
  const goes = await pidOf(scene, String(other))
  const { code, all } = await scene.holdfast('failover', String(other))
  expect(code, all).toBe(0)
  await waitFor(() => promotions(scene).length === 3)
  expect(await pidOf(scene, String(lowest))).toBe(stays)
  expect(existsSync(`/proc/${goes}`)).toBe(false)
  const workers = (await scene.service('db')).workers
  const standby = workers.find(({ role }) => role === 'standby')?.id ?? ''
  const refused = await scene.holdfast('failover', standby)
  expect(refused).toMatchObject({ code: 1, err: expect.stringContaining('is no main') })
  const follower = Number(await pidOf(scene, standby))
  process.kill(follower, 'SIGSTOP')
  const hopeless = await scene.holdfast('failover', 'db')
  process.kill(follower, 'SIGCONT')
  const why = `its standby ${standby} (pid ${follower}) is stopped, by SIGSTOP or a debugger`
  expect(hopeless).toMatchObject({ code: 1, err: expect.stringContaining(why) })
  expect(promotions(scene)).toHaveLength(3)
})

test('what a dead supervisor has left is ended without promoting anybody', async () => {
  const scene = newScene()
  configure(scene, { standbys: 2 })
  const down = () => scene.holdfast('down')
  const ends = [
    { end: down, promotions: 0 },
    { end: () => scene.up('--clean').then(down), promotions: 1 },
  ]
  for (const { end, promotions: expected } of ends) {
    await scene.up()
    const { directory } = (await scene.status()).locks[0] ?? { directory: '' }
    const token = (): string => scene.read(`${directory.slice(scene.dir.length + 1)}/counter`)
    await waitFor(() => waitingShells(scene) === 2)
    const before = Number(token())
    const supervisor = scene.supervisorPid()
    process.kill(supervisor, 'SIGKILL')
    await waitFor(() => !existsSync(`/proc/${supervisor}`))
    expect((await end()).code).toBe(0)
    expect(Number(token()) - before).toBe(expected)
  }
})

test.each([{ maxRetries: 0 }, { when: 'never' }])(
  'the stop file ends nobody who is kept back: restart %j',
  async (restart) => {
    const scene = newScene()
    const stopFile = scene.write('held', '')
    configure(scene, { standbys: 1, stopFile }, { restart: { ...restart, immediate: 0, initial: 0.05 } })
    expect((await scene.holdfast('up', '--detach')).code).toBe(1)
    const failures = async () => (await scene.service('db')).workers.map((worker) => worker.failures)
    await waitFor(async () => (await failures()).every((count) => count > 2))
    rmSync(stopFile)
    await waitFor(async () => (await roles(scene)).join() === 'main,standby')
  },
)

test('promoteSignal tells a program that reads nothing, when its supervisor is dead, too', async () => {
  const scene = newScene()
  const script = `trap 'echo $HOLDFAST_SLOT >>told.txt' USR1; echo up; while :; do sleep 0.05; done`
  const command = ['sh', '-c', script]
  configure(scene, { standbys: 2, promoteSignal: 'USR1' }, { command, ready: { log: 'up' } })
  scene.write('told.txt', '')
  await scene.up()
  const told = (): string[] => scene.read('told.txt').split('\n').filter(Boolean)
  await waitFor(() => waitingShells(scene) === 2)
  expect(told()).toEqual([])
  const { workers } = await scene.service('db')
  const pidOfSlot = (slot: string): number => workers.find(({ id }) => id === `db/${slot}`)?.pid ?? 0
  const supervisor = scene.supervisorPid()
  process.kill(supervisor, 'SIGKILL')
  await waitFor(() => !existsSync(`/proc/${supervisor}`))
  process.kill(workers.find(({ role }) => role === 'main')?.pid ?? 0, 'SIGKILL')
  await waitFor(() => told().length === 1)
  process.kill(pidOfSlot(told()[0] ?? ''), 'SIGKILL')
  await waitFor(() => told().length === 2)
  expect(new Set(told()).size).toBe(2)
})
