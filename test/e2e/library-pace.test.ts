// When workers start: at once, after a wait, one after the other, or both (ServerEngine's restart_worker_interval and
// start_worker_delay).
import { expect, test } from 'vitest'
import type { JournalEntry } from '../../src/supervisor/engine-api.ts'
import { type LibraryScene, newLibraryScene } from './harness/library-scene.ts'
import { waitFor } from './harness/wait-for.ts'

/** Programs that are up at once, and a reload that does nothing to them. */
const SLEEPERS = {
  // However soon one kill follows the other: no back-off.
  restart: { immediate: 100 },
  workers: 3,
  workerType: 'spawn',
  command: ['sleep', '1000'],
  ready: { delay: '50ms' },
  reload: { command: ['true'] },
}
const DELAY = 600
const INTERVAL = 400
/** The journal is written a moment after what it tells of, which on a busy machine may be a long one. */
const LEAST = 0.5

function journal(scene: LibraryScene): JournalEntry[] {
  const lines = scene.read('log/shop.state/journal.jsonl').split('\n')
  // The last one may be on its way to the disk.
  return lines.slice(0, -1).map((line) => JSON.parse(line))
}

const workers = async (scene: LibraryScene) => (await scene.service('shop')).workers
const times = (entries: readonly JournalEntry[]): number[] => entries.map(({ at }) => Date.parse(at))

function distances(instants: readonly number[]): number[] {
  return instants.slice(1).map((instant, index) => instant - (instants[index] ?? 0))
}

/** Milliseconds from the death of the last one to each start, in their order, and who started. */
async function killAll(scene: LibraryScene): Promise<{ after: number[]; order: string[]; entries: JournalEntry[] }> {
  const before = await workers(scene)
  const seen = journal(scene).length
  const killed = Date.now()
  for (const { pid } of before) process.kill(pid ?? 0, 'SIGKILL')
  await waitFor(async () =>
    (await workers(scene)).every(({ ready, restarts }, slot) => {
      return ready && restarts > (before[slot]?.restarts ?? 0)
    }),
  )
  const entries = await waitFor(() => {
    const fresh = journal(scene).slice(seen)
    return fresh.filter(({ to }) => to === 'running').length === before.length ? fresh : null
  })
  const starts = (entries ?? []).filter(({ to }) => to === 'starting')
  return {
    after: times(starts).map((at) => at - killed),
    order: starts.map(({ worker = '' }) => worker),
    entries: entries ?? [],
  }
}

async function reload(scene: LibraryScene, config: Record<string, unknown>): Promise<void> {
  scene.setConfig(config)
  expect(await scene.command('reload')).toMatchObject({ code: 0 })
}

test('after a kill: back at once; after a wait; one after the other; after a wait, one after the other', async () => {
  const scene = newLibraryScene()
  scene.options(SLEEPERS)
  expect(await scene.command('start')).toMatchObject({ code: 0 })

  const usual = await killAll(scene)
  expect(usual.entries.filter(({ reason }) => reason === 'killed by SIGKILL; restarted at once')).toHaveLength(3)

  await reload(scene, { restart: { immediate: 100, delay: DELAY / 1_000 } })
  const later = await killAll(scene)
  expect(later.entries.filter(({ to }) => to === 'backoff')).toHaveLength(3)
  expect(Math.min(...later.after)).toBeGreaterThanOrEqual(DELAY * LEAST)

  const pace = { interval: INTERVAL / 1_000, jitter: 0 }
  await reload(scene, { pace })
  const paced = await killAll(scene)
  expect(new Set(paced.order)).toEqual(new Set(['shop/0', 'shop/1', 'shop/2']))
  for (const distance of distances(paced.after)) expect(distance).toBeGreaterThanOrEqual(INTERVAL * LEAST)
  const reasons = paced.entries.filter(({ to }) => to === 'waiting').map(({ reason }) => reason)
  expect(new Set(reasons)).toEqual(new Set(['waits for its turn: killed by SIGKILL']))

  await reload(scene, { restart: { immediate: 100, delay: DELAY / 1_000 }, pace })
  const both = await killAll(scene)
  expect(Math.min(...both.after)).toBeGreaterThanOrEqual(DELAY * LEAST)
  for (const distance of distances(both.after)) expect(distance).toBeGreaterThanOrEqual(INTERVAL * LEAST)
  expect(await scene.command('stop')).toMatchObject({ code: 0 })
})

test('who waits for its turn says so; no pace any more lets it start; a stop does not wait for it', async () => {
  const scene = newLibraryScene()
  scene.options({ ...SLEEPERS, workers: 1 })
  expect(await scene.command('start')).toMatchObject({ code: 0 })
  // The first of two more starts at once, the second is an hour away. The command waits for it; so does nobody else.
  scene.setConfig({ workers: 3, pace: { interval: '1h', jitter: 0 } })
  const scaled = scene.command('reload')
  const waits = await waitFor(async () => {
    const [, second, third] = await workers(scene)
    return second?.ready && third?.state === 'waiting' ? third : null
  })
  expect(waits).toMatchObject({ pid: null, restarts: 0, message: 'waits for its turn', startedAt: null })
  expect(Date.parse(waits?.nextRetryAt ?? '') - Date.now()).toBeGreaterThan(30 * 60_000)
  const why = await scene.holdfast('--socket', scene.path('run/holdfast.sock'), 'why', 'shop/2')
  expect(why.out).toContain('shop/2 waits for its turn since ')

  await reload(scene, { workers: 3 })
  expect((await workers(scene)).map(({ state }) => state)).toEqual(['running', 'running', 'running'])
  expect(await scaled).toMatchObject({ code: 0 })

  scene.setConfig({ workers: 5, pace: { interval: '1h', jitter: 0 } })
  const again = scene.command('reload')
  await waitFor(async () => (await workers(scene))[4]?.state === 'waiting')
  expect(await scene.command('stop')).toMatchObject({ code: 0 })
  await again
  expect(journal(scene).filter(({ worker, to }) => worker === 'shop/4' && to === 'starting')).toEqual([])
})
