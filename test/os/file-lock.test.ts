import { execFileSync } from 'node:child_process'
import { mkdirSync, readFileSync, renameSync, statSync, symlinkSync, writeFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { lockFile, lockHolder } from '../../src/os/file-lock.ts'
import { openFds, until, useScratch, within } from './scratch.ts'

const scratch = useScratch()

describe('lockFile', () => {
  test('one holds it, with its pid in the file; a second one gets null and leaves no fd', () => {
    const path = scratch.now.path('lock')
    const lock = lockFile(path)
    expect(lock).not.toBeNull()
    expect(readFileSync(path, 'utf8')).toBe(`${process.pid}\n`)
    expect(statSync(path).mode & 0o777).toBe(0o600)
    const before = openFds()
    expect(lockFile(path)).toBeNull()
    expect(openFds()).toEqual(before)
    lock?.release()
    lock?.release()
    const again = lockFile(path)
    expect(again).not.toBeNull()
    again?.release()
    expect(statSync(path).isFile()).toBe(true)
  })

  test('is free when its holder dies, whatever the file says', async () => {
    const path = scratch.now.path('lock')
    const holder = scratch.now.sh(`exec 8>>${path}; flock 8; echo locked; exec sleep 1000`)
    await until('the lock', () => holder.output() === 'locked\n')
    expect(lockFile(path)).toBeNull()
    process.kill(holder.pid, 'SIGKILL')
    await within(holder.exited, 'exit')
    writeFileSync(path, '4190000 and more than a pid that is written over\n')
    const lock = lockFile(path)
    expect(readFileSync(path, 'utf8')).toBe(`${process.pid}\n`)
    lock?.release()
  })

  test('is not inherited by what we start', async () => {
    const path = scratch.now.path('lock')
    const lock = lockFile(path)
    scratch.now.sh('exec sleep 1000')
    lock?.release()
    // The kernel closes the child's copy in its exec, a moment after the spawn has returned.
    await until('the lock', () => {
      const again = lockFile(path)
      again?.release()
      return again !== null
    })
  })

  test('of a file that was replaced is another lock', () => {
    const path = scratch.now.path('lock')
    const old = lockFile(path)
    renameSync(path, scratch.now.path('moved'))
    const lock = lockFile(path)
    expect(lock).not.toBeNull()
    old?.release()
    expect(lockFile(path)).toBeNull()
    lock?.release()
  })

  test('does not follow a link, and names what it cannot open', () => {
    symlinkSync('/etc/passwd', scratch.now.path('link'))
    expect(() => lockFile(scratch.now.path('link'))).toThrow('ELOOP')
    expect(() => lockFile(scratch.now.path('no/lock'))).toThrow(/open .*no\/lock: no such file or directory \(ENOENT\)/)
    mkdirSync(scratch.now.path('directory'))
    expect(() => lockFile(scratch.now.path('directory'))).toThrow('EISDIR')
  })
})

describe('lockHolder', () => {
  test('is the pid of whoever holds it, without touching the lock', async () => {
    const path = scratch.now.path('lock')
    expect(lockHolder(path)).toBeNull()
    const lock = lockFile(path)
    expect(lockHolder(path)).toBe(process.pid)
    lock?.release()
    expect(lockHolder(path)).toBeNull()
    expect(readFileSync(path, 'utf8')).toBe(`${process.pid}\n`)
  })

  test('is another process', async () => {
    const path = scratch.now.path('lock')
    const holder = scratch.now.sh(`exec 8>>${path}; flock 8; echo locked; exec sleep 1000`)
    await until('the lock', () => holder.output() === 'locked\n')
    // flock(1) took it on the shell's fd; the file is empty, so that only the kernel knows.
    const [pid] = /FLOCK.*WRITE (\d+) /.exec(lockLine(path)) ?? []
    expect(pid).toBeDefined()
    expect(lockHolder(path)).toBe(Number(/WRITE (\d+) /.exec(lockLine(path))?.[1]))
  })

  test('does not take the lock of another file for it', () => {
    const held = lockFile(scratch.now.path('other'))
    writeFileSync(scratch.now.path('lock'), `${process.pid}\n`)
    expect(lockHolder(scratch.now.path('lock'))).toBeNull()
    held?.release()
  })

  function lockLine(path: string): string {
    return execFileSync('grep', [`:${statSync(path).ino} `, '/proc/locks'], { encoding: 'utf8' })
  }
})
