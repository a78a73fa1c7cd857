import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { diffSpecs, specHash } from '../../src/config/diff.ts'
import type { ServiceSpec, SupervisorSpec } from '../../src/config/effective.ts'
import { loadSpec, loadWeb } from './temporary-config.ts'

const base = `
name: shop
runtimeDir: /run/shop
logDir: /var/log/shop
sockets: { http: 'tcp://:80', admin: 'unix:/run/admin.sock' }
services:
  web: { command: node a.js, cwd: /srv, sockets: [http], env: { A: 1 } }
  inetd: { command: x, cwd: /srv, stdin: 'socket:admin' }
  db: { command: db, cwd: /srv }
`
const diff = async (before: string, after: string) =>
  diffSpecs(await loadSpec(before, { uid: 0 }), await loadSpec(after, { uid: 0 }))
const changes = async (from: string, to: string) => {
  const { services } = await diff(base, base.replace(from, to))
  return services.filter(({ change }) => change !== 'unchanged')
}

test('the same config in other words is unchanged', async () => {
  const other = `
services:
  db: { command: [db], cwd: /srv/ }
  inetd: { stdin: 'socket:admin', cwd: /srv, command: x, stop: { signals: [TERM/10s] } }
  web: { env: { A: '1' }, instances: 1, command: [node, a.js], sockets: [http], cwd: /srv, restart: { max: 0.5m } }
sockets: { admin: { listen: 'unix:/run/admin.sock' }, http: 'tcp://0.0.0.0:80' }
name: shop
runtimeDir: /run/shop
logDir: /var/log/shop
`
  const { services, sockets, refused, supervisor } = await diff(base, other)
  expect(services.map(({ change }) => change)).toEqual(['unchanged', 'unchanged', 'unchanged'])
  expect({ sockets, refused, supervisor }).toEqual({ sockets: [], refused: [], supervisor: [] })
})

test('what a forkserver is called by people needs no new process, what it loads does', async () => {
  const config = (forkserver: string): string => `
name: shop
runtimeDir: /run/shop
forkservers: { app: { runtime: python, preload: json, cwd: /srv${forkserver} } }
services: { web: { forkserver: app, entry: /srv/web.py, cwd: /srv } }
`
  const changed = async (from: string, to: string) => {
    const { services } = await diff(config(from), config(to))
    const [before, after] = await Promise.all([from, to].map((one) => loadSpec(config(one), { uid: 0 })))
    const hashes = [before, after].map((spec) => spec?.services.web && specHash(spec.services.web))
    return { restart: services[0]?.restart, keys: services[0]?.keys, isSame: hashes[0] === hashes[1] }
  }
  expect(await changed('', ', description: The shop')).toEqual({
    restart: false,
    keys: ['forkserver.description'],
    isSame: true,
  })
  expect(await changed('', ', env: { A: 1 }')).toEqual({
    restart: true,
    keys: ['forkserver.env', 'env.A'],
    isSame: false,
  })
})

describe('one change', () => {
  test.each([
    ['command: db,', 'command: db2,', 'db', ['command'], true],
    ['A: 1', 'A: 1, B: 2', 'web', ['env.B'], true],
    ['A: 1', '', 'web', ['env.A'], true],
    [
      'command: db,',
      'command: db, user: nobody, umask: "022", nice: 1, session: false,',
      'db',
      ['user', 'umask', 'nice', 'session', 'stop.group'],
      true,
    ],
    ['command: db,', 'command: db, limits: { nofile: 5 }, stdout: ignore,', 'db', ['limits.nofile', 'stdout'], true],
    [
      'command: db,',
      'command: db, ready: notify, heartbeat: { timeout: 3s }, requestTimeout: 3s,',
      'db',
      ['ready', 'heartbeat', 'requestTimeout'],
      true,
    ],
    [
      'command: db,',
      'command: db, instances: 3, description: x, tags: [a], autostart: false,',
      'db',
      ['description', 'tags', 'instances', 'autostart'],
      false,
    ],
    [
      'command: db,',
      'command: db, dependsOn: { web: ready }, startTimeout: 5s,',
      'db',
      ['dependsOn.web', 'startTimeout'],
      false,
    ],
    [
      'command: db,',
      'command: db, restart: { max: 1s, immediate: 0 }, stop: { timeout: 1s },',
      'db',
      ['restart.immediate', 'restart.max', 'stop.signals', 'stop.timeout'],
      false,
    ],
    [
      'command: db,',
      'command: db, reload: { signal: HUP }, rollout: { canary: false },',
      'db',
      ['reload', 'rollout.canary'],
      false,
    ],
  ])('%s → %s', async (from, to, service, keys, restart) => {
    expect(await changes(from, to)).toEqual([{ service, change: 'changed', keys, restart }])
  })

  test('services that come and go', async () => {
    expect(await changes('db: {', 'cache: {')).toEqual([
      { service: 'db', change: 'removed', keys: [], restart: false },
      { service: 'cache', change: 'added', keys: [], restart: false },
    ])
  })

  test('a socket at another address restarts those who use it', async () => {
    const { sockets, services } = await diff(
      base,
      base.replace("'tcp://:80'", "'tcp://:81'").replace('admin.sock', 'a.sock'),
    )
    expect(sockets).toEqual([
      { name: 'http', change: 'changed' },
      { name: 'admin', change: 'changed' },
    ])
    expect(services).toEqual([
      { service: 'web', change: 'changed', keys: ['sockets.http.listen'], restart: true },
      { service: 'inetd', change: 'changed', keys: ['sockets.admin.listen'], restart: true },
      { service: 'db', change: 'unchanged', keys: [], restart: false },
    ])
  })

  test('sockets that come and go', async () => {
    const { sockets } = await diff(base, base.replace('admin: ', 'new: ').replace('socket:admin', 'socket:new'))
    expect(sockets).toEqual([
      { name: 'admin', change: 'removed' },
      { name: 'new', change: 'added' },
    ])
  })

  test('what can not change while the supervisor runs', async () => {
    const after = `${base.replace('name: shop', 'name: shop2').replace('/run/shop', '/run/shop2')}control: { mode: '0660', allow: [] }\n`
    const { refused, supervisor } = await diff(base, after.replace('/var/log/shop', '/var/log/2'))
    expect(refused).toEqual(['name', 'runtimeDir', 'control.socket', 'control.mode'])
    expect(supervisor).toEqual(['logDir', 'stateDir'])
  })
})

describe('the hash of a service', () => {
  test('is that of what its processes were started with', async () => {
    const hash = async (body: string) => specHash({ ...(await loadWeb(body)), cwd: '/srv' })
    const plain = await hash('command: x\nenv: { A: 1, B: 2 }')
    expect(plain).toMatch(/^[0-9a-f]{32}$/)
    expect(await hash('env: { B: 2, A: 1 }\ninstances: 5\nstop: { timeout: 1s }\ncommand: [x]')).toBe(plain)
    expect(await hash('command: x\nenv: { A: 1, B: 3 }')).not.toBe(plain)
    expect(await hash('command: x\nenv: { A: 1, B: 2 }\nready: notify')).not.toBe(plain)
  })

  test('differs exactly when the difference needs new processes', async () => {
    const spec = await loadSpec(base)
    const web = spec.services.web
    if (web === undefined) throw new Error('no web')
    const changed = fc.record<Partial<ServiceSpec>>(
      {
        command: fc.constantFrom(['node', 'a.js'], ['node', 'b.js']),
        instances: fc.nat(3),
        nice: fc.nat(2),
        env: fc.dictionary(fc.constantFrom('A', 'B'), fc.constantFrom('1', '2')),
        description: fc.constantFrom('', 'x'),
        stdin: fc.constantFrom(null, { socket: 'admin' }),
        dependsOn: fc.constantFrom({}, { db: 'ready' as const }),
      },
      { requiredKeys: [] },
    )
    fc.assert(
      fc.property(changed, (part) => {
        const after: SupervisorSpec = { ...spec, services: { ...spec.services, web: { ...web, ...part } } }
        const found = diffSpecs(spec, after).services.find(({ service }) => service === 'web')
        expect(found?.restart).toBe(specHash(web) !== specHash({ ...web, ...part }))
      }),
    )
  })
})
