// Programs that put themselves into the background: nobody can supervise those, but somebody can say so, and end them.
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect } from 'vitest'
import { freePort } from './harness/free-port.ts'
import { testWith } from './harness/requirement.ts'
import { newScene, PROGRAMS, type Scene } from './harness/scene.ts'
import { waitFor } from './harness/wait-for.ts'

const withPerl = testWith('perl', 'perl')
const DAEMON = ['perl', join(PROGRAMS, 'daemon.pl')]

/** Their environment is gone, HOLDFAST_ID with it. */
function daemons(scene: Scene): number[] {
  const pids = scene.processes().flatMap(({ pid, command }) => (command.startsWith('daemon of old') ? [pid] : []))
  for (const pid of pids) expect(readFileSync(`/proc/${pid}/environ`, 'latin1')).not.toContain('HOLDFAST_ID=')
  return pids
}

withPerl('down leaves no daemon, nor does down after the supervisor was killed', async () => {
  const scene = newScene()
  scene.configure({
    services: { old: { command: DAEMON, restart: { when: 'on-failure' } }, fine: { command: 'sleep 1000' } },
  })
  await scene.up()
  await waitFor(() => daemons(scene).length > 0)
  const down = await scene.down()
  expect(down.code, down.all).toBe(0)
  expect(scene.processes()).toEqual([])

  await scene.up()
  await waitFor(() => daemons(scene).length > 0)
  process.kill(scene.supervisorPid(), 'SIGKILL')
  await waitFor(async () => (await scene.holdfast('status')).code === 5)
  const up = await scene.holdfast('up', '--detach')
  expect(up.code).toBe(1)
  expect(up.err).toContain('a process of old/0')
  const after = await scene.down()
  expect(after.code, after.all).toBe(0)
  expect(scene.processes()).toEqual([])
})

testWith('nginx', 'nginx-light')('nginx without "daemon off": gone with down', async () => {
  const scene = newScene()
  const temporary = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map((name) => `${name}_temp_path tmp-${name};`)
  const server = `server { listen 127.0.0.1:${await freePort()}; }`
  scene.write(
    'nginx.conf',
    `pid nginx.pid; error_log stderr; events {} http { access_log off; ${temporary.join(' ')} ${server} }`,
  )
  const command = ['/usr/sbin/nginx', '-p', scene.dir, '-c', scene.path('nginx.conf')]
  scene.configure({ services: { nginx: { command } } })
  await scene.up()
  const down = await scene.down()
  expect(down.code, down.all).toBe(0)
  expect(scene.processes()).toEqual([])
})
