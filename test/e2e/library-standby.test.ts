// Main and standby of a library server: the contenders are whole servers, each with its workers.
import { expect, test } from 'vitest'
import { type LibraryScene, newLibraryScene } from './harness/library-scene.ts'
import { waitFor } from './harness/wait-for.ts'

const OPTIONS = { workers: 2, slots: { mains: 1, standbys: 1 }, sockets: { http: 'tcp://127.0.0.1:0' } }

const servers = async (scene: LibraryScene) => (await scene.service('shop-server')).workers
const mainOf = async (scene: LibraryScene) => (await servers(scene)).find(({ role }) => role === 'main')?.pid ?? 0

async function answer(scene: LibraryScene): Promise<{ server: { pid: number } }> {
  const response = await fetch(`http://127.0.0.1:${await scene.port('http')}/`, { headers: { connection: 'close' } })
  return (await response.json()) as never
}

test('one server works, the other waits with its workers, and takes over when the main is killed', async () => {
  const scene = newLibraryScene()
  scene.options(OPTIONS)
  await scene.up()
  expect((await servers(scene)).map(({ role }) => role).toSorted()).toEqual(['main', 'standby'])
  const first = await mainOf(scene)
  for (let request = 0; request < 10; request++) expect((await answer(scene)).server.pid).toBe(first)
  process.kill(first, 'SIGKILL')
  await waitFor(async () => {
    const second = await mainOf(scene)
    return second !== first && second !== 0 && (await servers(scene)).every(({ ready }) => ready)
  })
  const second = await mainOf(scene)
  // The workers of the dead one finish what they have, and end.
  await waitFor(async () => (await answer(scene)).server.pid === second)
  expect(await scene.command('status')).toMatchObject({ code: 0 })
  expect(await scene.command('restart')).toMatchObject({ code: 0 })
  expect(await mainOf(scene)).not.toBe(second)
  expect(await scene.command('stop')).toMatchObject({ code: 0 })
})
