// Workers that are any program: told by signals, or by words on stdin.
import { expect, test } from 'vitest'
import { newLibraryScene } from './harness/library-scene.ts'
import { CLI } from './harness/scene.ts'
import { waitFor } from './harness/wait-for.ts'

/** Writes what it hears; ends at GRACEFUL_STOP, or only at IMMEDIATE_STOP. */
const READER = (end: string) =>
  `while read -r word; do echo "heard $word"; [ "$word" = ${end} ] && exit 0; done; echo end of file`

const heard = (log: string): string[] => [...log.matchAll(/out heard (\w+)/g)].map(([, word = '']) => word)

test('words on stdin: reload and stop, and no signal', async () => {
  const scene = newLibraryScene('spawner.mjs')
  const trap = 'trap "echo got a signal" TERM QUIT HUP USR2'
  scene.options({
    workers: 2,
    command: ['sh', '-c', `${trap}; ${READER('GRACEFUL_STOP')}`],
    commandSender: 'pipe',
    ready: { delay: 0 },
  })
  expect((await scene.command('start')).code).toBe(0)
  expect(await scene.command('reload')).toMatchObject({ code: 0 })
  await waitFor(() => heard(scene.read('log/shop.log')).length === 2)
  expect(await scene.command('stop')).toMatchObject({ code: 0 })
  const log = scene.read('log/shop.log')
  expect(heard(log).toSorted()).toEqual(['GRACEFUL_STOP', 'GRACEFUL_STOP', 'RELOAD', 'RELOAD'])
  expect(log).not.toContain('signal')
  expect(log).not.toContain('end of file')
})

test('one that does not listen to the first word hears the second, and KILL is KILL', async () => {
  const scene = newLibraryScene('spawner.mjs')
  const ready = { delay: 0 }
  const stop = { signals: ['TERM/200ms', 'QUIT/200ms', 'KILL'] }
  scene.options({ command: ['sh', '-c', READER('IMMEDIATE_STOP')], commandSender: 'pipe', ready, stop })
  expect((await scene.command('start')).code).toBe(0)
  expect(await scene.command('stop')).toMatchObject({ code: 0 })
  expect(heard(scene.read('log/shop.log'))).toEqual(['GRACEFUL_STOP', 'IMMEDIATE_STOP'])
  scene.options({ command: ['sleep', '1000'], commandSender: 'pipe', ready, stop })
  expect((await scene.command('start')).code).toBe(0)
  expect(await scene.command('stop')).toMatchObject({ code: 0 })
  expect(scene.read('log/shop.server.log')).toContain('SIGKILL')
})

test('it is no worker of ours to itself: nothing says so but what the daemon says, too', async () => {
  const scene = newLibraryScene('spawner.mjs')
  scene.options({ command: ['sh', '-c', 'env; exec sleep 1000'], ready: { log: 'HOLDFAST_SERVICE' } })
  expect((await scene.command('start')).code).toBe(0)
  expect(await scene.command('stop')).toMatchObject({ code: 0 })
  const names = [...scene.read('log/shop.log').matchAll(/ (HOLDFAST_\w+)=/g)].map(([, name]) => name)
  expect(names).toContain('HOLDFAST_SERVICE')
  expect(names.filter((name) => /SERVER|TIER|CONFIG|ORPHANS|LIFELINE/.test(String(name)))).toEqual([])
})

test('by signals: any program as it is', async () => {
  const scene = newLibraryScene('spawner.mjs')
  scene.options({ workers: 2, command: 'sleep 1000', ready: { delay: 0 } })
  expect((await scene.command('start')).code).toBe(0)
  expect((await scene.command('rolling-restart')).code).toBe(0)
  expect(await scene.command('stop')).toMatchObject({ code: 0 })
})

for (const [what, options, message] of [
  ['nothing to run', {}, /command: it is missing/],
  ['a type that nobody knows', { workerType: 'fibre' }, /workerType: expected one of .*, found text "fibre"/],
  ['no worker', { workerType: 'process' }, /worker: it is missing/],
] as const) {
  test(`${what}: one clear error`, async () => {
    const scene = newLibraryScene('spawner.mjs')
    scene.options(options)
    const { code, err } = await scene.command('start')
    expect(code).toBe(2)
    expect(err).toMatch(message)
  })
}

test('the configuration of its start is in the environment, and a reload starts it anew with the next', async () => {
  const scene = newLibraryScene('spawner.mjs')
  scene.options({
    command: ['sh', '-c', 'echo "started with $HOLDFAST_CONFIG"; exec sleep 1000'],
    ready: { delay: 0 },
    config: { a: 1 },
  })
  expect((await scene.command('start')).code).toBe(0)
  await waitFor(() => scene.read('log/shop.log').includes('out started with {"a":1}'))
  expect(await scene.command('stop')).toMatchObject({ code: 0 })
})

test('words on stdin: each that there is, in place of the signal that an operator sends', async () => {
  const scene = newLibraryScene('spawner.mjs')
  const ready = { delay: 0 }
  scene.options({ command: ['sh', '-c', READER('GRACEFUL_STOP')], commandSender: 'pipe', ready })
  expect((await scene.command('start')).code).toBe(0)
  const send = (signal: string) =>
    scene.runFile(process.execPath, [CLI, '--socket', scene.path('run/holdfast.sock'), 'signal', signal, 'shop/0'])
  for (const signal of ['USR1', 'HUP', 'USR2', 'INT', 'CONT']) expect(await send(signal)).toMatchObject({ code: 0 })
  const words = ['GRACEFUL_RESTART', 'IMMEDIATE_RESTART', 'RELOAD', 'DETACH', 'DUMP']
  await waitFor(() => heard(scene.read('log/shop.log')).length === words.length)
  expect(heard(scene.read('log/shop.log'))).toEqual(words)
  expect(await scene.command('stop')).toMatchObject({ code: 0 })
})
