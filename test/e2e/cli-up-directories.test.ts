import { chmodSync, existsSync, mkdirSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { newScene, type Scene } from './harness/scene.ts'

describe('directories', () => {
  const services = { web: { command: 'sleep 1000' } }
  const refused = async (scene: Scene, text: RegExp) => {
    for (const args of [['up'], ['up', '--detach']]) {
      const up = await scene.holdfast(...args)
      expect(up.code, up.all).toBe(1)
      expect(up.err).toMatch(text)
    }
    expect(scene.processes()).toEqual([])
  }

  test('a path that is a file', async () => {
    const scene = newScene()
    scene.write('a-file', '')
    scene.configure({ logDir: 'a-file', services })
    await refused(scene, /log directory \S+a-file: .*\n {2}\S/)
    scene.configure({ runtimeDir: 'a-file/run', services })
    await refused(scene, /runtime directory \S+a-file\/run: /)
  })

  test.skipIf(process.getuid?.() !== 0)('a runtime directory that belongs to somebody else', async () => {
    const scene = newScene()
    mkdirSync(scene.path('theirs'))
    const { chownSync } = await import('node:fs')
    chownSync(scene.path('theirs'), 65534, 65534)
    scene.configure({ runtimeDir: 'theirs', services })
    await refused(scene, /belongs to uid 65534/)
  })

  test('the runtime directory and its socket are ours alone', async () => {
    const scene = newScene()
    mkdirSync(scene.runtimeDir)
    chmodSync(scene.runtimeDir, 0o777)
    scene.configure({ services })
    await scene.up()
    expect(statSync(scene.runtimeDir).mode & 0o777).toBe(0o700)
    expect(statSync(join(scene.runtimeDir, 'holdfast.sock')).mode & 0o777).toBe(0o600)
    expect(statSync(scene.pointer).mode & 0o777).toBe(0o600)
    await scene.down()
    expect(existsSync(join(scene.runtimeDir, 'holdfast.sock'))).toBe(false)
    expect(existsSync(scene.pointer)).toBe(true)
  })

  test('something that is no socket where the control socket should be', async () => {
    const scene = newScene()
    writeFileSync(scene.path('precious'), 'keep me')
    scene.configure({ control: { socket: 'precious' }, services })
    await refused(scene, /socket control: cannot listen on unix:\S+precious: something that is not a socket is there/)
    expect(scene.read('precious')).toBe('keep me')
  })
})
