// Main and standby on one machine: who holds a slot works, who waits takes over, and nobody else.
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { command, configure, mainOf, promotions, roles, waitingShells } from './harness/main-and-standby.ts'
import { MainTrace, overlaps } from './harness/main-trace.ts'
import { newScene, PROGRAMS } from './harness/scene.ts'
import { waitFor } from './harness/wait-for.ts'

test('the main dies: the standby works with a higher token, and another one waits', async () => {
  const scene = newScene()
  configure(scene)
  await scene.up()
  await waitFor(() => promotions(scene).length === 1)
  expect(await roles(scene)).toEqual(['main', 'standby'])
  const before = await scene.service('db')
  const standby = before.workers.find(({ role }) => role === 'standby')?.pid
  const main = await mainOf(scene)
  process.kill(main, 'SIGKILL')
  await waitFor(() => promotions(scene).length === 2)
  const [first, second] = promotions(scene)
  expect(first?.pid).toBe(main)
  expect(second).toMatchObject({ pid: standby, slot: 0 })
  expect(Number(second?.token)).toBeGreaterThan(Number(first?.token))
  await waitFor(async () => (await roles(scene)).join() === 'main,standby')
  expect(await mainOf(scene)).toBe(standby)
  const { locks } = await scene.status()
  expect(locks).toMatchObject([{ name: 'db', type: 'file', mains: 1, holders: [{ slot: 0, token: second?.token }] }])
  const { out } = await scene.holdfast('status', 'db')
  expect(out).toMatch(new RegExp(`${standby} .* main of slot 0, token ${second?.token}\n`))
  expect(out).toMatch(/ standby\n/)
})

test('the supervisor is dead: a standby takes over all the same', async () => {
  const scene = newScene()
  configure(scene, { standbys: 2 })
  await scene.up()
  await waitFor(() => promotions(scene).length === 1)
  // Ready is ready to be promoted; that it can happen without a supervisor is seen by what waits.
  await waitFor(() => waitingShells(scene) === 2)
  const supervisor = scene.supervisorPid()
  process.kill(supervisor, 'SIGKILL')
  await waitFor(() => !existsSync(`/proc/${supervisor}`))
  for (const count of [2, 3]) {
    process.kill(promotions(scene).at(-1)?.pid ?? 0, 'SIGKILL')
    await waitFor(() => promotions(scene).length === count)
  }
  const tokens = promotions(scene).map(({ token }) => Number(token))
  expect(tokens).toEqual(tokens.toSorted((a, b) => a - b))
  expect((await scene.down()).code).toBe(0)
})

test('a restart goes through fresh standbys first, then the mains one by one; failover is a planned switch', async () => {
  const scene = newScene()
  configure(scene, { mains: 2, standbys: 1 })
  await scene.up()
  await waitFor(() => promotions(scene).length === 2)
  const before = (await scene.service('db')).workers.map(({ pid }) => pid)
  const { code, all } = await scene.holdfast('restart', 'db')
  expect(code, all).toBe(0)
  const after = (await scene.service('db')).workers.map(({ pid }) => pid)
  expect(after.filter((pid) => before.includes(pid))).toEqual([])
  expect(await roles(scene)).toEqual(['main', 'main', 'standby'])
  const mains = new Set(promotions(scene).map(({ slot, token }) => `${slot} ${token}`))
  expect(mains.size).toBe(promotions(scene).length)
  const count = promotions(scene).length
  expect((await scene.holdfast('failover', 'db')).code).toBe(0)
  await waitFor(() => promotions(scene).length === count + 1)
  await waitFor(async () => (await roles(scene)).join() === 'main,main,standby')
})

test('with more mains than standbys a restart leaves no moment without a main', async () => {
  const scene = newScene()
  const interval = [process.execPath, join(PROGRAMS, 'main-interval.mjs')]
  configure(scene, { mains: 3, standbys: 1 }, { command: interval })
  const trace = new MainTrace(scene)
  await scene.up()
  await waitFor(() => trace.read().length === 3)
  const { code, all } = await scene.holdfast('restart', 'db')
  expect(code, all).toBe(0)
  await waitFor(() => trace.read().length === 6)
  expect((await scene.down()).code).toBe(0)
  expect(overlaps(trace.read())).toEqual([])
  // Each new main works before the next old one is asked to end.
  const [, , , ...followers] = trace.mains
  const old = trace.mains.slice(0, 3).toSorted((a, b) => (a.to < b.to ? -1 : 1))
  for (const [index, { from }] of followers.entries()) {
    expect(from > (old[index]?.to ?? 0n)).toBe(true)
    expect(from < (old[index + 1]?.to ?? from + 1n)).toBe(true)
  }
})

test('stop and start: nobody is promoted for its last moments', async () => {
  const scene = newScene()
  configure(scene, { standbys: 2 })
  await scene.up()
  await waitFor(() => promotions(scene).length === 1)
  expect((await scene.holdfast('stop', 'db')).code).toBe(0)
  expect(promotions(scene)).toHaveLength(1)
  expect((await scene.holdfast('start', 'db')).code).toBe(0)
  await waitFor(() => promotions(scene).length === 2)
  expect((await scene.down()).code).toBe(0)
  expect(promotions(scene)).toHaveLength(2)
})

test('a cold standby has no process until it is promoted, and counts as up', async () => {
  const scene = newScene()
  configure(scene, { warm: false, standbys: 2 })
  await scene.up()
  await waitFor(() => promotions(scene).length === 1)
  const { state, workers } = await scene.service('db')
  expect(state).toBe('running')
  const cold = workers.filter(({ role }) => role === 'standby')
  expect(cold.map((worker) => [worker.state, worker.pid])).toEqual([
    ['waiting', null],
    ['waiting', null],
  ])
  const queued = async (): Promise<number> =>
    (await scene.events()).filter(({ reason }) => reason === 'waits for a main slot').length
  for (const count of [2, 3]) {
    await waitFor(async () => (await queued()) === count)
    process.kill(await mainOf(scene), 'SIGKILL')
    await waitFor(() => promotions(scene).length === count)
  }
  // Who comes in the place of a main waits while the next one works.
  await waitFor(async () => (await queued()) === 4)
  await waitFor(async () => (await roles(scene)).filter((role) => role === 'main').length === 1)
  expect((await scene.holdfast('restart', 'db')).code).toBe(0)
  expect((await scene.down()).code).toBe(0)
})

test('two supervisors on one lock: one main in all, and the other supervisor takes over', async () => {
  const [left, right] = [newScene(), newScene()]
  const locks = { shared: { directory: left.path('locks') } }
  for (const scene of [left, right]) {
    const slots = { lock: 'shared', standbys: 1 }
    scene.configure({ locks, services: { db: { command, cwd: left.dir, ready: 'notify', slots } } })
    await scene.up()
  }
  await waitFor(() => promotions(left).length === 1)
  expect(await roles(left)).toEqual(['main', 'standby'])
  const [lock] = (await right.status()).locks
  expect(lock).toMatchObject({
    holders: [],
    strangers: [{ slot: 0, pid: await mainOf(left) }],
    health: { state: 'ok' },
  })
  expect((await right.holdfast('status')).out).toContain(`slot 0 is held by pid ${await mainOf(left)}`)
  expect((await left.status()).locks[0]?.strangers).toEqual([])
  expect((await left.down()).code).toBe(0)
  await waitFor(() => promotions(left).length === 2)
  await waitFor(async () => (await roles(right)).includes('main'))
  expect((await right.down()).code).toBe(0)
})

test('what can not be: scale, failover without a standby, a lock on nothing, slots with instances', async () => {
  const scene = newScene()
  configure(scene, { standbys: 0 })
  await scene.up()
  expect(await scene.holdfast('scale', 'db', '3')).toMatchObject({ code: 1, err: expect.stringContaining('has slots') })
  expect(await scene.holdfast('failover', 'db')).toMatchObject({ code: 1, err: expect.stringContaining('no standby') })
  configure(scene, { lock: 'nothing' })
  expect(await scene.holdfast('check')).toMatchObject({ code: 2, out: expect.stringContaining('"nothing"') })
  configure(scene, {}, { instances: 2 })
  expect(await scene.holdfast('check')).toMatchObject({ code: 2, out: expect.stringContaining('slots and instances') })
  configure(scene, { standbys: 1 })
  expect(await scene.holdfast('apply')).toMatchObject({ code: 1, err: expect.stringContaining('services.db.slots') })
  expect(readFileSync(scene.path('log/holdfast.log'), 'utf8')).not.toContain('trouble')
})
