// Mains that are killed, one after the other: never two at once, in the order in which they queued, with tokens that rise by one.
// FAILOVERS=1000 for the full length.
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { isAlive, startTimeOf } from '../../src/os/process-identity.ts'
import { MainTrace, overlaps, queueInKernel } from '../e2e/harness/main-trace.ts'
import { newScene, PROGRAMS, type Scene } from '../e2e/harness/scene.ts'
import { waitFor } from '../e2e/harness/wait-for.ts'

const FAILOVERS = Number(process.env.FAILOVERS ?? 40)
/** Each pair costs a new supervisor. */
const WITHOUT_SUPERVISOR = Number(process.env.FAILOVERS ?? 6)
const STANDBYS = 2
const LONG_ENOUGH = 60_000 + FAILOVERS * 3_000

async function upWithTrace(): Promise<{ scene: Scene; trace: MainTrace }> {
  const scene = newScene()
  scene.configure({
    services: {
      db: {
        command: [process.execPath, join(PROGRAMS, 'main-interval.mjs')],
        cwd: scene.dir,
        ready: 'notify',
        slots: { mains: 1, standbys: STANDBYS },
        // Mains that are killed again and again are no crash loop here.
        restart: { immediate: 1_000 },
      },
    },
  })
  const trace = new MainTrace(scene)
  await scene.up()
  await hasMains(scene, trace, 1)
  return { scene, trace }
}

/** So many were promoted so far, and this many wait in the kernel. @returns those, who waits longest first */
async function hasMains(scene: Scene, trace: MainTrace, count: number, standbys = STANDBYS): Promise<number[]> {
  const locks = scene.path('log/locks/db')
  const isSo = (): number[] | null => {
    if (trace.read().length !== count) return null
    const queue = queueInKernel(locks)
    return queue.length === standbys ? queue : null
  }
  const what = `main number ${count}, and ${standbys} that wait`
  return (await waitFor(isSo, { every: 3, what })) ?? []
}

function kill9(trace: MainTrace): void {
  const main = trace.mains.at(-1)
  trace.seen(main, process.hrtime.bigint())
  process.kill(main?.pid ?? 0, 'SIGKILL')
}

function expectOneAtATime(trace: MainTrace): void {
  const mains = trace.read()
  expect(overlaps(mains)).toEqual([])
  const [{ token: first } = { token: 0 }] = mains
  expect(mains.map(({ token }) => token)).toEqual(mains.map((_, index) => first + index))
}

test(`${FAILOVERS} mains are killed: who has waited longest follows, alone`, { timeout: LONG_ENOUGH }, async () => {
  const { scene, trace } = await upWithTrace()
  for (let count = 1; count <= FAILOVERS; count++) {
    kill9(trace)
    await hasMains(scene, trace, count + 1)
  }
  expectOneAtATime(trace)
  // The one that was killed joins the end of the queue: so they come round.
  const turns = trace.mains.map(({ worker }) => worker)
  expect(turns.slice(0, STANDBYS + 1).toSorted()).toEqual([0, 1, 2])
  expect(turns.slice(STANDBYS + 1)).toEqual(turns.slice(0, -STANDBYS - 1))
  const gaps = trace.mains.slice(1).map(({ from }, index) => Number(from - (trace.mains[index]?.to ?? from)) / 1e6)
  const median = gaps.sort((a, b) => a - b)[Math.floor(gaps.length / 2)]
  console.log(
    `${trace.mains.length} mains, one after the other; median from kill to promotion ${median?.toFixed(1)} ms`,
  )
})

test(`${WITHOUT_SUPERVISOR} mains are killed when their supervisor is dead: the same`, {
  timeout: LONG_ENOUGH,
}, async () => {
  const { scene, trace } = await upWithTrace()
  for (let count = 1, failovers = 0; failovers < WITHOUT_SUPERVISOR; ) {
    const queue = await hasMains(scene, trace, count)
    const pid = scene.supervisorPid()
    const supervisor = { pid, startTime: startTimeOf(pid) ?? 0 }
    process.kill(pid, 'SIGKILL')
    await waitFor(() => !isAlive(supervisor))
    for (const [index, next] of queue.entries()) {
      kill9(trace)
      await hasMains(scene, trace, ++count, STANDBYS - index - 1)
      expect(trace.mains.at(-1)?.worker).toBe(next)
      failovers++
    }
    // Nobody is left to follow the last one.
    kill9(trace)
    await scene.up('--clean')
    await hasMains(scene, trace, ++count)
  }
  expectOneAtATime(trace)
})
