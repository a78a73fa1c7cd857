// The program of the soak (test/soak), a few times: forked workers use all that a worker may use, side by side.
import { execFileSync } from 'node:child_process'
import { copyFileSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { ForkScene } from './harness/fork-scene.ts'

const PROGRAMS = join(import.meta.dirname, '../soak/programs')

/** By round, as the program ends. */
const EXIT_CODES = [0, 0, 5, 6, 1, 1]

it('a worker forked by Node may use everything', async () => {
  const scene = new ForkScene()
  for (const name of readdirSync(PROGRAMS)) copyFileSync(join(PROGRAMS, name), scene.path(name))
  execFileSync(
    'openssl',
    [
      'req',
      '-x509',
      '-newkey',
      'ec',
      '-pkeyopt',
      'ec_paramgen_curve:prime256v1',
      '-nodes',
      '-subj',
      '/CN=localhost',
      '-keyout',
      scene.path('key.pem'),
      '-out',
      scene.path('cert.pem'),
    ],
    { stdio: 'ignore' },
  )
  await scene.load({ args: ['--preload', './application.cjs'], sockets: 2 })
  const rounds = [0, 1, 2, 3, 4, 5]
  const byTurns = async (place: number): Promise<void> => {
    for (let round = rounds.shift(); round !== undefined; round = rounds.shift()) await oneWorker(scene, round, place)
  }
  await Promise.all([byTurns(0), byTurns(1)])
})

async function oneWorker(scene: ForkScene, round: number, place: number): Promise<void> {
  const out = `${round}.out`
  const exit = await scene.run({
    id: `soak/${round}`,
    entry: './whole-list.cjs',
    stdout: scene.path(out),
    stderr: scene.path(`${round}.err`),
    sockets: { http: 3 + place },
    env: { ROUND: String(round), SCRATCH: scene.dir, HOLDFAST_SOCKET_HTTP: '3', PORT: String(scene.ports[place]) },
  })
  const told = scene
    .text(out)
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as { problem?: string; unique?: unknown })
  expect(told.flatMap(({ problem }) => problem ?? [])).toEqual([])
  expect(told.at(-1)?.unique).toBeDefined()
  expect(exit).toMatchObject({ code: EXIT_CODES[round] })
}
