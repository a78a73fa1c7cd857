// Workers of a server that are forked from a process which has loaded the program.
import { existsSync, readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { startLoad } from './harness/http-load.ts'
import { type LibraryScene, newLibraryScene, startedLibraryScene } from './harness/library-scene.ts'
import { factsOf } from './harness/process-facts.ts'
import { waitFor } from './harness/wait-for.ts'

const start = (options: object) => startedLibraryScene(options, 'forked.mjs')

interface Answer {
  readonly pid: number
  readonly parent: number
  readonly id: number
  readonly greeting: string
  readonly server: { readonly name: string; readonly pid: number }
  readonly role: string
  readonly initialized: number
}

/** Of each worker one. */
async function answers(scene: LibraryScene, workers: number): Promise<Answer[]> {
  const port = await scene.port('http')
  const found = new Map<number, Answer>()
  await waitFor(async () => {
    const asked = Array.from({ length: 8 }, async () => {
      const response = await fetch(`http://127.0.0.1:${port}`, { headers: { connection: 'close' } })
      return (await response.json()) as Answer
    })
    for (const answer of await Promise.all(asked)) found.set(answer.id, answer)
    return found.size === workers
  })
  return [...found.values()].sort((one, other) => one.id - other.id)
}

const notesOf = (scene: LibraryScene, hook: string): string[][] =>
  scene.notes.map((note) => note.split(' ')).flatMap(([name, ...rest]) => (name === hook ? [rest] : []))

async function stop(scene: LibraryScene): Promise<void> {
  expect(await scene.command('stop')).toMatchObject({ code: 0 })
  expect(scene.processes()).toEqual([])
}

async function kill9(pid: number): Promise<void> {
  process.kill(pid, 'SIGKILL')
  await waitFor(() => !existsSync(`/proc/${pid}`))
}

const HOW: [string, object][] = [
  ['in the program', {}],
  ['in a module', { asModule: true }],
]
test.each(HOW)('a worker %s: each hook in its process, and the program is loaded once', async (_, options) => {
  const scene = await start({ workers: 2, ...options })
  const { serverPid } = scene
  const workers = await answers(scene, 2)
  const [forkserver] = notesOf(scene, 'initialize').map(([pid]) => Number(pid))
  expect(notesOf(scene, 'initialize')).toHaveLength(1)
  expect(new Set([forkserver, serverPid, ...workers.map(({ pid }) => pid)]).size).toBe(4)
  for (const { pid, parent, server, initialized } of workers) {
    expect({ parent, server, initialized }).toEqual({
      parent: serverPid,
      server: { name: 'shop', pid: serverPid },
      initialized: forkserver,
    })
    expect(factsOf(pid)).toMatchObject({ group: pid, session: serverPid })
    expect(notesOf(scene, 'run').filter(([own]) => own === String(pid))).toHaveLength(1)
  }
  expect(notesOf(scene, 'beforeFork')).toEqual([
    [String(forkserver), '0'],
    [String(forkserver), '1'],
  ])
  if (!('asModule' in options)) {
    // Which of the two is there first is luck.
    const started = notesOf(scene, 'afterStart').map(([pid, , of]) => `${of} of ${pid}`)
    expect(started.toSorted()).toEqual(workers.map(({ pid }) => `${pid} of ${serverPid}`).toSorted())
  }
  await stop(scene)
  const ended = (hook: string) =>
    notesOf(scene, hook)
      .map(([pid]) => Number(pid))
      .toSorted()
  expect(ended('stop')).toEqual(workers.map(({ pid }) => pid).toSorted())
  expect(ended('onStop')).toEqual(ended('stop'))
})

test('a worker that dies is forked again; a reload is for all, and for those that come later', async () => {
  const scene = await start({ workers: 2 })
  const [first, second] = await answers(scene, 2)
  await kill9(first?.pid ?? 0)
  await waitFor(async () => (await answers(scene, 2))[0]?.pid !== first?.pid)
  scene.setConfig({ greeting: 'good day', workers: 3 })
  expect(await scene.command('reload')).toMatchObject({ code: 0 })
  const all = await answers(scene, 3)
  expect(all.map(({ greeting }) => greeting)).toEqual(['good day', 'good day', 'good day'])
  expect(all[1]?.pid).toBe(second?.pid)
  expect(notesOf(scene, 'initialize')).toHaveLength(1)
  expect(new Set(all.map(({ initialized }) => initialized)).size).toBe(1)
  await stop(scene)
})

test('a rolling restart under load brings a fresh forkserver, and loses no request', async () => {
  const scene = await start({ workers: 2 })
  const before = await answers(scene, 2)
  const load = startLoad({ port: await scene.port('http'), newPerSecond: 50, keepAlive: 4 })
  expect(await scene.command('rolling-restart')).toMatchObject({ code: 0 })
  const { failures } = await load.stop()
  expect(failures).toEqual({})
  const after = await answers(scene, 2)
  expect(notesOf(scene, 'initialize')).toHaveLength(2)
  expect(after.map(({ initialized }) => initialized)).not.toContain(before[0]?.initialized)
  await waitFor(() => !existsSync(`/proc/${before[0]?.initialized}`))
  await stop(scene)
})

test('below a supervisor a live restart under load loses no request', async () => {
  const scene = await start({ workers: 2, supervised: true })
  const before = await answers(scene, 2)
  const load = startLoad({ port: await scene.port('http'), newPerSecond: 50, keepAlive: 4 })
  expect(await scene.command('live-restart')).toMatchObject({ code: 0 })
  const { failures } = await load.stop()
  expect(failures).toEqual({})
  const after = await answers(scene, 2)
  expect(after[0]?.server.pid).not.toBe(before[0]?.server.pid)
  expect(existsSync(`/proc/${before[0]?.initialized}`)).toBe(false)
  await stop(scene)
})

test('one that hangs is replaced, by a fork', async () => {
  const scene = await start({ workers: 1, heartbeat: { interval: '50ms', timeout: '1s' } })
  const [first] = await answers(scene, 1)
  const hung = fetch(`http://127.0.0.1:${await scene.port('http')}/hang`).catch(() => {})
  await waitFor(() => notesOf(scene, 'run').length === 2)
  await hung
  const [second] = await answers(scene, 1)
  expect(second?.pid).not.toBe(first?.pid)
  expect(second?.initialized).toBe(first?.initialized)
  await stop(scene)
})

test('the forkserver dies: no worker is harmed, and there is another for those that come later', async () => {
  const scene = await start({ workers: 2 })
  const [first, second] = await answers(scene, 2)
  await kill9(first?.initialized ?? 0)
  expect((await answers(scene, 2)).map(({ pid }) => pid)).toEqual([first?.pid, second?.pid])
  await kill9(second?.pid ?? 0)
  await waitFor(async () => (await scene.service('shop')).ready === 2)
  const [kept, fresh] = await answers(scene, 2)
  expect(kept).toEqual(first)
  expect(fresh?.pid).not.toBe(second?.pid)
  expect(fresh?.initialized).not.toBe(first?.initialized)
  await stop(scene)
})

test('the server is killed: its workers end, and so does the forkserver', async () => {
  const scene = await start({ workers: 2 })
  await answers(scene, 2)
  await kill9(scene.serverPid)
  await waitFor(() => scene.processes().length === 0)
  expect(notesOf(scene, 'onStop')).toHaveLength(2)
})

test('main and standby: the workers of the standby are forked, and follow at its promotion', async () => {
  const scene = await start({ workers: 1, slots: { mains: 1, standbys: 1 } })
  const [first] = await answers(scene, 1)
  expect(first?.role).toBe('main')
  await kill9(first?.server.pid ?? 0)
  await waitFor(async () => (await answers(scene, 1))[0]?.pid !== first?.pid)
  const [second] = await answers(scene, 1)
  expect(second).toMatchObject({ role: 'main' })
  expect(existsSync(`/proc/${first?.initialized}`)).toBe(false)
  await stop(scene)
})

test('where nothing can be forked the workers start cold, each with a program of its own', async () => {
  const scene = newLibraryScene('forked.mjs')
  scene.write(
    'unknown.cjs',
    'Object.defineProperty(process, "versions", { value: { ...process.versions, node: "21.0.0" } })',
  )
  scene.options({ workers: 2, env: { NODE_OPTIONS: `--require=${scene.path('unknown.cjs')}` } })
  await scene.up()
  const workers = await answers(scene, 2)
  for (const { pid, initialized } of workers) expect(initialized).toBe(pid)
  expect(notesOf(scene, 'beforeFork')).toEqual([])
  expect(scene.read('log/shop.server.log')).toContain('workers are started without it, and share nothing')
  await stop(scene)
  expect(notesOf(scene, 'onStop')).toHaveLength(2)
})

test('titles, and a dump that has the stack of a worker that hangs', async () => {
  const scene = newLibraryScene('forked.mjs')
  scene.options({ workers: 2, signals: 'serverengine', stop: { timeout: '500ms' } })
  const dump = scene.path('dump.log')
  expect(await scene.commandWith({ env: { SIGDUMP_PATH: dump } }, 'start')).toMatchObject({ code: 0 })
  const titles = scene.processes().map(({ pid }) => readFileSync(`/proc/${pid}/cmdline`, 'latin1').split('\0', 1)[0])
  expect(titles.toSorted()).toEqual(['shop: forkserver', 'shop: server', 'shop: worker 0', 'shop: worker 1'])
  const hung = fetch(`http://127.0.0.1:${await scene.port('http')}/hang`).catch(() => {})
  await waitFor(async () => (await scene.service('shop')).workers.some(({ cpuSeconds }) => (cpuSeconds ?? 0) > 0.5))
  process.kill(scene.serverPid, 'SIGCONT')
  await waitFor(() => scene.read('log/shop.server.log').includes(`dump written to ${dump}`))
  expect(scene.read('dump.log').match(/^Dump at /gm)).toHaveLength(3)
  expect(scene.read('dump.log')).toContain('forked.mjs')
  await scene.command('stop')
  await hung
})

test('what initialize throws keeps the server from starting, and start says so', async () => {
  const scene = newLibraryScene('forked.mjs')
  scene.options({ fail: { initialize: true }, restart: { immediate: 0 } })
  const { code, err } = await scene.command('start')
  expect(err).toContain('initialize fails as it was told to')
  expect(code).toBe(1)
  expect(scene.processes()).toEqual([])
})

test('those of a guest in a program start cold', async () => {
  const scene = newLibraryScene('forked.mjs')
  scene.options({ workers: 2 })
  const { code, out, err } = await scene.commandWith({ env: { E2E_GUEST: '1' } })
  expect(JSON.parse(out), err).toEqual({ ok: true, code: 0 })
  expect(code).toBe(0)
  const started = notesOf(scene, 'run').map(([pid]) => pid)
  expect(started).toHaveLength(2)
  expect(notesOf(scene, 'initialize').map(([pid]) => pid)).toEqual(expect.arrayContaining(started))
  expect(scene.processes()).toEqual([])
})
