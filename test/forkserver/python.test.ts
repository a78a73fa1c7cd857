import { mkdirSync } from 'node:fs'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { ForkScene, forEachLanguage } from './languages.ts'

// What only Python has.
forEachLanguage(
  'its own ways',
  (language) => {
    let scene: ForkScene
    beforeEach(() => {
      scene = new ForkScene(language)
    })
    afterEach(() => scene.end())

    /** Loads it, calls a function of it. @returns its exit code and output */
    async function call(program: string, entry: string, args: string[] = []) {
      scene.write('program.py', program)
      const driver = scene.forkserver({ preloads: ['program'], args })
      await driver.loaded()
      const pid = await driver.start({ entry, stdout: scene.path('out'), stderr: scene.path('err') })
      const { code } = await driver.exit(pid)
      return { code, out: scene.read('out'), err: scene.read('err') }
    }

    it('multiprocessing works in a worker, however it starts its processes', async () => {
      const program = `
import multiprocessing
def double(number):
    return 2 * number
def main():
    for method in ("fork", "spawn", "forkserver"):
        with multiprocessing.get_context(method).Pool(2) as pool:
            print(method, pool.map(double, range(3)), flush=True)
`
      const result = await call(program, 'program.py:main')
      expect(result).toEqual({ code: 0, out: 'fork [0, 2, 4]\nspawn [0, 2, 4]\nforkserver [0, 2, 4]\n', err: '' })
    })

    it('multiprocessing works in a file that is the entry', async () => {
      scene.write(
        'pooled.py',
        `
import multiprocessing
def double(number):
    return 2 * number
if __name__ == "__main__":
    with multiprocessing.get_context("spawn").Pool(2) as pool:
        print(pool.map(double, range(3)), flush=True)
`,
      )
      expect(await call('', './pooled.py')).toEqual({ code: 0, out: '[0, 2, 4]\n', err: '' })
    })

    it('an entry may be a coroutine; asyncio runs processes and threads', async () => {
      const program = `
import asyncio
async def main():
    process = await asyncio.create_subprocess_exec("true")
    await process.wait()
    return process.returncode + await asyncio.to_thread(lambda: 4) if hasattr(asyncio, "to_thread") else 4
`
      expect(await call(program, 'program.py:main')).toEqual({ code: 4, out: '', err: '' })
    })

    it('a worker waits for its threads, as a program does', async () => {
      const program = `
import threading, time
def later():
    time.sleep(0.2)
    print("later", flush=True)
def main():
    threading.Thread(target=later).start()
`
      expect(await call(program, 'program.py:main')).toEqual({ code: 0, out: 'later\n', err: '' })
    })

    it('an entry may be a module or a package, as with -m', async () => {
      mkdirSync(scene.path('shop'))
      scene.write('shop/__init__.py', '')
      scene.write('shop/stock.py', 'import sys\nprint(__name__, __package__, __spec__.name, len(sys.argv))\n')
      scene.write('shop/__main__.py', 'from . import stock\nprint(__name__)\n')
      expect((await call('', 'shop.stock')).out).toBe('__main__ shop shop.stock 1\n')
      expect((await call('', 'shop')).out).toContain('shop.stock shop shop.stock 1\n__main__\n')
      expect(await call('', 'no.such.module')).toMatchObject({ code: 1, err: expect.stringContaining('no') })
    })

    it('a file that is loaded and imported is one module; its name takes no other’s place', async () => {
      scene.write('json.py', 'mine = True\n')
      scene.write(
        'imports.py',
        `
import json, program
assert not hasattr(json, "mine")
assert program.loads == [1], program.loads
`,
      )
      const program = 'import json\nloads = []\nloads.append(1)\n'
      expect(await call(program, './imports.py', ['--preload', './json.py'])).toEqual({ code: 0, out: '', err: '' })
    })

    it('collections do not touch what was loaded', async () => {
      const program = `
import gc
kept = [[number] for number in range(100000)]
def main():
    assert gc.isenabled() and gc.get_freeze_count() > 100000
    return 7
`
      expect((await call(program, 'program.py:main')).code).toBe(7)
    })

    it('what is loaded is not disturbed: proxies for what is not there stay alone', async () => {
      const program = `
import weakref
class Local:
    @property
    def __class__(self):
        raise RuntimeError("outside of a request")
class Short:
    pass
local, dead = Local(), weakref.proxy(Short())
def main():
    pass
`
      expect(await call(program, 'program.py:main')).toEqual({ code: 0, out: '', err: '' })
    })

    it('threads that Python does not know are seen, too', async () => {
      const program = 'import faulthandler\nfaulthandler.dump_traceback_later(1000)\ndef main(): pass\n'
      await expect(call(program, 'program.py:main')).rejects.toThrow(/holds open thread "python3?[^"]*"; close/)
      // It is not there in the worker, which may wait for it for ever when it ends.
      const allowed = scene.forkserver({ preloads: ['program'], args: ['--allow', 'threads'] })
      await allowed.loaded()
      await allowed.start({ entry: 'program.py:main' })
    })

    it('an event loop at load is named', async () => {
      const program = 'import asyncio\nloop = asyncio.new_event_loop()\n'
      await expect(call(program, 'program.py:main')).rejects.toThrow(/an epoll descriptor \(fd \d+\), a unix socket/)
    })

    it('a preload that exits says so', async () => {
      await expect(call('import sys\nsys.exit(4)\n', 'program.py:main')).rejects.toThrow(
        'preload ./program.py: it called sys.exit(4)',
      )
    })

    it.each([
      ['dies', 'os.kill(os.getpid(), 9)', /died before it was ready/],
      ['stops', 'os.kill(os.getpid(), 19)', /not ready within 700 ms/],
    ])('a process between that %s costs one answer and nothing else', async (_, act, expected) => {
      const program = `
import os
forkserver = os.getpid()
def in_child():
    if os.path.exists("MIDDLE") and os.getppid() == forkserver:
        ${act}
os.register_at_fork(after_in_child=in_child)
def main(): pass
`
      scene.write('program.py', program)
      const driver = scene.forkserver({ preloads: ['program'], args: ['--fork-timeout', '700'] })
      await driver.loaded()
      const middle = scene.write('MIDDLE', '')
      const answer = await driver.ask({ entry: 'program.py:main' })
      expect(answer.failed).toEqual({ token: 't0', error: expect.stringMatching(expected), unsound: true })
      scene.remove(middle)
      expect((await driver.exit(await driver.start({ entry: 'program.py:main' }))).code).toBe(0)
    })

    it('a fork that hangs at the start makes all starts cold, and says why', async () => {
      scene.write('program.py', 'import os, time\nos.register_at_fork(after_in_child=lambda: time.sleep(1000))\n')
      const driver = scene.forkserver({ preloads: ['program'], args: ['--fork-timeout', '300'] })
      expect((await driver.loaded()).cold).toBe('a forked process did not report within 300 ms')
    })
  },
  'python',
)
