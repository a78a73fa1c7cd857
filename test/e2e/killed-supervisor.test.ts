// kill -9 of the supervisor in the middle of something: what runs on is known, named, and ended or refused as a whole.
import { type ChildProcess, spawn } from 'node:child_process'
import { existsSync, readdirSync, readFileSync, realpathSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { newScene, type Scene } from './harness/scene.ts'
import { waitFor } from './harness/wait-for.ts'

/** Ready when the file `go` is there; takes a moment to stop. */
const SLOW = {
  command: [
    'sh',
    '-c',
    'trap "sleep 0.5; exit" TERM; echo up; while [ ! -e go ]; do sleep 0.02; done; echo ready; while :; do sleep 0.02; done',
  ],
  ready: { log: 'ready' },
}

function configure(scene: Scene, version: string): void {
  scene.configure({
    services: {
      web: { ...SLOW, instances: 3, env: { VERSION: version }, rollout: { maxSurge: 1, maxUnavailable: 0 } },
      idle: { command: 'sleep 1000', env: { VERSION: version } },
    },
  })
}

async function runningScene(): Promise<Scene> {
  const scene = newScene()
  configure(scene, '1')
  scene.write('go', '')
  await scene.up()
  return scene
}

const PHASES: Readonly<Record<string, (scene: Scene) => Promise<void>>> = {
  async 'a rollout'(scene) {
    rmSync(scene.path('go'))
    scene.start(['-c', scene.config, 'restart', 'web'])
    await waitFor(async () => (await scene.worker('web/0')).other !== null)
  },
  async 'an apply'(scene) {
    rmSync(scene.path('go'))
    configure(scene, '2')
    scene.start(['-c', scene.config, 'apply'])
    await waitFor(async () => (await scene.service('web')).target === 2)
  },
  async 'a stop'(scene) {
    scene.start(['-c', scene.config, 'stop', 'web'])
    await waitFor(async () => (await scene.service('web')).state === 'stopping')
  },
  async 'going down'(scene) {
    scene.start(['-c', scene.config, 'down'])
    await waitFor(async () => (await scene.service('web')).state === 'stopping')
    // They would end by themselves while they are looked at.
    for (const pid of workers(scene)) signal(pid, 'SIGSTOP')
  },
}

async function kill(scene: Scene): Promise<void> {
  process.kill(scene.supervisorPid(), 'SIGKILL')
  await waitFor(async () => (await scene.holdfast('status')).code === 5)
  scene.write('go', '')
}

test.each(['a rollout', 'going down'])(
  'killed in the middle of %s: up names what runs, down ends it',
  async (phase) => {
    const scene = await runningScene()
    await PHASES[phase]?.(scene)
    await kill(scene)
    const left = workers(scene)
    const up = await scene.holdfast('up', '--detach')
    expect(up.code, up.all).toBe(1)
    expect(up.err).toContain('--clean')
    expect(namedPids(up.err).filter((pid) => left.includes(pid)).length).toBeGreaterThan(0)
    for (const pid of left) signal(pid, 'SIGCONT')
    const down = await scene.down()
    expect(down.code, down.all).toBe(0)
    expect(workers(scene)).toEqual([])
    await expectFresh(scene)
  },
)

test.each(['an apply', 'a stop'])(
  'killed in the middle of %s: up --clean ends what runs, and starts anew',
  async (phase) => {
    const scene = await runningScene()
    await PHASES[phase]?.(scene)
    const before = workers(scene)
    await kill(scene)
    const up = await scene.holdfast('up', '--detach', '--clean')
    expect(up.code, up.all).toBe(0)
    const known = (await scene.status()).services.flatMap((service) => service.workers.map(({ pid }) => pid))
    // A worker's shell that has forked, and not executed its sleep yet, looks like two.
    await waitFor(() => workers(scene).sort().join() === known.sort().join())
    for (const pid of before) expect(known).not.toContain(pid)
  },
)

test('killed in the middle of up, by the first worker: the others are known all the same', async () => {
  const scene = newScene()
  const first = { command: ['sh', '-c', '[ -e sent ] || { : > sent; kill -9 $PPID; }; exec sleep 1000'] }
  const others = Array.from({ length: 60 }, (_, index) => [`other${index}`, { command: 'sleep 1000' }])
  scene.configure({ services: { first, ...Object.fromEntries(others) } })
  const up = await scene.holdfast('up', '--detach')
  expect(up.code, up.all).toBe(1)
  expect(up.err).toMatch(/supervisor|died|ended/)
  const again = await scene.holdfast('up', '--detach')
  expect(again.code).toBe(1)
  expect(again.err).toContain('--clean')
  const clean = await scene.holdfast('up', '--detach', '--clean')
  expect(clean.code, clean.all).toBe(0)
  // The first one is a shell for a moment.
  await waitFor(() => workers(scene).length >= 61)
  expect(workers(scene).length).toBe(61)
})

test('a record whose pid belongs to somebody else by now, or whose boot is another: nobody is signalled', async () => {
  const scene = newScene()
  scene.configure({ services: { idle: { command: 'sleep 1000', instances: 3 } } })
  await scene.up()
  const strangers = [stranger(), stranger()]
  process.kill(scene.supervisorPid(), 'SIGKILL')
  await waitFor(async () => (await scene.holdfast('status')).code === 5)
  const directory = join(scene.runtimeDir, 'workers')
  const [reused = '', rebooted = ''] = readdirSync(directory)
  const own = [reused, rebooted].map((name) => JSON.parse(readFileSync(join(directory, name), 'utf8')))
  for (const { pid } of own) process.kill(pid, 'SIGKILL')
  writeFileSync(join(directory, reused), JSON.stringify({ ...own[0], pid: strangers[0]?.pid }))
  const identity = { pid: strangers[1]?.pid, startTime: startTime(strangers[1]?.pid ?? 0) }
  writeFileSync(join(directory, rebooted), JSON.stringify({ ...own[1], ...identity, bootId: 'another' }))
  const up = await scene.holdfast('up', '--detach')
  expect(namedPids(up.err).length).toBe(1)
  const down = await scene.down()
  expect(down.code, down.all).toBe(0)
  expect(workers(scene)).toEqual([])
  for (const { exitCode, signalCode } of strangers) expect([exitCode, signalCode]).toEqual([null, null])
})

test('a worker that is stopped by SIGSTOP does not hold up the stop', async () => {
  const scene = newScene()
  scene.configure({ services: { idle: { command: 'sleep 1000', stop: { timeout: '400ms' } } } })
  await scene.up()
  for (const end of [() => scene.holdfast('stop', 'idle'), () => scene.down()]) {
    await scene.holdfast('start', 'idle')
    process.kill((await scene.worker('idle/0')).pid ?? 0, 'SIGSTOP')
    const result = await end()
    expect(result.code, result.all).toBe(0)
    expect(result.millis).toBeLessThan(3_000)
    expect(workers(scene)).toEqual([])
  }
  expect(scene.read('log/journal.jsonl')).toContain('killed by SIGKILL')
})

test('what a killed supervisor has left in /dev/shm goes with the next up of any config', async () => {
  const killed = newScene()
  killed.configure({ services: { idle: { command: 'sleep 1000' } } })
  await killed.up()
  const directory = dirname(realpathSync(join(killed.runtimeDir, 'svc')))
  process.kill(killed.supervisorPid(), 'SIGKILL')
  const other = newScene()
  other.configure({ services: {} })
  // Its worker lives: whoever ends that finds it by what lies there.
  await other.up()
  expect(existsSync(directory)).toBe(true)
  await other.down()
  for (const pid of workers(killed)) process.kill(pid, 'SIGKILL')
  await waitFor(() => killed.processes().length === 0)
  await other.up()
  // Where runtime directories lie on a tmpfs themselves there is nothing to clean up.
  expect(existsSync(directory)).toBe(directory === killed.runtimeDir)
  const down = await killed.down()
  expect(down.code, down.all).toBe(0)
})

test('two ups at once: one runs, the other is refused', async () => {
  const scene = newScene()
  scene.configure({ services: { idle: { command: 'sleep 1000', instances: 2 } } })
  const results = await Promise.all([1, 2, 3].map(() => scene.holdfast('up', '--detach', '--clean')))
  expect(results.map(({ code }) => code).sort(), results.map(({ all }) => all).join('')).toEqual([0, 1, 1])
  for (const { code, err } of results) if (code === 1) expect(err).toMatch(/already/)
  expect(workers(scene).length).toBe(2)
})

/** A process that Holdfast did not start. */
function stranger(): ChildProcess {
  const child = spawn('sleep', ['1000'], { stdio: 'ignore', detached: true })
  onTestFinished(() => void child.kill('SIGKILL'))
  return child
}

function startTime(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, 'latin1')
  return Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19])
}

/** What its services run, but for what a shell waits for. */
function workers(scene: Scene): number[] {
  const processes = scene.processes().filter(({ command }) => /sleep 1000$|^\S*sh -c trap/.test(command))
  return processes.map(({ pid }) => pid)
}

/** Among the workers there may have been a fork of one that is its `sleep` by now, and over. */
function signal(pid: number, name: NodeJS.Signals): void {
  try {
    process.kill(pid, name)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error
  }
}

function namedPids(text: string): number[] {
  return [...text.matchAll(/\(pid (\d+)\)/g)].map(([, pid]) => Number(pid))
}

/** Nothing of before is in the way. */
async function expectFresh(scene: Scene): Promise<void> {
  const up = await scene.holdfast('up', '--detach')
  expect(up.code, up.all).toBe(0)
  expect((await scene.status()).services.map(({ state }) => state)).toEqual(['running', 'running'])
}
