import { mkdirSync, readdirSync, readFileSync, statSync, symlinkSync, writeFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { writeFileAtomically } from '../../src/os/atomic-file.ts'
import { useScratch } from './scratch.ts'

const scratch = useScratch()

test('writes text with exactly this mode, and leaves nothing beside', () => {
  const path = scratch.now.path('file')
  const umask = process.umask()
  writeFileAtomically(path, 'one ü\n', 0o600)
  writeFileAtomically(path, 'two\n', 0o646)
  expect(readFileSync(path, 'utf8')).toBe('two\n')
  expect(statSync(path).mode & 0o777).toBe(0o646)
  expect(process.umask()).toBe(umask)
  expect(readdirSync(scratch.now.directory).filter((name) => name.startsWith('file'))).toEqual(['file'])
})

test('readers see a whole text at any time', async () => {
  const path = scratch.now.path('file')
  const size = 300_000
  writeFileAtomically(path, 'a'.repeat(size), 0o600)
  const reader = scratch.now.sh(
    `i=0; while [ $i -lt 60 ]; do i=$((i+1)); cat ${path} | tr -s ab | tr -d '\\n'; cat ${path} | wc -c; done; echo end`,
  )
  for (let round = 0; !reader.output().endsWith('end\n'); round++) {
    writeFileAtomically(path, (round % 2 ? 'a' : 'b').repeat(size), 0o600)
    await new Promise((resolve) => setImmediate(resolve))
  }
  const lines = reader.output().trimEnd().split('\n').slice(0, -1)
  expect(lines).toHaveLength(60)
  for (const line of lines) expect(line).toMatch(/^[ab]300000$/)
})

test('a failure leaves the old text and no temporary file', () => {
  mkdirSync(scratch.now.path('directory'))
  expect(() => writeFileAtomically(scratch.now.path('directory'), 'x', 0o600)).toThrow(/rename .*\(EISDIR\)/)
  expect(readdirSync(scratch.now.directory)).toEqual(['directory'])
  expect(() => writeFileAtomically(scratch.now.path('no/file'), 'x', 0o600)).toThrow('ENOENT')
})

test('replaces a link instead of writing through it', () => {
  const target = scratch.now.path('target')
  writeFileSync(target, 'mine')
  symlinkSync(target, scratch.now.path('link'))
  writeFileAtomically(scratch.now.path('link'), 'new', 0o600)
  expect(readFileSync(target, 'utf8')).toBe('mine')
  expect(readFileSync(scratch.now.path('link'), 'utf8')).toBe('new')
})
