// As whom, with what and where a worker runs, as the kernel sees it.
import { execFileSync } from 'node:child_process'
import { chmodSync, existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { factsOf, limitOf } from './harness/process-facts.ts'
import { isRoot, testWhere } from './harness/requirement.ts'
import { newScene, type Scene } from './harness/scene.ts'
import { waitFor } from './harness/wait-for.ts'

const asRoot = testWhere(isRoot, 'changing the user needs root')
const SLEEP = ['sleep', '1000']
const NOBODY = { uid: 65534, gid: 65534 }

asRoot('a user brings its group and supplementary groups; a group of its own is set beside them', async () => {
  const { name, uid, gid, groups } = temporaryUser(['games', 'audio'])
  const scene = sceneOthersMayEnter()
  scene.configure({
    services: {
      named: { command: SLEEP, user: name },
      numbered: { command: SLEEP, user: uid, env: { HOME: '/elsewhere' } },
      grouped: { command: SLEEP, user: name, group: 'mail' },
      onlyGroup: { command: SLEEP, group: 'mail' },
      own: { command: SLEEP },
    },
  })
  await scene.up()
  const mail = groupId('mail')
  expect(await facts(scene, 'named')).toMatchObject({ uid, gid })
  expect((await facts(scene, 'named')).groups.toSorted()).toEqual([gid, ...groups].toSorted())
  expect(await facts(scene, 'numbered')).toMatchObject({ uid, gid })
  expect(await facts(scene, 'grouped')).toMatchObject({ uid, gid: mail })
  expect((await facts(scene, 'grouped')).groups).toEqual(expect.arrayContaining(groups))
  expect(await facts(scene, 'onlyGroup')).toMatchObject({ uid: 0, gid: mail })
  expect(await facts(scene, 'own')).toMatchObject({ uid: 0, gid: process.getgid?.() })
  const home = execFileSync('getent', ['passwd', name], { encoding: 'utf8' }).split(':')[5]
  const account = { USER: name, LOGNAME: name, HOME: home }
  expect((await facts(scene, 'named')).environment).toMatchObject(account)
  expect((await facts(scene, 'numbered')).environment).toMatchObject({ ...account, HOME: '/elsewhere' })
  expect((await facts(scene, 'own')).environment.LOGNAME).toBe(process.env.LOGNAME)
})

asRoot('umask, nice and limits go together with a user', async () => {
  const scene = sceneOthersMayEnter()
  const limits = { nofile: 2048, core: 0, nproc: { soft: 100, hard: 200 } }
  scene.configure({ services: { low: { command: SLEEP, user: 'nobody', umask: '0027', nice: -5, limits } } })
  await scene.up()
  const { pid } = await scene.worker('low/0')
  expect(factsOf(pid ?? 0)).toMatchObject({ ...NOBODY, umask: '0027', nice: -5 })
  expect(limitOf(pid ?? 0, 'Max open files')).toEqual({ soft: '2048', hard: '2048' })
  expect(limitOf(pid ?? 0, 'Max core file size')).toEqual({ soft: '0', hard: '0' })
  expect(limitOf(pid ?? 0, 'Max processes')).toEqual({ soft: '100', hard: '200' })
})

asRoot('a worker of another user opens its output, its commands and its notifications anew', async () => {
  const scene = sceneOthersMayEnter()
  const program =
    'echo to stdout > /dev/stdout; echo to stderr > /dev/stderr; echo READY=1 > /dev/fd/$HOLDFAST_NOTIFY_FD; : < /dev/fd/$HOLDFAST_COMMAND_FD & exec sleep 1000'
  scene.configure({ services: { anew: { command: ['sh', '-c', program], user: 'nobody', ready: 'notify' } } })
  await scene.up()
  const logs = await scene.holdfast('logs', 'anew')
  expect(logs.out).toMatch(/anew\/0 out to stdout\n/)
  expect(logs.out).toMatch(/anew\/0 err to stderr\n/)
  expect(logs.out).not.toMatch(/denied/i)
})

asRoot('with another user the runtime directory lets through, and nothing else is open', async () => {
  const scene = sceneOthersMayEnter()
  scene.configure({ services: { own: { command: SLEEP }, other: { command: SLEEP, user: 'nobody' } } })
  await scene.up()
  expect(modeOf(scene.runtimeDir)).toBe(0o711)
  expect(modeOf(join(scene.runtimeDir, 'holdfast.sock'))).toBe(0o600)
  const services = join(scene.runtimeDir, 'svc')
  expect(modeOf(services)).toBe(0o711)
  expect(statSync(join(services, 'other'))).toMatchObject(NOBODY)
  expect(statSync(join(services, 'own'))).toMatchObject({ uid: 0 })
  for (const service of ['own', 'other']) {
    expect(modeOf(join(services, service))).toBe(0o700)
    for (const file of readdirSync(join(services, service))) {
      const path = join(services, service, file)
      expect({ file, mode: modeOf(path), uid: statSync(path).uid }).toEqual({
        file,
        mode: 0o600,
        uid: service === 'own' ? 0 : NOBODY.uid,
      })
    }
  }
  const others = readdirSync(scene.runtimeDir).filter((name) => name !== 'svc' && name !== 'holdfast.sock')
  for (const name of others)
    expect({ name, mode: modeOf(join(scene.runtimeDir, name)) & 0o077 }).toEqual({ name, mode: 0 })
})

test('without another user the runtime directory is closed', async () => {
  const scene = newScene()
  scene.configure({ services: { own: { command: SLEEP } } })
  await scene.up()
  expect(modeOf(scene.runtimeDir)).toBe(0o700)
  expect(modeOf(join(scene.runtimeDir, 'holdfast.sock'))).toBe(0o600)
})

asRoot("the directory above a runtimeDir of the user's choice is not opened", async () => {
  const scene = newScene()
  chmodSync(scene.dir, 0o700)
  scene.configure({ services: { other: { command: SLEEP, user: 'nobody' } } })
  await scene.up()
  expect(modeOf(scene.dir)).toBe(0o700)
})

test('open files are 1024, with the hard limit left for those who want more', async () => {
  const scene = newScene()
  const own = limitOf(process.pid, 'Max open files')
  scene.configure({
    services: { plain: { command: SLEEP }, raised: { command: SLEEP, limits: { nofile: { soft: 1500, hard: 1600 } } } },
  })
  await scene.up()
  const soft = String(Math.min(1024, Number(own.hard)))
  expect(limitOf((await scene.worker('plain/0')).pid ?? 0, 'Max open files')).toEqual({ soft, hard: own.hard })
  expect(limitOf((await scene.worker('raised/0')).pid ?? 0, 'Max open files')).toEqual({ soft: '1500', hard: '1600' })
})

test('environment: that of the supervisor less what is meant for it, envFile, env, and what Holdfast adds', async () => {
  const scene = newScene()
  scene.write('one.env', '# comment\nFROM_FILE=file\nBOTH=file\nQUOTED="a b"\n')
  scene.configure({
    sockets: { http: 'tcp://127.0.0.1:0' },
    services: {
      // With sockets a shell is in the chain, which drops names that it can not spell.
      web: {
        command: SLEEP,
        sockets: ['http'],
        envFile: 'one.env',
        env: { BOTH: 'env', 'spring.profiles.active': 'blue green', 'a-b': "it's", EMPTY: '', KEPT: 'from ${OUTER}' },
      },
    },
  })
  const outside = {
    OUTER: 'outside',
    HOLDFAST_SECRET: 'x',
    FENCING_TOKEN: '9',
    WATCHDOG_USEC: '1',
    'dotted.name': 'dots',
  }
  const up = await scene.run(['-c', scene.config, 'up', '--detach'], { env: outside })
  expect(up.code, up.all).toBe(0)
  const { pid } = await scene.worker('web/0')
  const { environment } = factsOf(pid ?? 0)
  expect(environment).toMatchObject({
    OUTER: 'outside',
    'dotted.name': 'dots',
    FROM_FILE: 'file',
    QUOTED: 'a b',
    BOTH: 'env',
    'spring.profiles.active': 'blue green',
    'a-b': "it's",
    EMPTY: '',
    KEPT: 'from outside',
    HOLDFAST: '1',
    HOLDFAST_SERVICE: 'web',
    HOLDFAST_SLOT: '0',
    HOLDFAST_GENERATION: '1',
    HOLDFAST_SOCKET_HTTP: '3',
    LISTEN_FDS: '1',
    LISTEN_FDNAMES: 'http',
    LISTEN_PID: String(pid),
  })
  expect(environment.HOLDFAST_ID).toMatch(/web\.0\./)
  for (const name of ['HOLDFAST_SECRET', 'FENCING_TOKEN', 'WATCHDOG_USEC'])
    expect(environment).not.toHaveProperty([name])
})

test('cwd, session, signals and file descriptors', async () => {
  const scene = newScene()
  mkdirSync(scene.path('deep'))
  scene.configure({
    sockets: { a: 'tcp://127.0.0.1:0', b: 'unix:b.sock' },
    services: {
      plain: { command: SLEEP },
      placed: { command: SLEEP, cwd: 'deep', sockets: ['a', 'b'] },
      grouped: { command: SLEEP, session: false },
    },
  })
  await scene.up()
  const plain = await scene.worker('plain/0')
  const own = factsOf(plain.pid ?? 0)
  // 3 and 4: notifications and commands.
  expect(own).toMatchObject({ cwd: scene.dir, session: plain.pid, group: plain.pid, fds: [0, 1, 2, 3, 4] })
  // Node ignores SIGPIPE and SIGXFSZ, which would survive the exec.
  expect(own).toMatchObject({ ignoredSignals: '0'.repeat(16), blockedSignals: '0'.repeat(16) })
  expect(await facts(scene, 'placed')).toMatchObject({ cwd: scene.path('deep'), fds: [0, 1, 2, 3, 4, 5, 6] })
  const supervisor = factsOf(scene.supervisorPid())
  expect(await facts(scene, 'grouped')).toMatchObject({ session: supervisor.session, group: supervisor.group })
})

test('stdout and stderr as the service wants them', async () => {
  const scene = newScene()
  writeFileSync(scene.path('both.txt'), 'there before\n')
  const say = ['sh', '-c', 'echo out; echo err >&2; exec sleep 1000']
  scene.configure({
    services: {
      file: { command: say, stdout: 'file:both.txt', stderr: 'file:both.txt' },
      silent: { command: say, stdout: 'ignore' },
    },
  })
  await scene.up()
  await waitFor(() => scene.read('both.txt').split('\n').length === 4)
  expect(scene.read('both.txt').split('\n').toSorted()).toEqual(['', 'err', 'out', 'there before'])
  await waitFor(() => scene.read('log/silent.log').includes('\n'))
  expect(scene.read('log/silent.log')).toMatch(/^\S+ silent\/0 err err\n$/)
})

async function facts(scene: Scene, service: string) {
  const { pid } = await scene.worker(`${service}/0`)
  return factsOf(pid ?? 0)
}

function sceneOthersMayEnter(): Scene {
  const scene = newScene()
  chmodSync(scene.dir, 0o711)
  return scene
}

function modeOf(path: string): number {
  return statSync(path).mode & 0o7777
}

function groupId(name: string): number {
  return Number(execFileSync('getent', ['group', name], { encoding: 'utf8' }).split(':')[2])
}

/** Exists until the test is over; to be made before the scene whose processes run as it. */
function temporaryUser(groups: readonly string[]): { name: string; uid: number; gid: number; groups: number[] } {
  const name = `hf-test-${process.pid}`
  execFileSync('useradd', [
    '--no-create-home',
    '--no-user-group',
    '--gid',
    'nogroup',
    '--groups',
    groups.join(','),
    name,
  ])
  onTestFinished(() => void execFileSync('userdel', [name], { stdio: 'ignore' }))
  const uid = Number(execFileSync('id', ['-u', name], { encoding: 'utf8' }))
  return { name, uid, gid: groupId('nogroup'), groups: groups.map(groupId) }
}

asRoot('links that a worker of another user puts in place of its files lead us nowhere', async () => {
  const scene = sceneOthersMayEnter()
  const mine = scene.path('mine')
  mkdirSync(mine, { mode: 0o700 })
  const victim = join(mine, 'victim')
  writeFileSync(victim, 'as it was', { mode: 0o600 })
  // The directory is the worker's own: it may rename and replace whatever lies there.
  const program = `cd "$(dirname "$HOLDFAST_HEARTBEAT")" && for file in *; do rm -f "$file"; ln -s ${victim} "$file"; done
    mkdir sub && ln -s ${mine} sub/link; touch sub/replaced; exec sleep 1000`
  scene.configure({ services: { sly: { command: ['sh', '-c', program], user: 'nobody', restart: { maxRetries: 1 } } } })
  await scene.up()
  const directory = join(scene.runtimeDir, 'svc/sly')
  await waitFor(() => existsSync(join(directory, 'sub/replaced')), { what: 'replaced files' })
  const untouched = { content: 'as it was', uid: 0, mode: 0o600 }
  const look = () => ({
    content: readFileSync(victim, 'utf8'),
    uid: statSync(victim).uid,
    mode: statSync(victim).mode & 0o777,
  })
  // Commands to the worker, a new process in the same lane, and the end of everything.
  await scene.holdfast('reload', 'sly')
  await scene.holdfast('restart', 'sly', '--cold')
  expect(look()).toEqual(untouched)
  await scene.holdfast('down')
  expect(look()).toEqual(untouched)
})
