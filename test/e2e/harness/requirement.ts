// What a test needs of the machine. Where it is missing the test is skipped, and says so aloud.
import { existsSync } from 'node:fs'
import { delimiter, join } from 'node:path'
import { test } from 'vitest'

export const isRoot = process.getuid?.() === 0

/** `test`, or a skip that names what is missing. */
export function testWhere(available: boolean, otherwise: string): typeof test {
  if (available) return test
  console.warn(`SKIPPED: ${otherwise}`)
  return test.skip as typeof test
}

/** `test` where the program is installed; `packageName` is Debian's. */
export function testWith(program: string, packageName: string): typeof test {
  return testWhere(isInstalled(program), `${program} is not installed (apt-get install ${packageName})`)
}

export function isInstalled(program: string): boolean {
  const directories = [...(process.env.PATH ?? '').split(delimiter), '/usr/sbin', '/sbin']
  return directories.some((directory) => existsSync(join(directory, program)))
}
