// Commands that go on until somebody ends them: what they do when their supervisor or their reader goes away.
import { type ChildProcess, execFile, spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { expect, onTestFinished, test } from 'vitest'
import { CLI, newScene, type Scene } from './harness/scene.ts'
import { waitFor } from './harness/wait-for.ts'

const quiet = { command: ['sh', '-c', 'echo hello; exec sleep 1000'] }

function outputOf(child: ChildProcess): () => string {
  let text = ''
  child.stdout?.on('data', (chunk) => {
    text += chunk
  })
  return () => text
}

test.each([
  ['logs', '-f'],
  ['events', '-f'],
])('%s %s into a pipe that nobody reads any more ends, although nothing is said', async (...verb) => {
  const scene = newScene()
  scene.configure({ services: { web: quiet } })
  await scene.up()
  await waitFor(() => scene.read('log/web.log').includes('hello'))
  const line = `set -o pipefail; "$0" ${CLI} -c ${scene.config} ${verb.join(' ')} | head -n 1`
  const ended = await new Promise((resolve) =>
    execFile('bash', ['-c', line, process.execPath], { timeout: 8_000 }, (error, out) => resolve({ error, out })),
  )
  expect(ended).toEqual({ error: null, out: expect.stringMatching(/^\S+Z .*\n$/) })
})

test('logs -f sees services that an apply adds, and those whose output goes elsewhere since', async () => {
  const scene = newScene()
  const says = (text: string) => ({ command: ['sh', '-c', `echo ${text}; exec sleep 1000`] })
  scene.configure({ services: { web: says('first') } })
  await scene.up()
  const all = outputOf(scene.start(['-c', scene.config, 'logs', '-f']))
  const one = outputOf(scene.start(['-c', scene.config, 'logs', '-f', 'web']))
  await waitFor(() => all().includes('first') && one().includes('first'))
  const moved = { ...says('moved'), stdout: `file:${scene.path('web.out')}` }
  scene.configure({ services: { web: moved, late: says('late') } })
  expect((await scene.holdfast('apply')).code).toBe(0)
  await waitFor(() => /late\/0 out late\n/.test(all()), { what: 'the line of the new service' })
  await waitFor(() => all().includes('moved') && one().includes('moved'), { what: 'the line in its new place' })
  expect(one()).not.toContain('late')
})

test('logs -f and events -f end with their supervisor, and say so', async () => {
  const scene = newScene()
  scene.configure({ services: { web: quiet } })
  await scene.up()
  await waitFor(() => scene.read('log/web.log').includes('hello'))
  const followers = ['logs', 'events'].map((verb) => {
    const child = scene.start(['-c', scene.config, verb, '-f'])
    const output = outputOf(child)
    let err = ''
    child.stderr?.on('data', (chunk) => {
      err += chunk
    })
    return { output, ended: new Promise((resolve) => child.on('close', (code) => resolve({ code, err }))) }
  })
  for (const { output } of followers) await waitFor(() => output() !== '', { what: 'what was said before' })
  await scene.down()
  for (const { ended } of followers) expect(await ended).toEqual({ code: 0, err: 'the supervisor has ended\n' })
})

/** On a terminal of its own, of 24 rows and as many columns as are asked for. */
function onTerminal(scene: Scene, columns: number, ...args: string[]) {
  const command = `stty rows 24 cols ${columns}; exec ${process.execPath} ${CLI} -c ${scene.config} ${args.join(' ')}`
  const terminal = spawn('script', ['-qec', command, '/dev/null'], {
    env: { ...process.env, E2E_SCENE: scene.dir, TERM: 'xterm' },
  })
  onTestFinished(() => void terminal.kill('SIGKILL'))
  return { terminal, output: outputOf(terminal) }
}

const withTerminal = test.skipIf(!existsSync('/usr/bin/script'))

withTerminal(
  'status --watch on a terminal waits for a supervisor that is gone, and goes on with the next one',
  async () => {
    const scene = newScene()
    scene.configure({ services: { web: quiet } })
    await scene.up()
    const { terminal, output } = onTerminal(scene, 80, 'status', '--watch', '--no-color')
    await waitFor(() => /web +running/.test(output()), { what: 'the first picture' })
    await scene.down()
    await waitFor(() => output().includes('Waiting for it to come back'), { what: 'that it waits' })
    const before = output().length
    await scene.up()
    await waitFor(() => /web +running/.test(output().slice(before)), { what: 'the picture of the next one' })
    expect(terminal.exitCode).toBe(null)
  },
)

withTerminal('40 columns are enough for status, and never exceeded by a row of it', async () => {
  const scene = newScene()
  scene.configure({ services: { web: { ...quiet, instances: 2 } } })
  await scene.up()
  const { terminal, output } = onTerminal(scene, 40, 'status', '--no-color')
  await new Promise((resolve) => terminal.on('close', resolve))
  const table = output().replaceAll('\r', '').split('\n').slice(2)
  expect(table[0]).toMatch(/^SERVICE +STATE +READY +PID +MESSAGE$/)
  expect(Math.max(...table.map((line) => line.length))).toBeLessThanOrEqual(40)
})

withTerminal('NO_COLOR takes the colours away on a terminal too', async () => {
  const scene = newScene()
  scene.configure({ services: { web: quiet } })
  await scene.up()
  const coloured = onTerminal(scene, 80, 'status')
  await new Promise((resolve) => coloured.terminal.on('close', resolve))
  expect(coloured.output()).toContain('\u001b[')
  const command = `NO_COLOR=1 ${process.execPath} ${CLI} -c ${scene.config} status`
  const plain = spawn('script', ['-qec', command, '/dev/null'], { env: { ...process.env, TERM: 'xterm' } })
  const output = outputOf(plain)
  await new Promise((resolve) => plain.on('close', resolve))
  expect(output()).toContain('running')
  expect(output()).not.toContain('\u001b[')
})
