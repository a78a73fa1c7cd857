// The command line across users: who may drive whom, and root in front of somebody else's supervisor.
import { execFile, spawn } from 'node:child_process'
import { chmodSync, chownSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, onTestFinished, test } from 'vitest'
import { isAlive, startTimeOf } from '../../src/os/process-identity.ts'
import { pointerPath } from '../../src/server/pointer.ts'
import { isRoot } from './harness/requirement.ts'
import { CLI, newScene, type Scene } from './harness/scene.ts'

const NOBODY = 65534
const BASE = `/tmp/holdfast-${NOBODY}`
const SLEEP = { web: { command: 'sleep 1000' } }

interface Result {
  readonly code: unknown
  readonly out: string
  readonly err: string
}

function asNobody(scene: Scene | null, ...argv: string[]): Promise<Result> {
  return new Promise((resolve) => {
    const command = ['--reuid', `${NOBODY}`, '--regid', `${NOBODY}`, '--clear-groups', process.execPath, CLI, ...argv]
    const { XDG_RUNTIME_DIR: _, ...environment } = process.env
    const env = scene === null ? environment : { ...environment, E2E_SCENE: scene.dir }
    execFile('setpriv', command, { env }, (error, out, err) => resolve({ code: error?.code ?? 0, out, err }))
  })
}

describe.skipIf(!isRoot)('as another user', () => {
  test('exit 4 without control.allow; with it drives, but neither applies nor ends', async () => {
    const closed = newScene()
    closed.configure({ services: { web: { command: 'sleep 1000' } } })
    await closed.up()
    chmodSync(closed.dir, 0o755)
    expect(await asNobody(null, '--socket', `${closed.runtimeDir}/holdfast.sock`, 'status')).toMatchObject({
      code: 4,
      err: expect.stringContaining('no permission'),
    })
    const open = newScene()
    open.configure({ control: { allow: ['nobody'] }, services: { web: { command: 'sleep 1000' } } })
    await open.up()
    chmodSync(open.dir, 0o755)
    const call = (...argv: string[]) => asNobody(null, '--socket', `${open.runtimeDir}/holdfast.sock`, ...argv)
    expect((await call('status')).code).toBe(0)
    expect((await call('restart', 'web')).code).toBe(0)
    expect(await call('apply')).toMatchObject({ code: 4, err: expect.stringContaining('owner and root') })
    expect((await call('down')).code).toBe(4)
    expect((await call('dump')).code).toBe(4)
  })
})

describe.skipIf(!isRoot)('root, where an ordinary user has started it', () => {
  /** A scene of nobody's, whose supervisor runs. */
  async function nobodysScene(): Promise<{ scene: Scene; pointer: string; pid: number }> {
    const scene = newScene()
    scene.configure({ name: 'nobodys', services: SLEEP, runtimeDir: `${BASE}/nobodys` })
    const pointer = pointerPath(BASE, scene.config)
    onTestFinished(async () => {
      await asNobody(scene, '-c', scene.config, 'down')
      rmSync(pointer, { force: true })
    })
    for (const path of [scene.dir, scene.config]) chownSync(path, NOBODY, NOBODY)
    chmodSync(scene.dir, 0o755)
    const up = await asNobody(scene, '-c', scene.config, 'up', '--detach')
    expect(up.code, up.err).toBe(0)
    return { scene, pointer, pid: JSON.parse(readFileSync(pointer, 'utf8')).pid }
  }

  test('a pointer of theirs that names the socket of root does not make root command it', async () => {
    const { scene, pointer } = await nobodysScene()
    const roots = newScene()
    roots.configure({ services: SLEEP })
    await roots.up()
    const forged = { ...JSON.parse(readFileSync(pointer, 'utf8')), socket: `${roots.runtimeDir}/holdfast.sock` }
    const theirs = JSON.stringify(JSON.parse(readFileSync(pointer, 'utf8')))
    writeFileSync(pointer, JSON.stringify(forged))
    expect((await scene.holdfast('down')).code).not.toBe(0)
    expect((await roots.status()).services).toHaveLength(1)
    writeFileSync(pointer, theirs)
  })

  test('every verb finds it, up does not start a second one, down ends it', async () => {
    const { scene, pid } = await nobodysScene()
    const status = await scene.holdfast('status', 'web')
    expect(status).toMatchObject({ code: 0, out: expect.stringContaining(`supervisor ${pid} `) })
    expect((await scene.run(['status'])).code).toBe(0)
    expect((await scene.holdfast('restart', 'web')).code).toBe(0)
    for (const args of [['up'], ['up', '--detach'], ['up', '--detach', '--clean']]) {
      expect(await scene.holdfast(...args)).toMatchObject({
        code: 1,
        err: expect.stringContaining(`a supervisor (pid ${pid}, of uid 65534) already runs this config`),
      })
    }
    expect((await scene.holdfast('down')).out).toContain('stopped 1 service and the supervisor')
    expect(scene.processes()).toEqual([])
    expect(await scene.holdfast('events')).toMatchObject({
      code: 0,
      out: expect.stringMatching(/^supervisor not running/),
    })
  })

  test('down cleans up after one that was killed, with no more rights than its user', async () => {
    const { scene, pid } = await nobodysScene()
    const supervisor = { pid, startTime: startTimeOf(pid) ?? 0 }
    process.kill(pid, 'SIGKILL')
    await expect.poll(() => isAlive(supervisor)).toBe(false)
    // What stands in the user's directory is the user's word: here it says that a process of root's is a worker.
    const victim = spawn('sleep', ['1000'], { detached: true })
    onTestFinished(() => void victim.kill('SIGKILL'))
    const workers = `${BASE}/nobodys/workers`
    const [name = ''] = readdirSync(workers)
    const record = JSON.parse(readFileSync(join(workers, name), 'utf8'))
    const forged = { ...record, slot: 7, pid: victim.pid, startTime: startTimeOf(victim.pid ?? 0) }
    writeFileSync(join(workers, 'web.7.a.json'), JSON.stringify(forged))
    chownSync(join(workers, 'web.7.a.json'), NOBODY, NOBODY)
    const down = await scene.holdfast('down')
    expect(down.code).not.toBe(0)
    expect(victim.exitCode ?? victim.signalCode).toBe(null)
    rmSync(join(workers, 'web.7.a.json'))
    expect((await scene.holdfast('down')).code).toBe(0)
    expect(scene.processes()).toEqual([])
  })
})
