import { expect, test } from 'vitest'
import type { ServiceSpec } from '../../src/config/effective.ts'
import { embeddedRollout, inProcessProblems } from '../../src/server/in-process-options.ts'
import type { ServerOptions } from '../../src/server/server-options.ts'

type Options = Partial<ServerOptions<never>>
type Facts = Pick<ServiceSpec, 'instances' | 'ready' | 'slots'> & { readonly stop: { readonly file: string | null } }

const FACTS: Facts = { instances: 2, ready: { by: 'notify' }, slots: null, stop: { file: null } }
const refused = (options: Options, facts: Partial<Facts> = {}): string[] =>
  inProcessProblems(options, { ...FACTS, ...facts } as ServiceSpec).map(({ path }) => path)

test('a process may have everything', () => {
  expect(refused({ nice: 5, user: 'www' })).toEqual([])
  expect(refused({ workerType: 'process', nice: 5, stdin: null }, { stop: { file: '/run/%p' } })).toEqual([])
})

test('a thread is refused what the kernel keeps for the process, and what needs a pid', () => {
  expect(refused({ workerType: 'thread' })).toEqual([])
  expect(refused({ workerType: 'thread', nice: 5, user: 'www', cwd: '/' })).toEqual(['user', 'nice', 'cwd'])
  expect(refused({ workerType: 'thread', slots: { mains: 1, standbys: 1 } })).toEqual(['slots'])
  expect(refused({ workerType: 'thread' }, { ready: { by: 'ipc' } })).toEqual(['ready.ipc'])
  expect(refused({ workerType: 'thread' }, { stop: { file: '/run/stop-%p' } })).toEqual(['stop.file'])
  expect(refused({ workerType: 'thread' }, { stop: { file: '/run/stop' } })).toEqual([])
})

test('embedded: one worker, an object, in the environment of the server', () => {
  const worker = { run: () => {} }
  expect(refused({ workerType: 'embedded', worker }, { instances: 1 })).toEqual([])
  expect(refused({ workerType: 'embedded', worker }, { instances: 0 })).toEqual([])
  expect(refused({ workerType: 'embedded', worker })).toEqual(['workers'])
  const all = { workerType: 'embedded', worker: new URL('file:///worker.mjs'), env: { A: '1' } } as const
  expect(refused(all, { instances: 1 })).toEqual(['worker', 'env'])
})

test('embedded workers do not run side by side, unless the program says so', () => {
  expect(embeddedRollout({ workerType: 'thread' })).toEqual({})
  expect(embeddedRollout({ workerType: 'embedded', rollout: { canary: false } })).toEqual({
    rollout: { maxSurge: 0, maxUnavailable: 1, canary: false },
  })
  expect(embeddedRollout({ workerType: 'embedded', rollout: { maxSurge: 1 } })).toMatchObject({
    rollout: { maxSurge: 1 },
  })
})
