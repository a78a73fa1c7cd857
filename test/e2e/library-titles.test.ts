// What ps shows of the processes of a server: titles, sessions, process groups.
import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { type LibraryScene, newLibraryScene } from './harness/library-scene.ts'
import { factsOf } from './harness/process-facts.ts'
import { waitFor } from './harness/wait-for.ts'

function titles(scene: LibraryScene): string[] {
  return scene
    .processes()
    .map(({ pid }) => titleOf(pid))
    .filter((title) => title.startsWith('shop'))
    .toSorted()
}

function titleOf(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'latin1').split('\0', 1)[0] ?? ''
  } catch {
    return ''
  }
}

test('supervisor, servers and workers, each by its name; they follow a promotion', async () => {
  const scene = newLibraryScene()
  scene.options({ workers: 2, slots: { mains: 1, standbys: 1 } })
  expect((await scene.command('start')).code).toBe(0)
  const asMain = ['shop: server', 'shop: worker 0', 'shop: worker 1']
  const all = ['shop: supervisor', ...asMain, ...asMain.map((title) => `${title} - standby`)].toSorted()
  await waitFor(() => titles(scene).length === all.length)
  expect(titles(scene)).toEqual(all)
  const [main] = scene.processes().filter(({ pid }) => titleOf(pid) === 'shop: server')
  const promoted = scene.processes().filter(({ pid }) => titleOf(pid).endsWith(' - standby'))
  process.kill(main?.pid ?? 0, 'SIGKILL')
  await waitFor(() => promoted.every(({ pid }) => asMain.includes(titleOf(pid))))
  expect((await scene.command('stop')).code).toBe(0)
})

test('workers lead groups in the session of their server, or sessions of their own', async () => {
  const scene = newLibraryScene()
  for (const [session, ownSession] of [
    [undefined, false],
    [true, true],
  ] as const) {
    scene.options({ workers: 2, session })
    expect((await scene.command('start')).code).toBe(0)
    expect(factsOf(scene.serverPid).session).toBe(scene.serverPid)
    const workers = scene.processes().filter(({ pid }) => pid !== scene.serverPid)
    expect(workers).toHaveLength(2)
    for (const { pid } of workers)
      expect(factsOf(pid)).toMatchObject({ group: pid, session: ownSession ? pid : scene.serverPid })
    expect((await scene.command('stop')).code).toBe(0)
  }
})

test('other titles, or none', async () => {
  const scene = newLibraryScene()
  scene.options({ titles: { server: '%n', worker: '%n[%s]' } })
  expect((await scene.command('start')).code).toBe(0)
  await waitFor(() => titles(scene).length === 2)
  expect(titles(scene)).toEqual(['shop', 'shop[0]'])
  expect((await scene.command('stop')).code).toBe(0)
  scene.options({ titles: false })
  expect((await scene.command('start')).code).toBe(0)
  expect(titles(scene)).toEqual([])
  expect(scene.processes().filter(({ command }) => command.includes('shop.mjs'))).toHaveLength(2)
  expect((await scene.command('stop')).code).toBe(0)
  scene.options({ titles: { workers: 'w' } })
  expect(await scene.command('start')).toMatchObject({
    code: 2,
    err: expect.stringContaining('Did you mean "worker"?'),
  })
})
