import { readdir } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import picomatch from 'picomatch'

// A pattern that looks at more is not meant: `**` at the root of a large tree.
const MOST_ENTRIES = 20_000

export interface Matches {
  readonly isGlob: boolean
  /** Absolute, sorted; a path without glob characters is its only match, whether it exists or not. */
  readonly files: readonly string[]
  /** The search was given up. */
  readonly tooMany: boolean
}

/**
 * Files that match a glob relative to `directory`. Goes only as deep as the pattern says, and not into `node_modules`, hidden
 * directories, or directories behind symbolic links.
 */
export async function matchFiles(pattern: string, directory: string): Promise<Matches> {
  const { base, glob, isGlob } = picomatch.scan(pattern)
  if (!isGlob) return { isGlob: false, files: [resolve(directory, pattern)], tooMany: false }
  const root = resolve(directory, base)
  const isMatch = picomatch(glob)
  const deepest = glob.includes('**') ? Number.POSITIVE_INFINITY : glob.split('/').length
  const files: string[] = []
  let seen = 0
  const pending = [{ path: root, relative: '', depth: 1 }]
  for (let next = pending.pop(); next !== undefined && seen <= MOST_ENTRIES; next = pending.pop()) {
    for (const entry of await entriesOf(next.path)) {
      seen++
      const relative = next.relative + entry.name
      if (!entry.isDirectory() && isMatch(relative)) files.push(join(root, relative))
      const isWorthIt = entry.isDirectory() && !entry.name.startsWith('.') && entry.name !== 'node_modules'
      if (isWorthIt && next.depth < deepest)
        pending.push({ path: join(next.path, entry.name), relative: `${relative}/`, depth: next.depth + 1 })
    }
  }
  return { isGlob: true, files: files.sort(), tooMany: seen > MOST_ENTRIES }
}

/** A directory that is not there, or not for us, has no matches. */
async function entriesOf(directory: string) {
  try {
    return await readdir(directory, { withFileTypes: true })
  } catch {
    return []
  }
}
