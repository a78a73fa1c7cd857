import { chmodSync, mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { HoldfastError } from '../../src/errors/holdfast-error.ts'
import { LockDirectory, requireIdentity } from '../../src/locks/lock-directory.ts'
import { bootId } from '../../src/os/boot-id.ts'
import { isRoot, useScratch } from '../os/scratch.ts'

const scratch = useScratch()

async function problemOf(directory: LockDirectory): Promise<string> {
  const error = await directory.prepare().catch((caught) => caught)
  expect(error).toBeInstanceOf(HoldfastError)
  expect(error.hint).toMatch(/\.$/)
  return error.message
}

describe('a lock directory', () => {
  test('is made with what is needed, once, by however many at the same time', async () => {
    const path = scratch.now.path('a/b/lock')
    await Promise.all([1, 2, 3, 4].map(() => new LockDirectory(path).prepare()))
    expect(readdirSync(path).sort()).toEqual(['backend', 'boot', 'counter', 'slot-queue', 'standby-queue'])
    expect(readFileSync(join(path, 'counter'), 'utf8')).toBe('1000000000\n')
    expect(readFileSync(join(path, 'boot'), 'utf8')).toBe(`${bootId()}\n`)
    expect(readFileSync(join(path, 'backend'), 'utf8')).toBe('file\n')
    writeFileSync(join(path, 'counter'), '1000000123\n')
    await new LockDirectory(path).prepare()
    expect(readFileSync(join(path, 'counter'), 'utf8')).toBe('1000000123\n')
  })

  test.each([
    ['NFS', 0x6969],
    ['SMB', 0xff534d42],
    ['SMB', 0xfe534d42],
    ['SMB', 0x517b],
    ['FUSE', 0x65735546],
    ['9P', 0x01021997],
    ['Ceph', 0x00c36400],
    ['AFS', 0x5346414f],
    ['AFS', 0x6b414653],
  ])('on %s (%i) is refused, and left empty', async (name, type) => {
    const path = scratch.now.path('lock')
    const problem = await problemOf(new LockDirectory(path, async () => type))
    expect(problem).toBe(`the lock directory ${path} is on a network file system (${name})`)
    expect(readdirSync(path)).toEqual([])
  })

  test('of locks of another kind is refused', async () => {
    const path = scratch.now.path('lock')
    mkdirSync(path)
    writeFileSync(join(path, 'backend'), 'ofd\n')
    expect(await problemOf(new LockDirectory(path))).toMatch(/is used for locks of another kind \(ofd\)$/)
    expect(readdirSync(path)).toEqual(['backend'])
  })

  test.each(['', 'abc\n', '0000000001\n', '12345\n'])('with a counter of %j is refused', async (text) => {
    const path = scratch.now.path('lock')
    mkdirSync(path)
    writeFileSync(join(path, 'counter'), text)
    expect(await problemOf(new LockDirectory(path))).toMatch(/its file counter holds no token$/)
  })

  test('that can not be made, or not be written, is named', async () => {
    writeFileSync(scratch.now.path('file'), '')
    expect(await problemOf(new LockDirectory(scratch.now.path('file/lock')))).toMatch(/file\/lock: .*ENOTDIR/)
    if (isRoot) return
    mkdirSync(scratch.now.path('shut'))
    chmodSync(scratch.now.path('shut'), 0o500)
    expect(await problemOf(new LockDirectory(scratch.now.path('shut')))).toMatch(/shut: .*EACCES/)
  })

  test('follows no link in place of a lock file, and leaves no fd of those opened before', async () => {
    const directory = new LockDirectory(scratch.now.path('lock'))
    await directory.prepare()
    symlinkSync('/etc/passwd', join(directory.path, 'slot-1'))
    const before = readdirSync('/proc/self/fd').length
    await expect(directory.openLocks('slot', 2)).rejects.toThrow('ELOOP')
    await expect.poll(() => readdirSync('/proc/self/fd').length).toBe(before)
  })

  test('knows nobody of a slot that nobody ever had', async () => {
    const directory = new LockDirectory(scratch.now.path('lock'))
    await directory.prepare()
    expect(await directory.entryOf(0)).toBeNull()
    expect(await directory.identityOf('slot', 0)).toBeNull()
  })
})

test('an identity fits into one line of a slot’s file', () => {
  for (const good of ['web/0 #1', 'a', 'x'.repeat(100)]) expect(() => requireIdentity(good)).not.toThrow()
  for (const bad of ['', ' a', 'a\nb', 'ä', 'x'.repeat(101)]) expect(() => requireIdentity(bad)).toThrow(RangeError)
})
