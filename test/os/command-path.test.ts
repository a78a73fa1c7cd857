import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { findCommand } from '../../src/os/command-path.ts'
import { OsError } from '../../src/os/os-error.ts'
import { useScratch } from './scratch.ts'

const scratch = useScratch()

function program(path: string, mode = 0o755): string {
  const whole = scratch.now.path(path)
  mkdirSync(whole.slice(0, whole.lastIndexOf('/')), { recursive: true })
  writeFileSync(whole, '#!/bin/sh\n', { mode })
  return whole
}

function failure(command: string, path: string | undefined): OsError {
  try {
    findCommand(command, path, scratch.now.directory)
  } catch (error) {
    if (error instanceof OsError) return error
    throw error
  }
  throw new Error('found')
}

describe('findCommand', () => {
  test('takes the first of PATH that can be run', () => {
    program('one/tool', 0o644)
    const found = program('two/tool')
    program('three/tool')
    mkdirSync(scratch.now.path('zero/tool'), { recursive: true })
    const path = ['zero', 'no-such', 'one', 'two', 'three'].map((name) => scratch.now.path(name)).join(':')
    expect(findCommand('tool', path, '/')).toBe(found)
  })

  test('takes relative and empty entries from cwd', () => {
    const found = program('bin/tool')
    expect(findCommand('tool', 'bin', scratch.now.directory)).toBe(found)
    expect(findCommand('tool', '/nowhere:', scratch.now.path('bin'))).toBe(found)
  })

  test('takes a command with a slash from cwd, not from PATH', () => {
    const found = program('bin/tool')
    expect(findCommand('bin/tool', undefined, scratch.now.directory)).toBe(found)
    expect(findCommand('./tool', '/usr/bin', scratch.now.path('bin'))).toBe(found)
    expect(findCommand(found, '', '/')).toBe(found)
  })

  test('keeps symbolic links', () => {
    program('real')
    symlinkSync('real', scratch.now.path('link'))
    expect(findCommand('./link', '', scratch.now.directory)).toBe(scratch.now.path('link'))
  })

  test('finds the usual programs without a PATH', () => {
    expect(findCommand('sh', undefined, '/')).toMatch(/^\/(usr\/)?bin\/sh$/)
  })

  test('says what is wrong', () => {
    program('plain', 0o644)
    mkdirSync(scratch.now.path('directory'))
    symlinkSync('nowhere', scratch.now.path('dangling'))
    expect(failure('nonesuch', '/usr/bin').message).toBe('find nonesuch: not found in PATH (ENOENT)')
    expect(failure('./nonesuch', '').message).toBe('find ./nonesuch: no such file (ENOENT)')
    expect(failure('./plain/x', '').code).toBe('ENOENT')
    expect(failure('./dangling', '').code).toBe('ENOENT')
    expect(failure('./plain', '').message).toBe('find ./plain: not executable (EACCES)')
    expect(failure('./directory', '').message).toBe('find ./directory: is a directory (EACCES)')
    expect(failure('plain', scratch.now.directory).message).toContain('plain: not executable (EACCES)')
    expect(failure('', '/usr/bin').code).toBe('ENOENT')
    expect(failure('x'.repeat(300), '/usr/bin').code).toBe('ENOENT')
  })
})
