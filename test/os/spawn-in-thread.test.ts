import { openSync, readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { OsError } from '../../src/os/os-error.ts'
import { ChildReaper, type WaitStatus } from '../../src/os/reap.ts'
import { type SpawnOptions, spawnInThread, spawnProcess } from '../../src/os/spawn.ts'
import { openFds, useScratch, within } from './scratch.ts'

const scratch = useScratch()

function options(argv: readonly string[], more: Partial<SpawnOptions> = {}): SpawnOptions {
  const [file = ''] = argv
  return { file, argv, env: [], cwd: null, fds: [], session: true, softNoFile: null, ...more }
}

function started(spawn: SpawnOptions): Promise<number | OsError> {
  return new Promise((resolve) => spawnInThread(spawn, resolve))
}

/** Of children of ours, as their exits become known. */
function exits(): (pid: number) => Promise<WaitStatus> {
  const told = new Map<number, (status: WaitStatus) => void>()
  const reaper = new ChildReaper('own-children', (pid, status) => told.get(pid)?.(status))
  scratch.now.atEnd(() => reaper.close())
  return (pid) =>
    new Promise((resolve) => {
      told.set(pid, resolve)
      reaper.watch(pid)
    })
}

describe('spawns in threads', () => {
  test('many at once: each child has its own arguments, environment, fds and directory', async () => {
    const before = openFds()
    const exitOf = exits()
    const script = 'echo "$0 $1 $NAME $PWD"; exit "$1"'
    const children = Array.from({ length: 60 }, (_, index) => {
      const out = scratch.now.closing(openSync(scratch.now.path(`out${index}`), 'w'))
      const argv = ['/bin/sh', '-c', script, `child${index}`, String(index)]
      const env = [`PATH=/bin:/usr/bin`, `NAME=${'x'.repeat(index * 50)}${index}`]
      return started(options(argv, { file: '/bin/sh', env, cwd: '/etc', fds: [out, out, out] }))
    })
    // Meanwhile this thread spawns, too.
    const here = spawnProcess(options(['/bin/true']))
    for (const [index, pid] of (await within(Promise.all(children), 'all are started')).entries()) {
      if (typeof pid !== 'number') throw pid
      expect(await within(exitOf(pid), 'an exit')).toEqual({ code: index, signal: null })
      const text = readFileSync(scratch.now.path(`out${index}`), 'utf8')
      expect(text).toBe(`child${index} ${index} ${'x'.repeat(index * 50)}${index} /etc\n`)
    }
    expect(await within(exitOf(here), 'the exit of the one from here')).toEqual({ code: 0, signal: null })
    expect(openFds().length).toBeLessThanOrEqual(before.length + 61)
  })

  test('what can not be started is told with its reason, and leaves no child', async () => {
    const results = await within(
      Promise.all([
        started(options(['/no/such/program'])),
        started(options(['/etc/passwd'])),
        started(options(['/bin/true'], { cwd: '/no/such/directory' })),
        started(options(['/bin/true', 'a\0b'])),
        started(options(['/bin/true'], { fds: [987] })),
      ]),
      'all have failed',
    )
    expect(results.map((result) => (result instanceof OsError ? result.code : result))).toEqual([
      'ENOENT',
      'EACCES',
      'ENOENT',
      'EINVAL',
      'EBADF',
    ])
    expect(String(results[2])).toContain('chdir /no/such/directory')
    expect(readFileSync(`/proc/self/task/${process.pid}/children`, 'latin1').trim()).toBe('')
  })
})
