import { closeSync, openSync, readFileSync, readSync, writeFileSync } from 'node:fs'
import { connect, createServer, type Server, type Socket } from 'node:net'
import { describe, expect, test } from 'vitest'
import { openListener, socketAddress } from '../../src/os/listen.ts'
import { receiveWithFds, sendWithFds } from '../../src/os/pass-fd.ts'
import { fdOfSocket } from '../../src/os/peer-credentials.ts'
import { pollReadable } from '../../src/os/poll-handle.ts'
import { socketPair } from '../../src/os/socket-pair.ts'
import { connectUnix } from '../../src/os/unix-connect.ts'
import { openFds, root, until, useScratch } from './scratch.ts'

const scratch = useScratch()

function pair(): [number, number] {
  const [one, other] = socketPair()
  return [scratch.now.closing(one), scratch.now.closing(other)]
}

function isCloseOnExec(fd: number): boolean {
  const flags = Number.parseInt(/flags:\s+(\d+)/.exec(readFileSync(`/proc/self/fdinfo/${fd}`, 'utf8'))?.[1] ?? '', 8)
  return (flags & 0o2000000) !== 0
}

function received(fd: number): { text: string; fds: readonly number[] } {
  const { bytes, fds } = receiveWithFds(fd) ?? { bytes: Buffer.from('nothing'), fds: [] }
  for (const one of fds) scratch.now.closing(one)
  return { text: bytes.toString(), fds }
}

async function listening(path: string, onConnection: (socket: Socket) => void): Promise<Server> {
  const server = createServer({ allowHalfOpen: true }, onConnection)
  scratch.now.atEnd(() => server.close())
  await new Promise<void>((resolve) => server.listen(path, resolve))
  return server
}

describe('files over a unix socket', () => {
  test('the same open files arrive, close-on-exec, in their order and with the bytes', () => {
    const [here, there] = pair()
    writeFileSync(scratch.now.path('a'), 'first')
    writeFileSync(scratch.now.path('b'), 'second')
    const sent = ['a', 'b'].map((name) => scratch.now.closing(openSync(scratch.now.path(name), 'r')))
    expect(sendWithFds(here, Buffer.from('two files'), sent)).toBe(9)
    const { text, fds } = received(there)
    expect(text).toBe('two files')
    const contents = fds.map((fd) => {
      const bytes = Buffer.alloc(6)
      return bytes.toString('utf8', 0, readSync(fd, bytes))
    })
    expect(contents).toEqual(['first', 'second'])
    expect(fds.map(isCloseOnExec)).toEqual([true, true])
  })

  test('messages keep their files apart, also where one has none', () => {
    const [here, there] = pair()
    const file = scratch.now.closing(openSync(scratch.now.path('file'), 'w'))
    for (const [text, fds] of [
      ['one ', [file]],
      ['two ', []],
      ['three', [file, file]],
    ] as const)
      sendWithFds(here, Buffer.from(text), fds)
    const texts: string[] = []
    const counts: number[] = []
    for (let next = received(there); next.text !== 'nothing'; next = received(there)) {
      texts.push(next.text)
      counts.push(next.fds.length)
    }
    expect(texts.join('')).toBe('one two three')
    expect(counts.filter((count) => count > 0)).toEqual([1, 2])
  })

  test('a listening socket that arrived is the same one: it accepts when the first has been closed', async () => {
    const [here, there] = pair()
    const spec = { backlog: 5, mode: null, user: null, group: null, nonblocking: false, v6only: true }
    const { fd, address } = openListener({ ...spec, listen: { family: 'tcp4', host: '127.0.0.1', port: 0 } })
    sendWithFds(here, Buffer.from('x'), [fd])
    closeSync(fd)
    const [copy = -1] = received(there).fds
    expect(socketAddress(copy)).toMatchObject({ listening: true, address })
    const server = createServer((socket) => socket.end('hello'))
    scratch.now.atEnd(() => server.close())
    await new Promise<void>((resolve) => server.listen({ fd: copy }, 5, resolve))
    const client = connect(address.family === 'unix' ? 0 : address.port, '127.0.0.1')
    let text = ''
    client.on('data', (chunk) => (text += chunk))
    await new Promise((resolve) => client.once('close', resolve))
    expect(text).toBe('hello')
  })

  test('nothing there is null, the end of the other side is no bytes, and writing to nobody is EPIPE', () => {
    const [here, there] = socketPair()
    scratch.now.closing(here)
    expect(receiveWithFds(here)).toBe(null)
    closeSync(there)
    expect(receiveWithFds(here)).toMatchObject({ bytes: Buffer.alloc(0), fds: [] })
    expect(() => sendWithFds(here, Buffer.from('x'), [])).toThrow(expect.objectContaining({ code: 'EPIPE' }))
  })

  test('a side that does not read: it is told how much went, and nothing waits', () => {
    const [here] = pair()
    const chunk = Buffer.alloc(64 * 1024)
    let sent = chunk.length
    for (let turn = 0; turn < 100 && sent === chunk.length; turn++) sent = sendWithFds(here, chunk, [])
    expect(sent).toBeLessThan(chunk.length)
  })

  test('no descriptor stays: neither of what was sent and never read, nor where there was no room', async () => {
    const before = openFds().length
    const [here, there] = socketPair()
    const file = openSync(scratch.now.path('file'), 'w')
    for (let turn = 0; turn < 20; turn++) sendWithFds(here, Buffer.from('x'), [file, file, file])
    for (const fd of receiveWithFds(there)?.fds ?? []) closeSync(fd)
    for (const fd of [here, there, file]) closeSync(fd)
    expect(openFds().length).toBe(before)
    // With a limit that leaves no room, in a process of its own: EMFILE, and what did arrive is closed again.
    const told = await scratch.now.program(
      `
      import { readdirSync, openSync } from 'node:fs'
      import { receiveWithFds, sendWithFds } from 'src/os/pass-fd.ts'
      import { socketPair } from 'src/os/socket-pair.ts'
      const [here, there] = socketPair()
      sendWithFds(here, Buffer.from('x'), Array.from({ length: 200 }, () => here))
      const count = () => readdirSync('/proc/self/fd').length
      const before = count()
      let code = null
      try { receiveWithFds(there) } catch (error) { code = error.code }
      console.log(JSON.stringify({ code, left: count() - before }))
      `,
      { prefix: ['/bin/sh', '-c', 'ulimit -n 100; exec "$@"', 'sh'] },
    )
    expect(told).toEqual({ code: 'EMFILE', left: 0 })
  })
})

describe('a connection of our own', () => {
  test('talks with a server of Node’s, whose answer brings a file', async () => {
    const path = scratch.now.path('desk')
    const file = scratch.now.closing(openSync(`${root}/package.json`, 'r'))
    await listening(path, (socket) => {
      socket.once('data', (chunk) => {
        sendWithFds(fdOfSocket(socket), Buffer.from(`you said ${chunk}`), [file])
        socket.destroy()
      })
    })
    const before = openFds().length
    const fd = connectUnix(path) ?? -1
    const seen: { text: string; fds: number }[] = []
    let ended = false
    const handle = pollReadable(fd, () => {
      const next = receiveWithFds(fd)
      if (next === null) return
      for (const one of next.fds) closeSync(one)
      if (next.bytes.length > 0) return void seen.push({ text: next.bytes.toString(), fds: next.fds.length })
      ended = true
      handle.close()
      closeSync(fd)
    })
    sendWithFds(fd, Buffer.from('hello'), [])
    await until('the end of the connection', () => ended)
    expect(seen).toEqual([{ text: 'you said hello', fds: 1 }])
    await until('no descriptor of it', () => openFds().length <= before)
  })

  test.each([
    ['ENOENT', 'nobody'],
    ['ENAMETOOLONG', 'x'.repeat(120)],
  ])('%s where it can not be, and nothing stays open', (code, name) => {
    const before = openFds().length
    expect(() => connectUnix(scratch.now.path(name))).toThrow(expect.objectContaining({ code, syscall: 'connect' }))
    expect(openFds().length).toBe(before)
  })
})
