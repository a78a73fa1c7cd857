// A start of many services goes in batches, by threads, under a limit of open files that is lower meanwhile, and most of our
// FIFOs lose their fds: nobody may notice.
import { readdirSync } from 'node:fs'
import { expect, test } from 'vitest'
import type { WorkerReport } from '../../src/supervisor/status-report.ts'
import { factsOf, limitOf } from './harness/process-facts.ts'
import { newScene, type Scene } from './harness/scene.ts'
import { waitFor } from './harness/wait-for.ts'

const QUIET = { command: ['sleep', '1000'], ready: { delay: 0 } }

function many(count: number, make: (index: number) => object): Record<string, object> {
  return Object.fromEntries(Array.from({ length: count }, (_, index) => [`s${index}`, make(index)]))
}

async function allWorkers(scene: Scene): Promise<WorkerReport[]> {
  const { services } = await scene.status()
  return services.flatMap(({ workers }) => workers)
}

/** When this is true of each of them. */
async function workersThatAre(scene: Scene, isSo: (worker: WorkerReport) => boolean): Promise<WorkerReport[]> {
  let workers: WorkerReport[] = []
  await waitFor(async () => {
    workers = await allWorkers(scene)
    return workers.every(isSo)
  })
  return workers
}

test('each child has its own fds, session and limits, and the supervisor few fds', async () => {
  const scene = newScene()
  scene.configure({ services: { ...many(150, () => QUIET), wide: { ...QUIET, limits: { nofile: 2_000 } } } })
  await scene.up()
  const workers = await allWorkers(scene)
  expect(workers).toHaveLength(151)
  for (const { pid, id } of workers) {
    if (pid === null) throw new Error(`${id} has no process`)
    expect(factsOf(pid).session).toBe(pid)
    expect(readdirSync(`/proc/${pid}/fd`)).toEqual(['0', '1', '2', '3', '4'])
    expect(limitOf(pid, 'Max open files').soft).toBe(id === 'wide/0' ? '2000' : '1024')
  }
  expect(readdirSync(`/proc/${scene.supervisorPid()}/fd`).length).toBeLessThan(200)
  expect(limitOf(scene.supervisorPid(), 'Max open files')).toEqual(limitOf(process.pid, 'Max open files'))
})

test('what ends at once, can not be started, or speaks early is told as usual, among two hundred others', async () => {
  const scene = newScene()
  scene.write('no-interpreter', '#!/nowhere/sh\n', 0o755)
  const kinds = [
    { command: ['sh', '-c', 'exit 7'], restart: { when: 'never' } },
    { command: [scene.path('no-interpreter')], restart: { when: 'never' } },
    { command: ['sh', '-c', 'echo early; echo wrong >&2; exec sleep 1000'], ready: { log: 'early' } },
    { command: ['sh', '-c', 'echo READY=1 >&$HOLDFAST_NOTIFY_FD; exec sleep 1000'], ready: 'notify' },
    QUIET,
  ]
  scene.configure({ services: many(200, (index) => kinds[index % kinds.length] ?? QUIET) })
  const up = await scene.holdfast('up', '--detach')
  expect(up.code, up.all).toBe(1)
  const workers = await workersThatAre(scene, ({ state }) => ['running', 'exited', 'fatal'].includes(state))
  const ofKind = (kind: number) => workers.filter((_, index) => index % kinds.length === kind)
  for (const { lastExit } of ofKind(0)) expect(lastExit).toMatchObject({ code: 7 })
  expect((await scene.holdfast('why', 's1')).out).toMatch(/its interpreter \/nowhere\/sh does not exist/)
  for (const worker of [...ofKind(2), ...ofKind(3), ...ofKind(4)]) expect(worker.pid).not.toBe(null)
  for (let index = 2; index < 200; index += kinds.length) {
    const log = `log/s${index}.log`
    await waitFor(() => scene.exists(log) && ['early\n', 'wrong\n'].every((said) => scene.read(log).includes(said)))
  }
})

test('who has been quiet is heard when it speaks, and its last words when it dies; all die at once and all are back', async () => {
  const scene = newScene()
  const speaks = 'trap "echo hello" USR1; trap "echo farewell; echo READY=1 >&$HOLDFAST_NOTIFY_FD; exit 3" USR2; '
  const restart = { initial: '10ms', immediate: 3 }
  const command = ['sh', '-c', `${speaks} echo here; while :; do sleep 1000 & wait $!; done`]
  scene.configure({ services: many(120, () => ({ command, restart, ready: { log: 'here' } })) })
  await scene.up()
  const before = await allWorkers(scene)
  const logs = before.map((_, index) => `log/s${index}.log`)
  const said = (text: string) => () => logs.every((log) => scene.exists(log) && scene.read(log).includes(text))
  expect((await scene.holdfast('signal', 'USR1', 'all')).code).toBe(0)
  await waitFor(said('hello'))
  expect((await scene.holdfast('signal', 'USR2', 'all')).code).toBe(0)
  await waitFor(said('farewell'))
  const after = await workersThatAre(scene, ({ state, restarts }) => state === 'running' && restarts === 1)
  expect(after.map(({ lastExit }) => lastExit?.code)).toEqual(after.map(() => 3))
  expect(new Set([...before, ...after].map(({ pid }) => pid)).size).toBe(240)
})
