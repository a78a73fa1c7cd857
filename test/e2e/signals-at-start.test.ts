// A signal that comes while services are still being started: nothing of them may be left.
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { newScene, type Scene } from './harness/scene.ts'
import { waitFor } from './harness/wait-for.ts'

interface UpRun {
  readonly pid: number
  readonly ended: Promise<{ readonly code: number | null; readonly signal: NodeJS.Signals | null }>
  readonly output: () => string
}

function up(scene: Scene, ...args: string[]): UpRun {
  const child = scene.start(['-c', scene.config, 'up', ...args])
  let output = ''
  for (const stream of [child.stdout, child.stderr]) stream?.on('data', (chunk) => (output += chunk))
  const ended = once(child, 'close').then(([code, signal]) => ({ code, signal }))
  return { pid: child.pid ?? 0, ended, output: () => output }
}

/** Never ready, and what waits for it. */
const STARTING = {
  slow: { command: 'sleep 1000', instances: 3, ready: { log: 'never' }, startTimeout: '60s' },
  after: { command: 'sleep 1000', dependsOn: { slow: 'ready' } },
}

function startingScene(): Scene {
  const scene = newScene()
  scene.configure({ services: STARTING })
  return scene
}

/** The first worker sends it, while the supervisor is busy starting the others. */
function sceneWithASignalFromWithin(signal: string): Scene {
  const scene = newScene()
  const first = { command: ['sh', '-c', `[ -e sent ] || { : > sent; kill -${signal} $PPID; }; exec sleep 1000`] }
  const others = Array.from({ length: 40 }, (_, index) => [`other${index}`, { command: 'sleep 1000' }])
  scene.configure({ services: { first, ...Object.fromEntries(others) } })
  return scene
}

const sleepers = (scene: Scene) => scene.processes().filter(({ command }) => command.endsWith('sleep 1000'))

describe('in the foreground', () => {
  test.each(['SIGTERM', 'SIGINT', 'SIGQUIT'] as const)('%s while nothing is ready yet', async (signal) => {
    const scene = startingScene()
    const run = up(scene)
    await waitFor(() => sleepers(scene).length === 3)
    process.kill(run.pid, signal)
    expect(await run.ended, run.output()).toEqual({ code: 0, signal: null })
    expect(scene.processes()).toEqual([])
  })

  test.each(['TERM', 'INT', 'QUIT', 'HUP'])('%s in the middle of the spawning', async (signal) => {
    const scene = sceneWithASignalFromWithin(signal)
    const run = up(scene)
    // HUP means apply from the moment on in which there is something to apply to.
    if (signal === 'HUP') {
      await waitFor(() => run.output().includes('apply: done') || run.output().includes('everything is stopped'))
      if (!run.output().includes('everything is stopped')) process.kill(run.pid, 'SIGTERM')
    }
    expect(await run.ended, run.output()).toEqual({ code: 0, signal: null })
    expect(scene.processes()).toEqual([])
  })

  test.each(['SIGTERM', 'SIGINT', 'SIGHUP'] as const)('%s at any moment before', async (signal) => {
    const scene = startingScene()
    for (const moment of ['node itself starts', 'the directory is there', 'the pointer is there'] as const) {
      const run = up(scene)
      const isThere = {
        'node itself starts': '',
        'the directory is there': scene.runtimeDir,
        'the pointer is there': scene.pointer,
      }
      await waitFor(() => isThere[moment] === '' || existsSync(isThere[moment]), { every: 2 })
      process.kill(run.pid, signal)
      const stop = setTimeout(() => process.kill(run.pid, 'SIGTERM'), 1_000)
      const { code, signal: by } = await run.ended
      clearTimeout(stop)
      expect([0, signal], `${moment}: ${run.output()}`).toContain(by ?? code)
      expect(scene.processes()).toEqual([])
    }
  })
})

describe('detached', () => {
  test.each(['SIGTERM', 'SIGINT', 'SIGQUIT'] as const)('%s to the supervisor: up says so, exit 1', async (signal) => {
    const scene = startingScene()
    const run = up(scene, '--detach')
    await waitFor(() => scene.isUp() && sleepers(scene).length === 3)
    process.kill(scene.supervisorPid(), signal)
    expect(await run.ended).toEqual({ code: 1, signal: null })
    expect(run.output()).toContain('slow: start failed: stopped meanwhile')
    expect(run.output()).not.toContain('keep running')
    await waitFor(() => scene.processes().length === 0)
  })

  test('who waits for it looks only when it has ended: the same words', async () => {
    const scene = newScene()
    const others = Array.from({ length: 40 }, (_, index) => [`other${index}`, { command: 'sleep 1000' }])
    scene.configure({ services: { ...STARTING, ...Object.fromEntries(others) } })
    const run = up(scene, '--detach')
    await waitFor(() => scene.isUp(), { every: 1 })
    process.kill(run.pid, 'SIGSTOP')
    process.kill(scene.supervisorPid(), 'SIGTERM')
    await waitFor(() => scene.processes().every(({ pid }) => pid === run.pid))
    process.kill(run.pid, 'SIGCONT')
    expect(await run.ended).toEqual({ code: 1, signal: null })
    expect(run.output()).toContain('slow: start failed: stopped meanwhile')
    expect(run.output()).toContain('was asked to stop meanwhile: everything is stopped')
  })

  test.each(['TERM', 'INT', 'HUP'])('%s to the supervisor in the middle of the spawning', async (signal) => {
    const scene = sceneWithASignalFromWithin(signal)
    const run = up(scene, '--detach')
    const { code } = await run.ended
    if (signal === 'HUP' && code === 0) await scene.down()
    else expect(code, run.output()).toBe(1)
    await waitFor(() => scene.processes().length === 0)
  })

  test('whoever waits for it is ended: the supervisor goes on, and down finds it', async () => {
    const scene = startingScene()
    const run = up(scene, '--detach')
    await waitFor(() => sleepers(scene).length === 3)
    process.kill(run.pid, 'SIGINT')
    const { code, signal } = await run.ended
    expect(signal ?? code).toSatisfy((how) => how === 'SIGINT' || how === 130)
    expect((await scene.service('slow')).state).toBe('starting')
    const down = await scene.down()
    expect(down.code, down.all).toBe(0)
    expect(scene.processes()).toEqual([])
  })
})
