// What a forkserver is to load, and a forked worker to run: files that are not there.
import { existsSync } from 'node:fs'
import { basename, extname, resolve } from 'node:path'
import type { ForkserverRuntime } from './effective.ts'

/** Between a file and the function in it. */
const FUNCTION: Readonly<Record<ForkserverRuntime, RegExp>> = {
  node: /#[^/]*$/,
  python: /:[^/]*$/,
  perl: /::[^/]*$/,
  ruby: /:[^/]*$/,
}

/**
 * The path of a file that is named and not there; null: it is there, or a module that only the language can find. What has a slash is
 * a file; without an ending, though, several files may be meant.
 */
export function missingFile(named: string, runtime: ForkserverRuntime, directory: string): string | null {
  if (!named.includes('/')) return null
  const file = resolve(directory, named.replace(FUNCTION[runtime], ''))
  return extname(basename(file)) === '' || existsSync(file) ? null : file
}
