import { chmodSync, existsSync, mkdirSync, readFileSync, renameSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { makeFifo } from '../../src/os/fifo.ts'
import { removeTree } from '../../src/os/remove-tree.ts'
import { useScratch } from './scratch.ts'

const scratch = useScratch()

describe('removeTree', () => {
  test('takes everything away, and follows no link', () => {
    const { now } = scratch
    mkdirSync(now.path('kept'))
    writeFileSync(now.path('kept/file'), 'still here')
    mkdirSync(now.path('tree/a/b'), { recursive: true })
    writeFileSync(now.path('tree/a/b/file'), '')
    makeFifo(now.path('tree/fifo'), { mode: 0o600, uid: null, gid: null })
    symlinkSync(now.path('kept'), now.path('tree/link'))
    symlinkSync(now.path('kept/file'), now.path('tree/a/link'))
    removeTree(now.path('tree'))
    expect(existsSync(now.path('tree'))).toBe(false)
    expect(readFileSync(now.path('kept/file'), 'utf8')).toBe('still here')
  })

  test('thousands of levels, and directories without rights', () => {
    const { now } = scratch
    mkdirSync(now.path('tree'))
    let deep = now.path('tree')
    for (let part = 0; part < 20; part++) {
      mkdirSync(join(deep, `${'d/'.repeat(100)}e`), { recursive: true })
      // A path has 4,096 bytes at most: what is deep comes into being by being moved down.
      if (part > 0) continue
      deep = join(deep, 'd/'.repeat(99))
    }
    for (let level = 0; level < 30; level++) {
      mkdirSync(now.path('next'))
      renameSync(now.path('tree'), now.path('next/tree'))
      renameSync(now.path('next'), now.path('tree'))
    }
    mkdirSync(now.path('tree/locked/inner'), { recursive: true })
    chmodSync(now.path('tree/locked'), 0)
    removeTree(now.path('tree'))
    expect(existsSync(now.path('tree'))).toBe(false)
  })

  test('of a link removes the link', () => {
    const { now } = scratch
    mkdirSync(now.path('kept'))
    symlinkSync(now.path('kept'), now.path('link'))
    removeTree(now.path('link'))
    expect(existsSync(now.path('link'))).toBe(false)
    expect(existsSync(now.path('kept'))).toBe(true)
  })

  test('what is not there is gone', () => {
    removeTree(scratch.now.path('none'))
  })
})
