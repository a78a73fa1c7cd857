import { readdir } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import picomatch from 'picomatch'
import { shorten } from './written-scalar.ts'

// A pattern that looks at more is not meant: `**` at the root of a large tree.
const MOST_ENTRIES = 20_000
const LONGEST_PATTERN = 1_000
// Matching is by backtracking, and its time grows with the length of a name to the power of their number.
const MOST_WILDCARDS_IN_A_NAME = 5

export type Matches =
  /** Absolute, sorted; a path without glob characters is its only match, whether it exists or not. */
  | { readonly ok: true; readonly isGlob: boolean; readonly files: readonly string[] }
  | { readonly ok: false; readonly problem: string; readonly mend: string }

/**
 * Files that match a glob relative to `directory`. Goes only as deep as the pattern says, and not into `node_modules`, hidden
 * directories, or directories behind symbolic links. A glob that does not say how the names end means YAML and JSON.
 */
export async function matchFiles(pattern: string, directory: string): Promise<Matches> {
  if (pattern.length > LONGEST_PATTERN)
    return refused(`the pattern has ${pattern.length} characters`, 'Write several short patterns.')
  const { base, glob, isGlob } = picomatch.scan(pattern)
  if (!isGlob) return { ok: true, isGlob: false, files: [resolve(directory, pattern)] }
  if (glob.split('/').some((name) => (name.match(/[*?+]/g)?.length ?? 0) > MOST_WILDCARDS_IN_A_NAME))
    return refused(`"${shorten(pattern)}" has too many wildcards`, 'Write several simpler patterns.')
  const root = resolve(directory, base)
  const isMatch = picomatch(glob)
  const deepest = glob.includes('**') ? Number.POSITIVE_INFINITY : glob.split('/').length
  const files: string[] = []
  let seen = 0
  const pending = [{ path: root, relative: '', depth: 1 }]
  for (let next = pending.pop(); next !== undefined; next = pending.pop()) {
    for (const entry of await entriesOf(next.path)) {
      seen++
      const relative = next.relative + entry.name
      if (!entry.isDirectory() && isMeant(entry.name, glob) && isMatch(relative)) files.push(join(root, relative))
      const isWorthIt = entry.isDirectory() && !entry.name.startsWith('.') && entry.name !== 'node_modules'
      if (isWorthIt && next.depth < deepest)
        pending.push({ path: join(next.path, entry.name), relative: `${relative}/`, depth: next.depth + 1 })
    }
    if (seen > MOST_ENTRIES)
      return refused(
        `"${shorten(pattern)}" looks through too many files: more than ${MOST_ENTRIES}`,
        'Name the directory more exactly.',
      )
  }
  return { ok: true, isGlob: true, files: files.sort() }
}

function refused(problem: string, mend: string): Matches {
  return { ok: false, problem, mend }
}

/** `**` beside a program must not run its modules, nor read `web.yaml~` or a README as a config. */
function isMeant(name: string, glob: string): boolean {
  const saysHowNamesEnd = /\.[^*?./]+$/.test(glob)
  return saysHowNamesEnd || /\.(ya?ml|json)$/.test(name)
}

/** A directory that is not there, or not for us, has no matches. */
async function entriesOf(directory: string) {
  try {
    return await readdir(directory, { withFileTypes: true })
  } catch {
    return []
  }
}
