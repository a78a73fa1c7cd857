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

withPerl('why, status and events say that a program has put itself into the background', async () => {
  const scene = newScene()
  scene.configure({
    services: {
      old: { command: DAEMON, restart: { initial: '1s', max: '1s', immediate: 1, jitter: 0 } },
      fine: { command: 'sleep 1000' },
    },
  })
  // It may have ended before that returns.
  await scene.holdfast('up', '--detach')
  const hint =
    /has put itself into the background.*left pid \d+ \(daemon of old.*Run it in the foreground, as with nginx/
  await waitFor(async () => (await scene.worker('old/0')).message.includes('in the background'))
  const [daemon] = daemons(scene)
  const { message } = await scene.worker('old/0')
  expect(message).toMatch(/runs in the background as pid \d+: start it in the foreground$/)
  expect(daemons(scene)).toContain(Number(/pid (\d+)/.exec(message)?.[1]))
  expect((await scene.holdfast('why', 'old')).out.split('\n')[0]).toMatch(hint)
  expect((await scene.worker('fine/0')).message).toBe('')
  expect((await scene.holdfast('why', 'fine')).out).not.toMatch(hint)

  // They end with the stop, and so does what is said of them.
  await scene.holdfast('stop', 'old')
  expect(daemons(scene)).toEqual([])
  expect(readFileIfThere(daemon)).toBe('')
  expect((await scene.worker('old/0')).message).not.toContain('background')
  expect((await scene.holdfast('why', 'old')).out.split('\n')[0]).not.toMatch(hint)
})

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

testWith('nginx', 'nginx-light')('nginx without "daemon off": said, and gone with down', async () => {
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
  await waitFor(async () => /background.*nginx -g 'daemon off;'/.test((await scene.holdfast('why', 'nginx')).out))
  const down = await scene.down()
  expect(down.code, down.all).toBe(0)
  expect(scene.processes()).toEqual([])
})

function readFileIfThere(pid: number | undefined): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'latin1')
  } catch {
    return ''
  }
}
