// Writes the reference pages: config.md, errors.md and signals.md from tables, api.md from docstrings.
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { build } from 'esbuild'

const root = join(dirname(fileURLToPath(import.meta.url)), '..')
// TypeScript, which is not bundled, is found from here.
const scratch = mkdtempSync(join(root, 'node_modules/.holdfast-docs-'))
try {
  const { referencePage } = await bundled('src/config/reference-page.ts')
  const { errorsPage } = await bundled('src/errors/reference-page.ts')
  const { signalsPage } = await bundled('src/server/signals-page.ts')
  const { publicNames } = await bundled('scripts/api-page/public-names.ts')
  const { apiPage } = await bundled('scripts/api-page/api-page.ts')
  const directory = join(root, 'docs/reference')
  mkdirSync(directory, { recursive: true })
  writeFileSync(join(directory, 'config.md'), referencePage())
  writeFileSync(join(directory, 'errors.md'), errorsPage())
  writeFileSync(join(directory, 'signals.md'), signalsPage())
  writeFileSync(join(directory, 'api.md'), apiPage(publicNames(root)))
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
    external: ['typescript'],
    logLevel: 'warning',
  })
  return import(outfile)
}
