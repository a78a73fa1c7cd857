import { expect, test } from 'vitest'
import { brief, load, loadProblems } from './temporary-config.ts'

const services = (...lines: string[]) => `services:\n${lines.map((line) => `  ${line}\n`).join('')}`
const LOCKS = 'locks:\n  shared: { type: file }\n'

test('services that contend for one lock have the same number of slots', async () => {
  const config = services(
    'a: { command: x, slots: { lock: shared, mains: 2 } }',
    'b: { command: x, slots: { lock: shared, mains: 2, standbys: 1, warm: false } }',
    'c: { command: x, slots: { lock: shared, standbys: 3 } }',
    'd: { command: x, slots: { standbys: 5 } }',
  )
  const problems = await loadProblems(LOCKS + config)
  expect(problems.map(({ line, path, code }) => [line, path, code])).toEqual([
    [6, 'services.c.slots.mains', 'HF_CONFIG_CONFLICT'],
    [6, 'services.c.slots.standbys', 'HF_CONFIG_CONFLICT'],
  ])
  expect(problems[0]?.message).toContain('lock "shared" has mains: 1 here, and mains: 2 in service a')
  expect(
    (
      await load(
        LOCKS + services('a: { command: x, slots: { lock: shared } }', 'b: { command: x, slots: { lock: shared } }'),
      )
    ).ok,
  ).toBe(true)
})

test('two names of one directory are one lock', async () => {
  const locks = 'locks:\n  one: { directory: /var/lock/db }\n  two: { directory: /var/lock/db }\n'
  const problems = await loadProblems(
    locks + services('a: { command: x, slots: { lock: one } }', 'b: { command: x, slots: { lock: two, mains: 2 } }'),
  )
  expect(problems.map(brief)).toEqual(['6:47 services.b.slots.mains HF_CONFIG_CONFLICT'])
})

test('the own lock of a service and a lock of the same name are two, and so one of them has to change its name', async () => {
  const config = (slots: string) => `${LOCKS}${services(`shared: { command: x, slots: ${slots} }`)}`
  const [problem, ...rest] = await loadProblems(config('{ mains: 1 }'))
  expect(rest).toEqual([])
  expect(problem).toMatchObject({ path: 'services.shared.slots', code: 'HF_CONFIG_CONFLICT' })
  expect(problem?.hint).toContain('slots: { lock: shared }')
  expect((await load(config('{ lock: shared }'))).ok).toBe(true)
})

test('locks across machines are planned; what no lock can be is a mistake, and nothing else', async () => {
  const config = services('a: { command: x, slots: { lock: shared } }')
  for (const type of ['etcd', 'postgres'])
    expect((await loadProblems(`locks:\n  shared: { type: ${type} }\n${config}`)).map(brief)).toEqual([
      '2:13 locks.shared.type HF_CONFIG_NOT_YET',
    ])
  const [problem, ...rest] = await loadProblems(`locks:\n  shared: { type: redis }\n${config}`)
  expect(rest).toEqual([])
  expect(problem?.code).toBe('HF_CONFIG_TYPE')
})
