import { once } from 'node:events'
import { join } from 'node:path'
import { expect } from 'vitest'
import { testWith } from './harness/requirement.ts'
import { CLI, newScene, PROGRAMS } from './harness/scene.ts'

const withPython = testWith('python3', 'python3')
const STUBBORN = ['sh', '-c', 'trap "" HUP; echo up; while :; do echo line; sleep 0.05; done']

withPython.each([
  ['once everything is ready', 'is ready', { delay: 0 }],
  ['while it still starts', 'Ctrl-C stops everything', { log: 'never' }],
])('a terminal that is closed %s stops everything, exit 0', async (_, text, ready) => {
  const scene = newScene()
  scene.configure({
    sockets: { http: 'tcp://127.0.0.1:0' },
    services: {
      talker: { command: STUBBORN, ready, sockets: ['http'] },
      daemon: { command: ['sh', '-c', 'setsid sleep 1000 & exec sleep 1000'] },
    },
  })
  const up = [process.execPath, CLI, '-c', scene.config, 'up']
  const run = scene.launch('python3', [join(PROGRAMS, 'lose-terminal.py'), text, ...up])
  let output = ''
  for (const stream of [run.stdout, run.stderr]) stream?.on('data', (chunk) => (output += chunk))
  await once(run, 'close')
  expect(output).toBe('exit 0\n')
  expect(scene.processes()).toEqual([])
  expect(scene.read('log/holdfast.log')).toContain('the terminal is gone: stopping everything')
})
