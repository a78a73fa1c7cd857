// A worker that has warmed up becomes the next forkserver.
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { startLoad } from './harness/http-load.ts'
import { newScene, PROGRAMS, type Scene } from './harness/scene.ts'
import { waitFor } from './harness/wait-for.ts'

interface Answer {
  readonly pid: number
  /** The process in which what the entry loads was loaded. */
  readonly since: number
  readonly cached: number
  readonly random: readonly string[]
}

async function started(entry: string, env: Record<string, string> = {}): Promise<Scene> {
  const scene = newScene()
  const cwd = join(PROGRAMS, 'refork')
  const files = { cwd, env }
  scene.configure({
    sockets: { http: 'tcp://127.0.0.1:0' },
    forkservers: { app: { preload: './app.cjs', refork: 40, ...files } },
    services: { web: { forkserver: 'app', entry, instances: 2, sockets: ['http'], ...files } },
  })
  await scene.up()
  return scene
}

async function ask(port: number, path: string): Promise<Answer> {
  const response = await fetch(`http://127.0.0.1:${port}/${path}`, { headers: { connection: 'close' } })
  return (await response.json()) as Answer
}

/** So many that one of two workers has more than 40. */
async function warmUp(port: number): Promise<Answer[]> {
  return Promise.all(Array.from({ length: 100 }, (_, index) => ask(port, String(index))))
}

/** Which of the two is the warmest when it is looked at is for the load to decide: each has cached this much. */
async function warmUpBoth(port: number, cached: number): Promise<Answer[]> {
  const answers: Answer[] = []
  await waitFor(async () => {
    answers.push(...(await warmUp(port)))
    const warm = answers.filter((answer) => answer.cached >= cached)
    return new Set(warm.map(({ pid }) => pid)).size === 2
  })
  return answers
}

const reforked = async (scene: Scene, event: string): Promise<string | null> =>
  (await scene.events()).find((entry) => entry.event === event)?.reason ?? null

async function generation(scene: Scene): Promise<number> {
  const [report] = (await scene.status()).forkservers
  return report?.ready ? report.generation : 0
}

test.each(['./entry.mjs', './entry.cjs'])(
  '%s: under load no request is lost, what was loaded and cached is there, and the entry runs anew',
  async (entry) => {
    const scene = await started(entry)
    const port = await scene.port('http')
    const before = await warmUpBoth(port, 10)
    const load = startLoad({ port, newPerSecond: 50, keepAlive: 4 })
    const old = new Set(before.map(({ pid }) => pid))
    await waitFor(async () => (await generation(scene)) === 2 && !old.has((await ask(port, 'x')).pid), {
      within: 20_000,
    })
    await waitFor(async () => (await scene.service('web')).rollout.state === 'stable')
    const { failures } = await load.stop()
    expect(failures).toEqual({})
    const answers = new Map<number, Answer>()
    await waitFor(async () => {
      const answer = await ask(port, 'y')
      return answers.set(answer.pid, answer).size === 2
    })
    const [one, other] = [...answers.values()]
    expect(one?.since).toBe(other?.since)
    expect(old).toContain(one?.since)
    // One that began anew would have cached the three that are asked for by now.
    for (const { cached } of answers.values()) expect(cached).toBeGreaterThanOrEqual(10)
    for (const [index, number] of (one?.random ?? []).entries()) expect(other?.random[index]).not.toBe(number)
    expect((await scene.down()).code).toBe(0)
    const said = (await scene.holdfast('logs', 'web', '-n', '1000')).out
    expect(said.match(/stop of the entry/g)?.length).toBe(said.match(/stop of the preload/g)?.length)
  },
)

test('what still runs in the worker would run in all: it is named, and everything stays as it was', async () => {
  const scene = await started('./entry.mjs', { E2E_TIMER: '1' })
  const port = await scene.port('http')
  await warmUp(port)
  await waitFor(async () => (await reforked(scene, 'refork-failed')) !== null, { within: 20_000 })
  expect(await reforked(scene, 'refork-failed')).toContain('it holds timer')
  await waitFor(async () => (await scene.service('web')).ready === 2)
  await waitFor(async () => (await generation(scene)) === 1)
  expect((await warmUp(port)).length).toBe(100)
})
