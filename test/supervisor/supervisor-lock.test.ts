import { mkdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { lockFile } from '../../src/os/file-lock.ts'
import { SupervisorLock } from '../../src/supervisor/supervisor-lock.ts'
import { scratchDirectory } from './scratch-directory.ts'

function taken(path: string): SupervisorLock {
  const lock = SupervisorLock.take(path)
  if (lock === null) throw new Error('somebody holds it')
  return lock
}

it('is taken again where its file was removed, so that nobody else gets it', () => {
  const directory = join(scratchDirectory(), 'run')
  mkdirSync(directory)
  const path = join(directory, 'lock')
  const lock = taken(path)
  expect(lock.isInPlace()).toBe(true)
  expect(SupervisorLock.take(path)).toBeNull()
  rmSync(directory, { recursive: true })
  expect(lock.isInPlace()).toBe(false)
  mkdirSync(directory)
  expect(lock.retake()).toBe(true)
  expect(lock.isInPlace()).toBe(true)
  expect(SupervisorLock.take(path)).toBeNull()
  lock.release()
  taken(path).release()
})

it('says when somebody else was there first, and lets go of nothing', () => {
  const path = join(scratchDirectory(), 'lock')
  const lock = taken(path)
  rmSync(path)
  const other = lockFile(path)
  expect(lock.retake()).toBe(false)
  expect(lock.isInPlace()).toBe(false)
  other?.release()
  expect(lock.retake()).toBe(true)
  lock.release()
})
