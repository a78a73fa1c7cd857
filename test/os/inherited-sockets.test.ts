import { openSync } from 'node:fs'
import { connect, createServer } from 'node:net'
import { describe, expect, test } from 'vitest'
import { type ListenAddress, openListener, socketAddress } from '../../src/os/listen.ts'
import { node, nodePath, useScratch } from './scratch.ts'

const scratch = useScratch()

/** What a process finds, and whether it is close-on-exec then. */
const source = `
  import { inheritedListeners } from 'src/os/inherited-sockets.ts'
  import { readFileSync } from 'node:fs'
  const isCloseOnExec = (fd) => (parseInt(/flags:\\s+(\\d+)/.exec(readFileSync('/proc/self/fdinfo/' + fd, 'utf8'))[1], 8) & 0o2000000) !== 0
  const found = inheritedListeners(process.env, process.pid)
  console.log(JSON.stringify({ found, closeOnExec: found.every(({ fd }) => isCloseOnExec(fd)) }))
`

function listener(listen: ListenAddress): { fd: number; address: ListenAddress } {
  const spec = { listen, backlog: 5, mode: null, user: null, group: null, nonblocking: false, v6only: true }
  const { fd, address } = openListener(spec)
  return { fd: scratch.now.closing(fd), address }
}

/** Starts it as systemd does: fds from 3 on, and a shell that knows the pid. */
async function found(fds: readonly number[], env: readonly string[], listenPid = '$$'): Promise<unknown> {
  const program = scratch.now.bundle(source)
  const script = `export LISTEN_PID=${listenPid}; exec "$@"`
  const child = scratch.now.start('/bin/sh', ['-c', script, 'sh', node, program], {
    more: fds,
    env: ['PATH=/usr/bin:/bin', `NODE_PATH=${nodePath}`, ...env],
  })
  return JSON.parse(await child.done())
}

const nothing = { found: [], closeOnExec: true }

describe('LISTEN_FDS', () => {
  test('sockets come with name and address, and are close-on-exec from then on', async () => {
    const http = listener({ family: 'tcp4', host: '127.0.0.1', port: 0 })
    const admin = listener({ family: 'unix', path: scratch.now.path('s') })
    const dns = listener({ family: 'udp6', host: '::1', port: 0 })
    const env = ['LISTEN_FDS=3', 'LISTEN_FDNAMES=http:admin']
    expect(await found([http.fd, admin.fd, dns.fd], env)).toEqual({
      found: [
        { name: 'http', fd: 3, address: http.address },
        { name: 'admin', fd: 4, address: admin.address },
        { name: null, fd: 5, address: dns.address },
      ],
      closeOnExec: true,
    })
  })

  test('for another process are not ours', async () => {
    const http = listener({ family: 'tcp4', host: '127.0.0.1', port: 0 })
    expect(await found([http.fd], ['LISTEN_FDS=1'], '1')).toEqual(nothing)
  })

  test('files, connections and closed fds are left out', async () => {
    const server = createServer()
    await new Promise<void>((resolve) => server.listen(scratch.now.path('server'), resolve))
    const connection = connect(scratch.now.path('server'))
    await new Promise((resolve) => connection.once('connect', resolve))
    const { _handle } = connection as unknown as { _handle: { fd: number } }
    const http = listener({ family: 'tcp6', host: '::1', port: 0 })
    const file = scratch.now.closing(openSync('/dev/null', 'r'))
    expect(socketAddress(_handle.fd).listening).toBe(false)
    const result = await found([file, _handle.fd, http.fd], ['LISTEN_FDS=20', 'LISTEN_FDNAMES=file:connection:http'])
    connection.destroy()
    server.close()
    expect(result).toEqual({ found: [{ name: 'http', fd: 5, address: http.address }], closeOnExec: true })
  })
})

describe('SERVER_STARTER_PORT', () => {
  test('sockets come without a name, in the order of their fds', async () => {
    const http = listener({ family: 'tcp4', host: '127.0.0.1', port: 0 })
    const admin = listener({ family: 'unix', path: scratch.now.path('s') })
    const port = http.address.family === 'unix' ? 0 : http.address.port
    const env = [`SERVER_STARTER_PORT=${scratch.now.path('s')}=4;127.0.0.1:${port}=3`]
    expect(await found([http.fd, admin.fd], env, '')).toEqual({
      found: [
        { name: null, fd: 3, address: http.address },
        { name: null, fd: 4, address: admin.address },
      ],
      closeOnExec: true,
    })
  })

  test('beside LISTEN_FDS: each fd once, with its name', async () => {
    const http = listener({ family: 'tcp4', host: '127.0.0.1', port: 0 })
    const env = ['SERVER_STARTER_PORT=80=3', 'LISTEN_FDS=1', 'LISTEN_FDNAMES=http']
    expect(await found([http.fd], env)).toEqual({
      found: [{ name: 'http', fd: 3, address: http.address }],
      closeOnExec: true,
    })
  })
})
