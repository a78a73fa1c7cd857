import { existsSync } from 'node:fs'
import { connect } from 'node:net'
import { expect, test } from 'vitest'
import { duplicateFd } from '../../src/os/duplicate-fd.ts'
import { closeSharedListener, openListener } from '../../src/os/listen.ts'
import { isUnixListening } from '../../src/os/unix-listening.ts'
import { useScratch } from './scratch.ts'

const scratch = useScratch()

function listener(path: string) {
  const spec = { backlog: 5, mode: null, user: null, group: null, nonblocking: false, v6only: true }
  return openListener({ ...spec, listen: { family: 'unix', path } })
}

test('the file of a shared socket goes with the last who has the socket', () => {
  const path = scratch.now.path('a name with blanks')
  expect(isUnixListening(path)).toBe(false)
  const { fd, device, inode } = listener(path)
  const other = duplicateFd(fd)
  closeSharedListener(fd, path, { device, inode })
  expect([isUnixListening(path), existsSync(path)]).toEqual([true, true])
  closeSharedListener(other, path, { device, inode })
  expect([isUnixListening(path), existsSync(path)]).toEqual([false, false])
})

test('connections to it do not count: they have its name too', async () => {
  const path = scratch.now.path('s')
  const { fd, device, inode } = listener(path)
  const client = connect(path)
  await new Promise((resolve) => client.once('connect', resolve))
  closeSharedListener(fd, path, { device, inode })
  expect(existsSync(path)).toBe(false)
  client.on('error', () => {})
  client.destroy()
})
