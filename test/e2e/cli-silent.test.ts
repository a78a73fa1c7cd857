// A supervisor that lives and does not answer: no command waits for it for ever, and each says which process it is.
import { spawn } from 'node:child_process'
import { expect, onTestFinished, test } from 'vitest'
import { newScene, type Scene } from './harness/scene.ts'
import { waitFor } from './harness/wait-for.ts'

const SLEEP = { web: { command: 'sleep 1000' } }
const stubborn = ['sh', '-c', 'trap "" TERM; echo up; while :; do sleep 0.1; done']

function stop(pid: number): void {
  process.kill(pid, 'SIGSTOP')
  onTestFinished(() => {
    try {
      process.kill(pid, 'SIGCONT')
    } catch {
      // It has ended.
    }
  })
}

async function stopped(services: object = SLEEP): Promise<{ scene: Scene; pid: number }> {
  const scene = newScene()
  scene.configure({ services })
  await scene.up()
  const pid = scene.supervisorPid()
  stop(pid)
  return { scene, pid }
}

test('stopped by SIGSTOP: every verb says so within seconds, and what to do', async () => {
  const { scene, pid } = await stopped()
  const verbs = [['status'], ['stop', 'web'], ['logs', '-f'], ['events', '-f'], ['why', 'web'], ['dump']]
  const results = await Promise.all(verbs.map((verb) => scene.holdfast(...verb)))
  for (const [index, { code, err, millis }] of results.entries()) {
    expect({ verb: verbs[index], code, err }).toMatchObject({
      code: 5,
      err: expect.stringMatching(
        new RegExp(
          `^holdfast: the supervisor \\(pid ${pid}\\) did not answer within 3 s: its process is stopped\n.*kill -CONT ${pid}`,
        ),
      ),
    })
    expect(millis).toBeLessThan(9_000)
  }
  process.kill(pid, 'SIGCONT')
  // What it was asked to do meanwhile is done then.
  await scene.sees({ web: 'stopped' })
})

test('--timeout ends the waiting: 124, also of a supervisor that has not begun', async () => {
  const { scene, pid } = await stopped()
  const restart = await scene.holdfast('restart', 'web', '--timeout', '500ms')
  expect(restart).toMatchObject({ code: 124, err: expect.stringContaining(`kill -CONT ${pid}`) })
  expect(restart.millis).toBeLessThan(2_900)
})

test('down of one that is stopped ends with an error, in time; it goes down when it goes on', async () => {
  const { scene, pid } = await stopped()
  for (const args of [['down'], ['down', '--timeout', '1s']]) {
    const down = await scene.holdfast(...args)
    expect(down).toMatchObject({ code: 5, err: expect.stringContaining(`(pid ${pid}) did not answer within 3 s`) })
    expect(down.millis).toBeLessThan(9_000)
  }
  process.kill(pid, 'SIGCONT')
  await waitFor(() => scene.processes().length === 0, { what: 'everything to end' })
})

test('stopped in the middle of an operation', async () => {
  const scene = newScene()
  const web = { command: stubborn, stop: { signals: ['TERM', 'KILL'], timeout: '20s' } }
  scene.configure({ services: { web } })
  await scene.up()
  const pid = scene.supervisorPid()
  const waiting = scene.start(['-c', scene.config, 'stop', 'web'])
  let err = ''
  waiting.stderr?.on('data', (chunk) => {
    err += chunk
  })
  const ended = new Promise<number | null>((resolve) => waiting.on('close', resolve))
  await waitFor(() => err.includes('stopping process'), { what: 'the stop to begin' })
  stop(pid)
  expect(await ended).toBe(5)
  expect(err).toContain(`the supervisor (pid ${pid}) did not answer within 3 s: its process is stopped`)
  process.kill(pid, 'SIGCONT')
  await scene.holdfast('down', '--timeout', '0')
})

test('its socket is named, its queue of connections is full', async () => {
  const { scene, pid } = await stopped()
  const socket = `${scene.runtimeDir}/holdfast.sock`
  const fill = `import socket, time
held = []
try:
    while True:
        s = socket.socket(socket.AF_UNIX); s.setblocking(False); s.connect(${JSON.stringify(socket)}); held.append(s)
except BlockingIOError:
    print("full", flush=True); time.sleep(60)`
  const filler = spawn('python3', ['-c', fill])
  onTestFinished(() => void filler.kill('SIGKILL'))
  await new Promise((resolve) => filler.stdout.once('data', resolve))
  const status = await scene.run(['--socket', socket, 'status'])
  expect(status).toMatchObject({ code: 5, err: expect.stringContaining(`the supervisor (pid ${pid}) did not answer`) })
  expect(status.err).toContain(`kill -CONT ${pid}`)
})

test('Ctrl-C while a command waits: says that the supervisor goes on, and ends by the signal', async () => {
  const scene = newScene()
  const web = { command: stubborn, stop: { signals: ['TERM', 'KILL'], timeout: '2s' } }
  scene.configure({ services: { web } })
  await scene.up()
  const waiting = scene.start(['-c', scene.config, 'stop', 'web'])
  let err = ''
  waiting.stderr?.on('data', (chunk) => {
    err += chunk
  })
  const ended = new Promise((resolve) => waiting.on('close', (code, signal) => resolve({ code, signal })))
  await waitFor(() => err.includes('stopping process'), { what: 'the stop to begin' })
  waiting.kill('SIGINT')
  expect(await ended).toEqual({ code: null, signal: 'SIGINT' })
  expect(err).toContain('holdfast: interrupted; the supervisor goes on with it\n')
  await scene.sees({ web: 'stopped' })
})
