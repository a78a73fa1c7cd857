// A lock is asked for when there are no descriptors left: that passes.
import { expect, test } from 'vitest'
import { useScratch } from '../os/scratch.ts'

const scratch = useScratch()

/** Prints what was heard of the lock while there were no fds, and what came of it when there were some again. */
const PROGRAM = `
import { closeSync, openSync } from 'node:fs'
import { FileLockProvider } from 'src/locks/file-lock-provider.ts'
import { lockCommandsOf } from 'src/locks/start-lock-command.ts'
import { openDevNull } from 'src/os/fifo.ts'
import { OwnChildren } from 'src/os/own-children.ts'
import { ChildReaper } from 'src/os/reap.ts'

const children = new OwnChildren()
const reaper = new ChildReaper('subreaper', (pid, status) => children.ended(pid, status), (pid) => children.beforeReap(pid))
const start = lockCommandsOf(children, { environment: ['PATH=/usr/bin:/bin'], softNoFile: null })
const provider = new FileLockProvider({
  directory: DIRECTORY, mains: 1, standbys: 1, start, devNull: openDevNull(), isOurs: () => false,
})
const turns = (millis) => new Promise((resolve) => setTimeout(resolve, millis))

async function main() {
  // A child alone keeps no process.
  const alive = setInterval(() => {}, 1_000)
  await provider.open()
  const opened = []
  try {
    for (;;) opened.push(openSync('/dev/null', 'r'))
  } catch (error) {
    if (error.code !== 'EMFILE') throw error
  }
  const first = provider.candidate('w0')
  let outcome = null
  const asked = first.tryNow().then((found) => (outcome = found))
  while (provider.health().state === 'ok' && outcome === null) await turns(5)
  const during = { ...provider.health(), outcome: outcome?.is ?? null }
  for (const fd of opened) closeSync(fd)
  await asked
  const after = { ...provider.health(), outcome: outcome.is }
  first.leave()
  provider.close()
  reaper.close()
  clearInterval(alive)
  process.stdout.write(JSON.stringify({ during, after }))
}
void main()
`

test('no descriptors left: it is tried again until there are some, and the health says so meanwhile', async () => {
  const directory = JSON.stringify(scratch.now.path('lock'))
  const found = await scratch.now.program(PROGRAM.replace('DIRECTORY', directory), {
    prefix: ['prlimit', '--nofile=80:80'],
  })
  expect(found).toEqual({
    during: { state: 'degraded', problem: expect.stringContaining('EMFILE'), outcome: null },
    after: { state: 'ok', problem: null, outcome: 'acquired' },
  })
})
