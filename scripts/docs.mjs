// Writes the reference pages that are made from tables: docs/reference/config.md and docs/reference/errors.md.
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { build } from 'esbuild'

const root = join(dirname(fileURLToPath(import.meta.url)), '..')
const scratch = mkdtempSync(join(tmpdir(), 'holdfast-docs-'))
try {
  const { referencePage } = await bundled('src/config/reference-page.ts')
  const { errorsPage } = await bundled('src/errors/reference-page.ts')
  const directory = join(root, 'docs/reference')
  mkdirSync(directory, { recursive: true })
  writeFileSync(join(directory, 'config.md'), referencePage())
  writeFileSync(join(directory, 'errors.md'), errorsPage())
} finally {
  rmSync(scratch, { recursive: true, force: true })
}

/** Node 20 does not read TypeScript by itself. */
async function bundled(source) {
  const outfile = join(scratch, `${source.replaceAll('/', '-')}.mjs`)
  await build({
    absWorkingDir: root,
    bundle: true,
    platform: 'node',
    format: 'esm',
    entryPoints: [source],
    outfile,
    logLevel: 'warning',
  })
  return import(outfile)
}
