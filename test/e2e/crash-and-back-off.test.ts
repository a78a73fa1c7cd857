import { expect, test } from 'vitest'
import { newScene } from './harness/scene.ts'
import { waitFor } from './harness/wait-for.ts'

test('a worker that is killed is replaced at once, and the journal says why', async () => {
  const scene = newScene()
  scene.configure({ services: { idle: { command: 'sleep 1000' } } })
  await scene.up()
  const before = await scene.worker('idle/0')
  process.kill(before.pid ?? 0, 'SIGKILL')
  const after = await waitFor(async () => {
    const worker = await scene.worker('idle/0')
    return worker.pid !== null && worker.pid !== before.pid ? worker : null
  })
  expect(after).toMatchObject({ state: 'running', ready: true, generation: 1, restarts: 1 })
  expect(after?.lastExit).toMatchObject({ code: null, signal: 'SIGKILL', reason: 'killed by SIGKILL' })
  const why = await scene.holdfast('why', 'idle/0')
  expect(why.out).toContain('killed by SIGKILL')
})

test('the first failures restart at once, then the back-off doubles, and the slot can become fatal', async () => {
  const scene = newScene()
  const restart = { immediate: 2, initial: '50ms', factor: 2, jitter: 0, maxRetries: 4 }
  scene.configure({
    services: { bad: { command: ['sh', '-c', 'echo dying >&2; exit 7'], ready: { delay: '200ms' }, restart } },
  })
  const up = await scene.holdfast('up', '--detach')
  expect(up.code).toBe(1)
  expect(up.err).toContain('bad')
  const worker = await waitFor(async () => {
    const now = await scene.worker('bad/0')
    return now.state === 'fatal' ? now : null
  })
  expect(worker).toMatchObject({ pid: null, failures: 5, nextRetryAt: null })
  const events = (await scene.events()).filter((event) => event.worker === 'bad/0')
  const waits = events.flatMap((event) => /next try in ([\d.]+s)/.exec(event.reason)?.[1] ?? [])
  expect(waits).toEqual(['0.1s', '0.1s'])
  expect(events.filter((event) => event.reason.endsWith('restarted at once'))).toHaveLength(2)
  expect((await scene.holdfast('status', 'bad')).code).toBe(3)
})

test('a program that keeps failing slowly enough is not a failure; a clean end is not restarted on-failure', async () => {
  const scene = newScene()
  scene.configure({
    services: {
      job: { command: ['sh', '-c', 'exit 0'], restart: { when: 'on-failure' } },
      never: { command: ['sh', '-c', 'exit 3'], restart: { when: 'never' } },
      unrecoverable: { command: ['sh', '-c', 'exit 9'], restart: { unrecoverable: [9] } },
    },
  })
  await scene.holdfast('up', '--detach')
  const states = await waitFor(async () => {
    const { services } = await scene.status()
    const names = services.map(({ name, state }) => `${name} ${state}`)
    return names.some((name) => /starting|running/.test(name)) ? null : names
  })
  expect(states).toEqual(['job exited', 'never exited', 'unrecoverable fatal'])
  const job = await scene.holdfast('restart', 'job')
  expect(job.code, job.all).toBe(0)
})

test('a command that is not there is told at once, and tried again with back-off', async () => {
  const scene = newScene()
  scene.configure({ services: { ghost: { command: ['./not-there'] } } })
  scene.write('not-there', 'just text', 0o644)
  const up = await scene.holdfast('up', '--detach')
  expect(up.code).toBe(2)
  expect(up.err).toMatch(/not executable|permission denied/i)
})
