// The program of the soak (test/soak), once: a forked worker uses all that a worker may use.
import { execFileSync } from 'node:child_process'
import { copyFileSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { ForkScene } from './harness/fork-scene.ts'

const PROGRAMS = join(import.meta.dirname, '../soak/programs')

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
  await scene.load({ args: ['--preload', './application.cjs'], sockets: 1 })
  const pid = await scene.start({
    id: 'soak/0',
    entry: './whole-list.cjs',
    stdout: scene.path('out'),
    sockets: { http: 3 },
    env: { ROUND: '0', SCRATCH: scene.dir, PORT: String(scene.ports[0]) },
  })
  expect(await scene.exitOf(pid)).toMatchObject({ code: 0 })
  const told = scene
    .text('out')
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as { problem?: string; unique?: unknown })
  expect(told.flatMap(({ problem }) => problem ?? [])).toEqual([])
  expect(told.at(-1)?.unique).toBeDefined()
})
