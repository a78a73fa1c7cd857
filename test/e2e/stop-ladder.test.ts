import { existsSync } from 'node:fs'
import { expect, test } from 'vitest'
import { newScene } from './harness/scene.ts'
import { waitFor } from './harness/wait-for.ts'

const IGNORES_TERM = 'trap "" TERM; echo up; while :; do sleep 0.05; done'

test('a worker that ignores TERM is killed at the end of its ladder, and the journal says why', async () => {
  const scene = newScene()
  scene.configure({
    services: { stubborn: { command: ['sh', '-c', IGNORES_TERM], ready: { log: 'up' }, stop: { timeout: '300ms' } } },
  })
  await scene.up()
  const stopped = await scene.holdfast('stop', 'stubborn')
  expect(stopped.code, stopped.all).toBe(0)
  expect(stopped.millis).toBeGreaterThan(300)
  const signals = (await scene.events()).filter(({ event }) => event === 'signal').map(({ reason }) => reason)
  expect(signals[0]).toMatch(/^SIGTERM to its process group: stopped by the operator/)
  expect(signals[1]).toMatch(/^SIGKILL to its process group/)
})

test('steps with their own waits, repeats, a stop file and a stop command', async () => {
  const scene = newScene()
  const program = `trap 'echo hup >> hups' HUP; trap '' TERM; echo up; while [ ! -e "stop.$$" ] || [ $(wc -l < hups 2>/dev/null || echo 0) -lt 3 ]; do sleep 0.02; done`
  scene.configure({
    services: {
      ladder: {
        command: ['sh', '-c', program],
        ready: { log: 'up' },
        stop: {
          file: `${scene.dir}/stop.%p`,
          fileTimeout: '100ms',
          command: ['sh', '-c', 'echo "$HOLDFAST_PID" > told'],
          timeout: '100ms',
          group: false,
          signals: [{ signal: 'HUP', every: '50ms', increment: '10ms', for: '10s' }, 'KILL'],
        },
      },
    },
  })
  await scene.up()
  const { pid } = await scene.worker('ladder/0')
  const stopped = await scene.holdfast('stop', 'ladder')
  expect(stopped.code, stopped.all).toBe(0)
  expect(scene.read('told').trim()).toBe(String(pid))
  expect(scene.read('hups').trim().split('\n').length).toBeGreaterThanOrEqual(3)
  expect(existsSync(scene.path(`stop.${pid}`))).toBe(false)
})

test('a second stop hurries the first', async () => {
  const scene = newScene()
  scene.configure({
    services: { slow: { command: ['sh', '-c', IGNORES_TERM], ready: { log: 'up' }, stop: { timeout: '20s' } } },
  })
  await scene.up()
  const first = scene.holdfast('stop', 'slow')
  await waitFor(async () => (await scene.service('slow')).state === 'stopping')
  const second = await scene.holdfast('stop', 'slow')
  expect(second.code).toBe(0)
  expect((await first).code).toBe(0)
  expect(second.millis).toBeLessThan(10_000)
})

test('down leaves nothing: grandchildren, daemons, holders of the pipe', async () => {
  const scene = newScene()
  const python =
    'import os,time\nif os.fork()==0:\n os.setsid()\n if os.fork()==0:\n  time.sleep(1000)\n os._exit(0)\ntime.sleep(1000)'
  scene.configure({
    defaults: { ready: { delay: '300ms' }, stop: { timeout: '500ms' } },
    services: {
      grandchildren: { command: ['sh', '-c', 'sleep 1000 & (sleep 1000 & sleep 1000) & sleep 1000'] },
      daemon: { command: ['python3', '-c', python] },
      holder: { command: ['sh', '-c', 'setsid sh -c "trap \\"\\" TERM; sleep 1000" & exec sleep 1000'] },
      stubborn: { command: ['sh', '-c', IGNORES_TERM] },
    },
  })
  await scene.up()
  expect(scene.processes().length).toBeGreaterThan(8)
  const down = await scene.down()
  expect(down.code, down.all).toBe(0)
  expect(scene.processes()).toEqual([])
})

test('what a dead worker left in its group is gone before the slot starts again', async () => {
  const scene = newScene()
  scene.configure({
    services: { parent: { command: ['sh', '-c', 'sleep 1000 & echo $! > child; wait'], ready: { delay: '100ms' } } },
  })
  await scene.up()
  const child = Number(scene.read('child'))
  process.kill((await scene.worker('parent/0')).pid ?? 0, 'SIGKILL')
  await waitFor(async () => (await scene.worker('parent/0')).restarts === 1)
  expect(scene.processes().some(({ pid }) => pid === child)).toBe(false)
})

test('what a stopped process has left behind ends, and not what its successor starts meanwhile', async () => {
  const scene = newScene()
  const daemon = 'trap "" TERM; echo $$ >>daemons.txt; while :; do sleep 0.1; done'
  const script = `(setsid sh -c '${daemon}' &); exec sleep 1000`
  scene.configure({ services: { web: { command: ['sh', '-c', script], cwd: scene.dir, ready: { delay: 0 } } } })
  const daemons = (): number[] => scene.read('daemons.txt').trimEnd().split('\n').filter(Boolean).map(Number)
  scene.write('daemons.txt', '')
  await scene.up()
  await waitFor(() => daemons().length === 1)
  const { pid } = await scene.worker('web/0')
  const stopped = scene.holdfast('stop', 'web')
  await waitFor(() => !existsSync(`/proc/${pid}`))
  await scene.holdfast('start', 'web')
  await waitFor(() => daemons().length === 2)
  await stopped
  const [first, second] = daemons()
  await waitFor(() => !existsSync(`/proc/${first}`))
  await waitFor(async () => (await scene.events()).some(({ event }) => event === 'strays'))
  expect(existsSync(`/proc/${second}`)).toBe(true)
  expect((await scene.worker('web/0')).state).toBe('running')
})
