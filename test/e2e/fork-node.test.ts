// The forkserver for Node over plain pipes: what it says, and what becomes of a forked worker.
import { describe, expect, it } from 'vitest'
import { ForkScene } from './harness/fork-scene.ts'

const APP = 'globalThis.loaded = (globalThis.loaded ?? 0) + 1; module.exports = { pid: process.pid }\n'

describe('a forkserver for Node', () => {
  it('loads modules of both kinds, and says so', async () => {
    const scene = new ForkScene({
      'one.cjs': APP,
      'two.mjs': 'await null; globalThis.loaded++; export const pid = process.pid\n',
    })
    const loaded = await scene.load({ args: ['--preload', './one.cjs', '--preload', './two.mjs'] })
    expect(loaded).toMatchObject({ pid: scene.pid })
    expect(loaded.cold).toBeUndefined()
    expect(loaded.ms).toBeGreaterThan(0)
    expect(loaded.rss).toBeGreaterThan(1e6)
  })

  it('forks a worker that runs its entry, with what was loaded before', async () => {
    const scene = new ForkScene({
      'app.cjs': APP,
      'entry.cjs': `const app = require('./app.cjs')
        console.log(JSON.stringify({ loaded, forkserver: app.pid, pid: process.pid, argv: process.argv, main: require.main === module }))`,
      'entry.mjs': `import app from './app.cjs'
        console.log(JSON.stringify({ loaded, forkserver: app.pid, pid: process.pid, argv: process.argv }))`,
    })
    await scene.load({ args: ['--preload', './app.cjs'] })
    for (const entry of ['./entry.cjs', './entry.mjs']) {
      const out = scene.path(`${entry}.out`)
      const pid = await scene.start({ entry, stdout: out })
      expect(await scene.exitOf(pid)).toMatchObject({ code: 0, signal: null })
      const said = JSON.parse(scene.text(`${entry}.out`))
      expect(said).toMatchObject({ loaded: 1, pid, argv: [process.execPath, scene.path(entry)] })
      expect(said.forkserver).toBe(scene.pid)
      if (entry.endsWith('.cjs')) expect(said.main).toBe(true)
    }
  })

  it('runs preloads and entry in its own process when it is to start cold', async () => {
    const scene = new ForkScene({ 'app.cjs': APP, 'entry.mjs': 'process.exitCode = loaded + 6\n' })
    scene.open({ args: ['--cold', '--preload', './app.cjs', '--entry', './entry.mjs'] })
    await scene.opened()
    expect(await scene.exitOf(scene.pid)).toMatchObject({ code: 7, signal: null })
  })
})
