import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { newScene, type Scene } from './harness/scene.ts'
import { waitFor } from './harness/wait-for.ts'

const SLEEP = ['sh', '-c', 'echo up; exec sleep 1000']

async function runningScene(): Promise<{ scene: Scene; before: Map<string, number | null> }> {
  const scene = newScene()
  scene.configure({ services: { a: { command: SLEEP }, b: { command: SLEEP, instances: 2 }, c: { command: SLEEP } } })
  await scene.up()
  return { scene, before: await pids(scene) }
}

async function pids(scene: Scene): Promise<Map<string, number | null>> {
  const { services } = await scene.status()
  return new Map(services.flatMap(({ workers }) => workers.map(({ id, pid }) => [id, pid])))
}

test('only what changed is touched; added starts, removed stops, policy changes restart nothing', async () => {
  const { scene, before } = await runningScene()
  scene.configure({
    services: {
      a: { command: SLEEP, env: { X: '1' } },
      b: { command: SLEEP, instances: 3, restart: { max: '5s' } },
      d: { command: SLEEP },
    },
  })
  const dry = await scene.holdfast('apply', '--dry-run')
  expect(dry.code, dry.all).toBe(0)
  expect(dry.out).toMatch(/~ a: changed \(env\.X\): rolling restart of 1 worker/)
  expect(dry.out).toMatch(/- c: removed/)
  expect(await pids(scene)).toEqual(before)
  const apply = await scene.holdfast('apply')
  expect(apply.code, apply.all).toBe(0)
  const after = await pids(scene)
  expect([...after.keys()].sort()).toEqual(['a/0', 'b/0', 'b/1', 'b/2', 'd/0'])
  expect(after.get('a/0')).not.toBe(before.get('a/0'))
  expect([after.get('b/0'), after.get('b/1')]).toEqual([before.get('b/0'), before.get('b/1')])
  expect((await scene.holdfast('apply')).out).toContain('nothing has changed')
})

test('a service that is stopped stays so, and that is no failure; what changed counts at its next start', async () => {
  const { scene } = await runningScene()
  await scene.holdfast('stop', 'a')
  const services = {
    a: { command: ['sh', '-c', 'echo changed; exec sleep 1000'] },
    b: { command: SLEEP, instances: 2 },
  }
  scene.configure({ services: { ...services, c: { command: SLEEP } } })
  const apply = await scene.holdfast('apply')
  expect(apply.code, apply.all).toBe(0)
  expect(apply.out).toContain('~ a: changed (command): no restart: it is stopped')
  expect((await scene.worker('a/0')).state).toBe('stopped')
  expect((await scene.holdfast('start', 'a')).code).toBe(0)
  await waitFor(async () => (await scene.holdfast('logs', 'a')).out.includes('changed'))
})

test('HUP applies too; a broken config changes nothing; stopped and scaled survive it', async () => {
  const { scene, before } = await runningScene()
  await scene.holdfast('stop', 'c')
  await scene.holdfast('scale', 'b', '1')
  scene.write('holdfast.json', '{ "services": { "a": { "comand": "x" } } }')
  const broken = await scene.holdfast('apply')
  expect(broken.code).toBe(2)
  expect(broken.err).toContain('comand')
  expect((await pids(scene)).get('a/0')).toBe(before.get('a/0'))
  scene.configure({
    services: { a: { command: SLEEP, env: { X: '2' } }, b: { command: SLEEP, instances: 2 }, c: { command: SLEEP } },
  })
  process.kill(scene.supervisorPid(), 'SIGHUP')
  await waitFor(async () => (await scene.service('a')).generation === 2)
  const { services } = await scene.status()
  expect(services.map(({ name, state, desired }) => `${name} ${state} ${desired}`)).toEqual([
    'a running 1',
    'b running 1',
    'c stopped 0',
  ])
})

test('a port that is taken refuses the whole change; output moves with its service', async () => {
  const scene = newScene()
  const service = { command: SLEEP, sockets: ['one'], ready: { log: 'up' } }
  scene.configure({ sockets: { one: 'tcp://127.0.0.1:0' }, services: { a: service } })
  await scene.up()
  const port = await scene.port('one')
  const before = await pids(scene)
  scene.configure({
    sockets: { one: 'tcp://127.0.0.1:0', two: `tcp://127.0.0.1:${port}` },
    services: { a: { ...service, env: { X: '1' } } },
  })
  const refused = await scene.holdfast('apply')
  expect(refused.code, refused.all).toBe(1)
  expect(refused.err).toContain('address already in use')
  expect(await pids(scene)).toEqual(before)
  scene.configure({
    sockets: { one: 'tcp://127.0.0.1:0' },
    services: { a: { ...service, stdout: `file:${scene.dir}/out.txt` } },
  })
  const apply = await scene.holdfast('apply')
  expect(apply.code, apply.all).toBe(0)
  await waitFor(() => scene.read('out.txt') === 'up\n')
})

test('what can not change while the supervisor runs is refused by name', async () => {
  const { scene } = await runningScene()
  scene.configure({ runtimeDir: 'other', services: { a: { command: SLEEP } } })
  const refused = await scene.holdfast('apply')
  expect(refused.code).toBe(1)
  expect(refused.err).toContain('runtimeDir')
  expect((await scene.status()).services).toHaveLength(3)
  scene.configure({ services: { a: { command: SLEEP }, b: { command: SLEEP, instances: 2 }, c: { command: SLEEP } } })
  expect(JSON.parse(readFileSync(scene.pointer, 'utf8')).runtimeDir).toBe(scene.runtimeDir)
})
