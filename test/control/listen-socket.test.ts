import { existsSync, mkdirSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { type ListeningSocket, listenOnSocketFile } from '../../src/control/listen-socket.ts'
import { opened } from './fixture.ts'

let directory: string
const open: ListeningSocket[] = []
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'holdfast-listen-'))
})
afterEach(() => {
  for (const listening of open.splice(0)) listening.close()
  rmSync(directory, { recursive: true, force: true })
})

async function listen(path: string, mode = 0o600): Promise<ListeningSocket> {
  const listening = await listenOnSocketFile(path, mode, (socket) => socket.on('error', () => {}).destroy())
  open.push(listening)
  return listening
}

test.each([0o600, 0o660, 0o666])('has exactly the mode asked for: %o', async (mode) => {
  const path = join(directory, 's')
  const before = process.umask(0o077)
  try {
    await listen(path, mode)
  } finally {
    process.umask(before)
  }
  expect(statSync(path).mode & 0o777).toBe(mode)
  expect(statSync(path).isSocket()).toBe(true)
  ;(await opened(path)).destroy()
})

test('replaces the socket file of a server that is dead', async () => {
  const path = join(directory, 's')
  const dead = createServer().listen(join(directory, 'moved'))
  await new Promise((resolve) => dead.once('listening', resolve))
  const { renameSync } = await import('node:fs')
  renameSync(join(directory, 'moved'), path)
  await new Promise((resolve) => dead.close(resolve))
  expect(existsSync(path)).toBe(true)
  await listen(path)
  ;(await opened(path)).destroy()
})

test('refuses the place of a server that lives, and leaves it alone', async () => {
  const path = join(directory, 's')
  await listen(path)
  await expect(listen(path)).rejects.toMatchObject({
    code: 'HF_SOCKET_BIND',
    message: expect.stringContaining('another program listens there'),
  })
  ;(await opened(path)).destroy()
})

test('refuses to replace what is no socket', async () => {
  const path = join(directory, 's')
  writeFileSync(path, 'precious')
  await expect(listen(path)).rejects.toMatchObject({
    code: 'HF_SOCKET_BIND',
    message: expect.stringContaining('not a socket'),
  })
  expect(existsSync(path)).toBe(true)
})

test('refuses a path of more than 107 bytes', async () => {
  const deep = join(directory, 'd'.repeat(100))
  mkdirSync(deep)
  await expect(listen(join(deep, 's'))).rejects.toMatchObject({
    code: 'HF_SOCKET_BIND',
    message: expect.stringContaining('longer than 107 bytes'),
  })
})

test('says when the directory is missing', async () => {
  await expect(listen(join(directory, 'missing', 's'))).rejects.toMatchObject({
    code: 'HF_SOCKET_BIND',
    hint: expect.stringContaining('directory'),
  })
})

test('takes its file away when it closes, but not the file of a successor', async () => {
  const path = join(directory, 's')
  const first = await listen(path)
  first.close()
  expect(existsSync(path)).toBe(false)
  const second = await listen(path)
  rmSync(path)
  const third = await listen(path)
  second.close()
  expect(existsSync(path)).toBe(true)
  ;(await opened(path)).destroy()
  third.close()
  expect(existsSync(path)).toBe(false)
})

test('an accept that fails (no descriptor left) ends nothing', async () => {
  const path = join(directory, 's')
  const { server } = await listen(path)
  server.emit('error', Object.assign(new Error('accept EMFILE'), { code: 'EMFILE' }))
  ;(await opened(path)).destroy()
})
