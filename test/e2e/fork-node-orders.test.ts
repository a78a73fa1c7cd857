// Everything that an order asks for a worker, on a forkserver for Node.
import { execFileSync } from 'node:child_process'
import { closeSync, constants, openSync, readSync } from 'node:fs'
import { getPriority } from 'node:os'
import { describe, expect, it } from 'vitest'
import { ForkScene } from './harness/fork-scene.ts'

const isRoot = process.getuid?.() === 0

/** Says what it is, in the file that it is given. */
const REPORT = `const fs = require('node:fs'), os = require('node:os')
const status = fs.readFileSync('/proc/self/status', 'utf8')
const stat = fs.readFileSync('/proc/self/stat', 'utf8').split(') ')[1].split(' ')
const fds = Object.fromEntries(fs.readdirSync('/proc/self/fd').flatMap((fd) => {
  try { return [[fd, fs.readlinkSync('/proc/self/fd/' + fd)]] } catch { return [] }
}))
fs.writeFileSync(process.env.REPORT, JSON.stringify({
  env: { ...process.env }, cwd: process.cwd(), pid: process.pid, ppid: process.ppid, title: process.title,
  cmdline: fs.readFileSync('/proc/self/cmdline', 'utf8'), execArgv: process.execArgv, uptime: process.uptime(), now: performance.now(),
  wall: performance.timeOrigin + performance.now() - Date.now(), umask: process.umask(), nice: os.getPriority(),
  uid: process.getuid(), gid: process.getgid(), groups: /Groups:[\\t ]*(.*)/.exec(status)[1].trim().split(/ +/).filter(Boolean).map(Number), session: Number(stat[3]), group: Number(stat[2]),
  limits: fs.readFileSync('/proc/self/limits', 'utf8'), blocked: /SigBlk:\\s*(\\w+)/.exec(status)[1], fds,
}))
`

interface Report {
  readonly env: Record<string, string>
  readonly fds: Record<string, string>
  readonly [name: string]: unknown
}

async function openScene(env: Record<string, string> = {}, sockets = 0): Promise<ForkScene> {
  const scene = new ForkScene({ 'app.cjs': '', 'report.cjs': REPORT })
  await scene.load({ args: ['--preload', './app.cjs'], env, sockets })
  return scene
}

async function report(scene: ForkScene, order: Record<string, unknown> = {}): Promise<Report> {
  const file = scene.path(`report-${scene.answers.length}.json`)
  const env = { REPORT: file, ...(order.env as object | undefined) }
  const exit = await scene.run({ entry: scene.path('report.cjs'), stderr: scene.path('err'), ...order, env })
  expect({ ...exit, err: scene.text('err') }).toMatchObject({ code: 0, err: '' })
  return JSON.parse(scene.text(file.slice(scene.dir.length + 1))) as Report
}

describe('a worker forked by Node', () => {
  it('runs a file with blanks and # in its name, and says in one line which function is missing', async () => {
    const scene = await openScene()
    scene.write('a b#c.cjs', 'console.log("ran", process.argv[1]); process.exit(4)')
    expect(await scene.run({ entry: './a b#c.cjs', stdout: scene.path('out') })).toMatchObject({ code: 4 })
    expect(scene.text('out')).toBe(`ran ${scene.path('a b#c.cjs')}\n`)
    expect(await scene.run({ entry: './app.cjs#main', stderr: scene.path('err') })).toMatchObject({ code: 1 })
    expect(scene.text('err')).toBe('entry ./app.cjs#main: the file exports no function main\n')
    expect(await scene.run({ entry: null, stderr: scene.path('err2') })).toMatchObject({ code: 1 })
    expect(scene.text('err2')).toBe('no `entry` is set, and the last `preload` exports no function default\n')
  })

  it('has the environment of the order, and nothing that the forkserver was told for itself', async () => {
    const scene = await openScene({
      KEPT: '1',
      UNSET: '1',
      CHANGED: '1',
      HOLDFAST_ID: 'forkserver',
      LISTEN_FDS: '9',
      NOTIFY_SOCKET: '/x',
      SERVER_STARTER_PORT: '1=3',
      FENCING_TOKEN: '4',
      WATCHDOG_USEC: '1',
    })
    const { env, pid } = await report(scene, {
      env: { CHANGED: '2', UNSET: null, HOLDFAST_ID: 'web-1', LISTEN_FDS: '0', 'dotted.name': 'x' },
    })
    expect(env).toMatchObject({
      KEPT: '1',
      CHANGED: '2',
      HOLDFAST_ID: 'web-1',
      LISTEN_FDS: '0',
      LISTEN_PID: String(pid),
      'dotted.name': 'x',
    })
    const told = [
      'UNSET',
      'NOTIFY_SOCKET',
      'SERVER_STARTER_PORT',
      'FENCING_TOKEN',
      'WATCHDOG_USEC',
      'HOLDFAST_FORK_COMMANDS',
    ]
    expect(told.filter((name) => name in env)).toEqual([])
  })

  it('knows itself: pid, title, clocks, no flags of the forkserver, and nobody else’s descriptors', async () => {
    const scene = await openScene({}, 2)
    const said = await report(scene, { id: 'web/7', session: true })
    expect(said).toMatchObject({ execArgv: [], session: said.pid, group: said.pid, blocked: '0000000000000000' })
    expect(said.title).toMatch(/^holdfast web\/7 /)
    expect(said.cmdline).toMatch(/^holdfast web\/7 /)
    expect(said.ppid).not.toBe(scene.pid)
    expect(said.uptime).toBeLessThan(5)
    expect(said.now).toBeLessThan(5000)
    expect(Math.abs(said.wall as number)).toBeLessThan(1000)
    expect(Object.values(said.fds).filter((target) => target.startsWith('socket:'))).toEqual([])
    expect(said.fds).toMatchObject({ 0: '/dev/null' })
  })

  it('has working directory, umask, nice value and limits', async () => {
    const scene = await openScene()
    const said = await report(scene, {
      cwd: '/',
      umask: 0o027,
      nice: 3,
      limits: { nofile: { soft: 321, hard: 654 }, core: { soft: 0, hard: null } },
    })
    expect(said).toMatchObject({ cwd: '/', umask: 0o027, nice: getPriority() + 3 })
    expect(said.limits).toMatch(/Max open files +321 +654 /)
    expect(said.limits).toMatch(/Max core file size +0 +unlimited /)
  })

  it('stays in the session of the forkserver, or leads a group in it', async () => {
    const scene = await openScene()
    expect(await report(scene)).toMatchObject({ session: scene.pid, group: scene.pid })
    const said = await report(scene, { session: 'group' })
    expect(said).toMatchObject({ session: scene.pid, group: said.pid })
  })

  it.runIf(isRoot)('is another user, with its groups, and may still look at itself', async () => {
    const scene = await openScene()
    execFileSync('chmod', ['0777', scene.dir])
    expect(await report(scene, { user: 'nobody' })).toMatchObject({ uid: 65534, gid: 65534, groups: [65534] })
    expect(await report(scene, { user: { uid: 65534, gid: 12, groups: [12, 20] } })).toMatchObject({
      uid: 65534,
      gid: 12,
      groups: [12, 20],
    })
    expect(await report(scene, { user: { gid: 5, groups: [] } })).toMatchObject({ uid: 0, gid: 5, groups: [] })
  })

  it('writes to files, FIFOs, nothing, or where the forkserver writes', async () => {
    const scene = await openScene()
    scene.write('say.cjs', 'console.log("out", process.env.N); console.error("err", process.env.N)')
    execFileSync('mkfifo', [scene.path('fifo')])
    const fifo = openSync(scene.path('fifo'), constants.O_RDWR | constants.O_NONBLOCK)
    const entry = './say.cjs'
    await scene.run({ entry, env: { N: '1' }, stdout: scene.path('fifo'), stderr: scene.path('file') })
    await scene.run({ entry, env: { N: '2' }, stdout: null, stderr: scene.path('file') })
    await scene.run({ entry, env: { N: '3' }, stderr: 'inherit' })
    const heard = Buffer.alloc(100)
    expect(heard.toString('utf8', 0, readSync(fifo, heard))).toBe('out 1\n')
    closeSync(fifo)
    expect(scene.text('file')).toBe('err 1\nerr 2\n')
    expect(scene.text('forkserver.out')).toBe('out 3\n')
    expect(scene.stderr).toBe('err 3\n')
  })

  it('has pipes to the supervisor, which are still its own as another user', async () => {
    const scene = await openScene()
    for (const name of ['notify', 'commands']) execFileSync('mkfifo', [scene.path(name)])
    const { env, fds } = await report(scene, { notify: scene.path('notify'), commands: scene.path('commands') })
    expect(fds[env.HOLDFAST_NOTIFY_FD ?? '']).toBe(scene.path('notify'))
    expect(fds[env.HOLDFAST_COMMAND_FD ?? '']).toBe(scene.path('commands'))
  })

  it('finds its sockets where its environment says, others are closed, and one may be its standard input', async () => {
    const scene = await openScene({}, 3)
    const before = await report(scene, { sockets: { a: 3, b: 4, c: 5 } })
    expect(before.env).toMatchObject({ HOLDFAST_SOCKET_A: '3', HOLDFAST_SOCKET_B: '4', HOLDFAST_SOCKET_C: '5' })
    const swapped = await report(scene, {
      sockets: { a: 3, 'b-b': 4 },
      stdin: { socket: 'a' },
      env: { HOLDFAST_SOCKET_A: '4', HOLDFAST_SOCKET_B_B: '3' },
    })
    expect(swapped.fds).toMatchObject({ 0: before.fds[3], 4: before.fds[3], 3: before.fds[4] })
    expect(Object.values(swapped.fds)).not.toContain(before.fds[5])
  })

  it('opens the inspector on a port of its own at SIGUSR1, which the forkserver ignores', async () => {
    const scene = await openScene()
    scene.write(
      'inspected.cjs',
      `const inspector = require('node:inspector')
      const look = setInterval(() => { if (inspector.url() !== undefined) { console.log(inspector.url()); clearInterval(look); inspector.close() } }, 2)
      process.kill(process.pid, 'SIGUSR1')`,
    )
    process.kill(scene.pid, 'SIGUSR1')
    const ports = await Promise.all(
      ['one', 'two'].map(async (name) => {
        const exit = await scene.run({
          entry: './inspected.cjs',
          stdout: scene.path(name),
          stderr: scene.path(`${name}.err`),
        })
        expect(exit).toMatchObject({ code: 0 })
        expect(scene.text(`${name}.err`)).toContain(`Debugger listening on ${scene.text(name).trim()}`)
        return new URL(scene.text(name).trim()).port
      }),
    )
    expect(new Set(ports).size).toBe(2)
    expect(scene.stderr).toBe('')
  })

  it('is not started where the order can not be carried out, and the forkserver goes on', async () => {
    const scene = await openScene()
    const impossible = [
      { stdout: '/is/not/there' },
      { cwd: '/is/not/there' },
      { user: 'nobody-of-that-name' },
      { sockets: { http: 77 } },
      { stdin: { socket: 'http' } },
      { limits: { nothing: { soft: 1, hard: 1 } } },
    ]
    for (const order of impossible) {
      const { failed } = await scene.order({ entry: './report.cjs', ...order })
      expect(failed?.error).toMatch(/not there|no such file|no user|fd 77|no socket|no limit/i)
      expect(failed?.unsound).toBeUndefined()
    }
    expect(await report(scene)).toMatchObject({ cwd: scene.dir })
  })
})
