// Blows at random against forkservers, their workers and their supervisor's patience: in the end everything serves, nobody is left
// who is not known, and nothing is open twice.
import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { childrenOf } from '../../src/os/descendants.ts'
import type { StatusReport } from '../../src/supervisor/status-report.ts'
import { newScene, type Scene } from '../e2e/harness/scene.ts'
import { waitFor } from '../e2e/harness/wait-for.ts'

/** `BLOWS=500` for a long run. */
const BLOWS = Number(process.env.BLOWS ?? 40)
const SEED = Number(process.env.SEED ?? Date.now() % 100_000)

const NODE = `import http from 'node:http'
import { worker } from 'holdfast/worker'
const server = http.createServer((_, response) => response.end('node'))
await worker.listen('http', server)
worker.ready()
`
const PYTHON = `import os, signal, time
os.write(int(os.environ['HOLDFAST_NOTIFY_FD']), b'READY=1\\n')
while True: time.sleep(60)
`

function forkScene(): Scene {
  const scene = newScene()
  scene.write('app.mjs', 'export const DATA = Array.from({ length: 50_000 }, (_, i) => `item ${i}`)\n')
  scene.write(
    'worker.mjs',
    NODE.replace("'holdfast/worker'", JSON.stringify(join(import.meta.dirname, '../../dist/worker.js'))),
  )
  scene.write('app.py', 'DATA = [str(i) for i in range(50000)]\n')
  scene.write('worker.py', PYTHON)
  const restart = { immediate: 1_000 }
  const common = { ready: 'notify', restart, stop: { timeout: '1s' } }
  scene.configure({
    sockets: { http: 'tcp://127.0.0.1:0' },
    forkservers: {
      js: { preload: './app.mjs', forkTimeout: '1s', restart },
      py: { runtime: 'python', preload: './app.py', forkTimeout: '1s', restart },
    },
    services: {
      js: { ...common, forkserver: 'js', entry: './worker.mjs', instances: 3, sockets: ['http'] },
      py: { ...common, forkserver: 'py', entry: './worker.py', instances: 3 },
    },
  })
  return scene
}

test(`${BLOWS} blows (SEED=${SEED})`, { timeout: 60_000 + BLOWS * 2_000 }, async () => {
  const scene = forkScene()
  await scene.up()
  const random = randomFrom(SEED)
  const done: string[] = []
  const supervisor = (await scene.status()).supervisor.pid
  const fdsBefore = readdirSync(`/proc/${supervisor}/fd`).length
  for (let blow = 0; blow < BLOWS; blow++) done.push(await strike(scene, random))
  const story = (): string => done.slice(-20).join('\n')
  // Some of py's may be stopped: `stop py` and then `restart py/1` leaves two of three as the operator wanted them.
  const settled = async (): Promise<boolean> => {
    const status = await scene.status()
    continueAll(status)
    return status.services
      .flatMap(({ workers }) => workers)
      .every(({ ready, other, message }) => !other && (ready || message === 'stopped by the operator'))
  }
  await waitFor(settled, { within: 30_000, what: `all workers ready again, after\n${story()}` })
  done.push(`start py: ${(await scene.holdfast('start', '--no-wait', 'py')).code}`)
  const complete = async (): Promise<boolean> =>
    (await settled()) && (await scene.status()).services.every(({ ready, desired }) => ready === desired)
  await waitFor(complete, { within: 30_000, what: `everything serves, after\n${story()}` })
  await waitFor(async () => unknownChildren(await scene.status()).length === 0, {
    what: `nobody is left that is not known, after\n${story()}`,
  })
  for (const { failedForks, forks, message } of (await scene.status()).forkservers)
    expect({ message, mostAreForked: forks > failedForks }).toEqual({ message: '', mostAreForked: true })
  // Lanes keep their FIFOs open for the next process; more than two lanes of each slot would be a leak.
  expect(readdirSync(`/proc/${supervisor}/fd`).length).toBeLessThan(fdsBefore + 60)
})

type Random = () => number

async function strike(scene: Scene, random: Random): Promise<string> {
  const status = await scene.status()
  const workers = status.services.flatMap((service) => service.workers).flatMap(({ pid }) => pid ?? [])
  const forkservers = status.forkservers.flatMap(({ pid }) => pid ?? [])
  const one = (pids: readonly number[]): number | undefined => pids[Math.floor(random() * pids.length)]
  const blows: readonly (() => string | Promise<string>)[] = [
    () => send('SIGKILL', one(workers), 'worker'),
    () => send('SIGKILL', one(forkservers), 'forkserver'),
    () => workers.map((pid) => send('SIGKILL', pid, 'worker')).join(', '),
    () => `${send('SIGKILL', one(workers), 'worker')}, ${send('SIGKILL', one(forkservers), 'forkserver')}`,
    () => `${send('SIGSTOP', one(forkservers), 'forkserver')}, ${send('SIGKILL', one(workers), 'worker')}`,
    () => send('SIGTERM', one(forkservers), 'forkserver'),
    () => send('SIGTERM', one(workers), 'worker'),
    async () => `restart js: ${(await scene.holdfast('restart', '--no-wait', 'js')).code}`,
    async () => `restart py/1: ${(await scene.holdfast('restart', '--no-wait', 'py/1')).code}`,
    async () => `restart forkserver:py: ${(await scene.holdfast('restart', '--no-wait', 'forkserver:py')).code}`,
    async () => `scale js 1: ${(await scene.holdfast('scale', '--no-wait', 'js', '1')).code}`,
    async () => `scale js 3: ${(await scene.holdfast('scale', '--no-wait', 'js', '3')).code}`,
    async () => `stop py: ${(await scene.holdfast('stop', '--no-wait', 'py')).code}`,
    async () => `start py: ${(await scene.holdfast('start', '--no-wait', 'py')).code}`,
  ]
  const said = await blows[Math.floor(random() * blows.length)]?.()
  continueAll(random() < 0.5 ? status : { ...status, forkservers: [] })
  return said ?? ''
}

function send(signal: NodeJS.Signals, pid: number | undefined, who: string): string {
  if (pid === undefined) return `no ${who}`
  try {
    process.kill(pid, signal)
  } catch {
    // It has ended meanwhile.
  }
  return `${signal} ${who} ${pid}`
}

function continueAll({ forkservers }: Pick<StatusReport, 'forkservers'>): void {
  for (const { pid } of forkservers) send('SIGCONT', pid ?? undefined, 'forkserver')
}

function unknownChildren({ supervisor, services, forkservers }: StatusReport): number[] {
  const known = new Set([
    ...services.flatMap(({ workers }) => workers).flatMap(({ pid, other }) => [pid, other?.pid ?? null]),
    ...forkservers.flatMap(({ pid, others }) => [pid, ...others.map((other) => other.pid)]),
  ])
  return childrenOf(supervisor.pid).filter((pid) => !known.has(pid))
}

/** Mulberry32: the same blows for the same SEED. */
function randomFrom(seed: number): Random {
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296
  }
}
