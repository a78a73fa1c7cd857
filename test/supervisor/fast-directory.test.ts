import { spawn, spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, readlinkSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, it, onTestFinished } from 'vitest'
import { startTimeOf } from '../../src/os/process-identity.ts'
import { findFastDirectory, makeFastDirectory, removeDeadFastDirectories } from '../../src/supervisor/fast-directory.ts'
import { scratchDirectory } from './scratch-directory.ts'

const NAMESPACE = readlinkSync('/proc/self/ns/pid')
/** Nothing has this start time: it is before init's. */
const DEAD = { pid: spawnSync('true').pid, startTime: 0 }
const ALIVE = { pid: process.pid, startTime: startTimeOf(process.pid) ?? 0 }

/** What a supervisor has left in /dev/shm, with one recorded worker. */
function left(owner: object | null, worker = DEAD): string {
  const directory = mkdtempSync(`/dev/shm/holdfast-${process.getuid?.()}-`)
  onTestFinished(() => rmSync(directory, { recursive: true, force: true }))
  mkdirSync(join(directory, 'workers'))
  mkdirSync(join(directory, 'svc'))
  writeFileSync(join(directory, 'workers/web.0.a.json'), JSON.stringify({ version: 1, ...worker }))
  if (owner !== null) writeFileSync(join(directory, 'owner.json'), JSON.stringify(owner))
  return directory
}

it('removes what supervisors of this user have left that are dead, and their workers with them', () => {
  const dead = left({ runtimeDir: '/run/a', ...DEAD, pidNamespace: NAMESPACE })
  removeDeadFastDirectories()
  expect(existsSync(dead)).toBe(false)
})

it.each([
  ['whose supervisor lives', () => left({ runtimeDir: '/run/a', ...ALIVE, pidNamespace: NAMESPACE })],
  ['whose worker lives', () => left({ runtimeDir: '/run/a', ...DEAD, pidNamespace: NAMESPACE }, ALIVE)],
  [
    'of another pid namespace, where pids say nothing',
    () => left({ runtimeDir: '/run/a', ...DEAD, pidNamespace: 'pid:[1]' }),
  ],
  ['that does not say whose it is', () => left(null)],
])('leaves one alone %s', (_, make) => {
  const directory = make()
  removeDeadFastDirectories()
  expect(existsSync(directory)).toBe(true)
})

it('leaves one alone while a process holds a FIFO of it', async () => {
  // Nobody's until the FIFO is held: any supervisor on this machine may look just now, and would remove it.
  const directory = left(null)
  const fifo = join(directory, 'svc/web/0.a.out')
  const script = `mkdir ${directory}/svc/web; mkfifo ${fifo}; exec 9<>${fifo}; echo open; exec sleep 1000`
  const child = spawn('sh', ['-c', script], { stdio: ['ignore', 'pipe', 'ignore'] })
  onTestFinished(() => void child.kill('SIGKILL'))
  await new Promise((resolve) => child.stdout.once('data', resolve))
  writeFileSync(
    join(directory, 'owner.json'),
    JSON.stringify({ runtimeDir: '/run/a', ...DEAD, pidNamespace: NAMESPACE }),
  )
  removeDeadFastDirectories()
  expect(existsSync(directory)).toBe(true)
})

it('finds its own again, by the runtime directory', () => {
  const runtimeDir = scratchDirectory()
  const made = makeFastDirectory(runtimeDir)
  // Null where the scratch directory is on a tmpfs already.
  if (made !== null) onTestFinished(() => rmSync(made, { recursive: true, force: true }))
  expect(findFastDirectory(runtimeDir)).toBe(made)
  expect(findFastDirectory(`${runtimeDir}/other`)).toBeNull()
})
