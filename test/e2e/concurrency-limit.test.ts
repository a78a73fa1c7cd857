// The scenarios of IPC::ConcurrencyLimit's own tests (E2.1 to E2.8, in the order of its 02basic.t, 03shared.t, 04standby.t and
// 05lateststandby.t) by the means of a service: its processes are the contenders, and a main slot is the lock.
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { command, configure, mainOf, promotions, roles, waitingShells } from './harness/main-and-standby.ts'
import { MainTrace, overlaps, queueInKernel } from './harness/main-trace.ts'
import { newScene, PROGRAMS, type Scene } from './harness/scene.ts'
import { waitFor } from './harness/wait-for.ts'

const mainOrNot = [process.execPath, join(PROGRAMS, 'main-or-not.mjs')]
const interval = [process.execPath, join(PROGRAMS, 'main-interval.mjs')]

interface Facts {
  readonly when: 'ready' | 'promoted'
  readonly pid: number
  readonly number: number
  readonly role: string
  readonly isMain: boolean
  readonly token: string | null
  readonly slot: number | null
}

function factsOf(scene: Scene): Facts[] {
  const lines = scene.read('held.txt').split('\n').filter(Boolean)
  return lines.map((line) => JSON.parse(line))
}

/** Supervisor or not: whether somebody else gets the first slot, as `flock(1)` asks for it. */
async function asksForSlot(scene: Scene, mode: '-s' | '-x'): Promise<boolean> {
  const { directory } = (await scene.status()).locks[0] ?? { directory: '' }
  return (await scene.runFile('flock', [mode, '-n', join(directory, 'slot-0'), 'true'])).code === 0
}

test('E2.1: nothing is held before, the lock is held once, asked for twice or not, and is there again after its release', async () => {
  const scene = newScene()
  configure(scene, { standbys: 1 }, { command: mainOrNot, autostart: false })
  await scene.up()
  // Theirs returns false. Nothing is released here that nobody holds: the command says so.
  expect(await scene.holdfast('failover', 'db')).toMatchObject({ code: 1 })
  expect((await scene.status()).locks[0]?.holders ?? []).toEqual([])
  expect((await scene.holdfast('start', 'db')).code).toBe(0)
  await waitFor(() => factsOf(scene).length === 3)
  const standby = factsOf(scene).find(({ role }) => role === 'standby')
  expect(standby).toMatchObject({ isMain: false, token: null })
  const [first] = factsOf(scene).filter(({ when }) => when === 'promoted')
  // Ids count from 0, theirs from 1.
  expect(first).toMatchObject({ isMain: true, role: 'main', slot: 0, pid: await mainOf(scene) })
  const again = await scene.holdfast('start', 'db')
  expect(again).toMatchObject({ code: 0 })
  expect((await scene.status()).locks).toMatchObject([{ holders: [{ slot: 0, token: first?.token }] }])
  expect(factsOf(scene)).toHaveLength(3)
  expect(await asksForSlot(scene, '-x')).toBe(false)
  expect((await scene.holdfast('stop', 'db')).code).toBe(0)
  // The service is down when its processes are; who had the slot is looked at after that.
  await waitFor(async () => (await scene.status()).locks[0]?.holders.length === 0)
  await waitFor(() => asksForSlot(scene, '-x'))
  expect((await scene.holdfast('start', 'db')).code).toBe(0)
  await waitFor(() => factsOf(scene).length === 6)
  const second = factsOf(scene).findLast(({ when }) => when === 'promoted')
  expect(second).toMatchObject({ isMain: true, slot: 0 })
  expect(Number(second?.token)).toBeGreaterThan(Number(first?.token))
})

test('E2.2: the second one on a lock that is held does not get it, and has it when it is released', async () => {
  const scene = newScene()
  const service = { command, cwd: scene.dir, ready: 'notify', slots: { lock: 'shared', mains: 1, standbys: 1 } }
  const locks = { shared: { directory: scene.path('locks') } }
  scene.configure({ locks, services: { db: service, other: { ...service, autostart: false } } })
  await scene.up()
  await waitFor(() => promotions(scene).length === 1)
  expect((await scene.holdfast('start', 'other', '--no-wait')).code).toBe(0)
  // The place for standbys is taken, too: they wait without a process.
  const states = async () => (await scene.service('other')).workers.map(({ state, pid }) => `${state} ${pid}`)
  await waitFor(async () => (await states()).every((state) => state === 'waiting null'))
  expect(promotions(scene)).toHaveLength(1)
  // Theirs has to ask again. Ours waits in the kernel, and has it with the release.
  expect((await scene.holdfast('stop', 'db')).code).toBe(0)
  await waitFor(() => promotions(scene).length === 2)
  const { workers } = await scene.service('other')
  expect(workers.find(({ role }) => role === 'main')?.pid).toBe(promotions(scene).at(-1)?.pid)
})

test('E2.3: of two slots each has its holder, the third one gets none, and takes the very slot of a holder that is gone', async () => {
  const scene = newScene()
  configure(scene, { mains: 2, standbys: 1 })
  await scene.up()
  await waitFor(() => promotions(scene).length === 2)
  expect(await roles(scene)).toEqual(['main', 'main', 'standby'])
  expect(
    promotions(scene)
      .map(({ slot }) => slot)
      .toSorted(),
  ).toEqual([0, 1])
  for (const slot of [1, 0]) {
    await waitFor(() => waitingShells(scene) === 1)
    const count = promotions(scene).length
    process.kill(promotions(scene).findLast((one) => one.slot === slot)?.pid ?? 0, 'SIGKILL')
    await waitFor(() => promotions(scene).length === count + 1)
    expect(promotions(scene).at(-1)).toMatchObject({ slot })
  }
})

test('E2.4: of one contender more than there are slots exactly one gets none', async () => {
  const scene = newScene()
  // Theirs has 20. A process that is main has its locks at descriptors below 16, with its three streams and its channels.
  configure(scene, { mains: 20, standbys: 1 })
  expect(await scene.holdfast('check')).toMatchObject({
    code: 2,
    out: expect.stringContaining('20 is out of range'),
  })
  configure(scene, { mains: 10, standbys: 1 })
  await scene.up()
  await waitFor(() => promotions(scene).length === 10)
  expect(await roles(scene)).toEqual([...Array(10).fill('main'), 'standby'])
  expect(new Set(promotions(scene).map(({ slot }) => slot)).size).toBe(10)
  expect((await scene.down()).code).toBe(0)
  expect(promotions(scene)).toHaveLength(10)
})

test('E2.5: a slot is held by one alone: no shared lock goes beside a main, and no main beside shared locks of others', async () => {
  const scene = newScene()
  // A main that others share is none: there is no such mode.
  configure(scene, { lockMode: 'shared' })
  expect(await scene.holdfast('check')).toMatchObject({ code: 2, out: expect.stringContaining('lockMode') })
  configure(scene, { standbys: 1 })
  await scene.up()
  await waitFor(() => promotions(scene).length === 1)
  expect(await asksForSlot(scene, '-s')).toBe(false)
  expect(await asksForSlot(scene, '-x')).toBe(false)
  expect((await scene.holdfast('stop', 'db')).code).toBe(0)
  const { directory } = (await scene.status()).locks[0] ?? { directory: '' }
  const hold = `exec 8>>${join(directory, 'slot-0')}; flock -s 8 && echo shared && exec sleep 1000`
  const sharers = [1, 2, 3].map(() => scene.launch('sh', ['-c', hold]))
  await Promise.all(sharers.map((one) => new Promise((resolve) => one.stdout?.once('data', resolve))))
  await waitFor(() => asksForSlot(scene, '-s'))
  expect((await scene.holdfast('start', 'db', '--no-wait')).code).toBe(0)
  const names = async () => (await scene.status()).locks[0]?.strangers.map(({ pid }) => pid).toSorted() ?? []
  await waitFor(async () => (await names()).length === 3)
  expect(await names()).toEqual(sharers.map(({ pid }) => pid).toSorted())
  await waitFor(() => waitingShells(scene) === 1)
  for (const one of sharers) {
    expect(promotions(scene)).toHaveLength(1)
    one.kill('SIGKILL')
    await new Promise((resolve) => one.once('close', resolve))
  }
  await waitFor(() => promotions(scene).length === 2)
})

test('E2.6: a standby has no retries to use up: it waits, which is no failure, and gets the lock when it is released', async () => {
  const scene = newScene()
  configure(scene, { standbys: 2, retries: 10 })
  expect(await scene.holdfast('check')).toMatchObject({ code: 2, out: expect.stringContaining('retries') })
  configure(scene, { standbys: 2 })
  await scene.up()
  await waitFor(() => waitingShells(scene) === 2)
  // Theirs returns nothing after so many. Ours is ready meanwhile, and is neither restarted nor called down.
  const { state, workers } = await scene.service('db')
  expect(state).toBe('running')
  const standbys = workers.filter(({ role }) => role === 'standby')
  const waits = { state: 'running', ready: true, restarts: 0, failures: 0 }
  expect(standbys).toMatchObject([waits, waits])
  expect((await scene.holdfast('failover', 'db')).code).toBe(0)
  await waitFor(() => promotions(scene).length === 2)
  expect(standbys.map(({ pid }) => pid)).toContain(promotions(scene).at(-1)?.pid)
})

test('E2.7: the lock is the standby’s when its holder releases it, and not before', async () => {
  const scene = newScene()
  configure(scene, { standbys: 1 }, { command: interval })
  const trace = new MainTrace(scene)
  await scene.up()
  for (const count of [1, 2, 3]) {
    await waitFor(() => trace.read().length === count)
    await waitFor(() => waitingShells(scene) === 1)
    // Whatever the main does meanwhile: it is asked to end, and does so in its own time.
    if (count < 3) process.kill(trace.last.pid, count === 1 ? 'SIGTERM' : 'SIGKILL')
  }
  expect((await scene.down()).code).toBe(0)
  trace.read()
  expect(overlaps(trace.mains)).toEqual([])
})

test('E2.8: over 30 switches the tokens of the winners rise, and who is next is who has waited longest', async () => {
  const scene = newScene()
  const restart = { immediate: 100 }
  configure(scene, { standbys: 3 }, { restart, command: interval })
  const trace = new MainTrace(scene)
  await scene.up()
  const { directory } = (await scene.status()).locks[0] ?? { directory: '' }
  let expected: number[] = []
  for (let round = 1; round <= 30; round++) {
    await waitFor(() => trace.read().length === round)
    const { worker, pid } = trace.last
    if (round > 1) expect(worker).toBe(expected[0])
    let queue: number[] = []
    await waitFor(() => {
      queue = queueInKernel(directory)
      // One that goes on to the next file in this moment is seen twice, or not at all.
      return queue.length === 3 && new Set([worker, ...queue]).size === 4
    })
    // Theirs has the newest one take over, and makes the others leave. Ours has the newest one wait behind all others.
    if (round > 1) expect(queue.slice(0, 2)).toEqual(expected.slice(1))
    expected = queue
    process.kill(pid, 'SIGKILL')
  }
  await waitFor(() => trace.read().length === 31)
  const tokens = trace.mains.map(({ token }) => token)
  expect(tokens).toEqual(tokens.map((_, index) => (tokens[0] ?? 0) + index))
  expect(overlaps(trace.mains)).toEqual([])
})
