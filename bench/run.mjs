// Bundles bench/main.ts (Node 20 does not run TypeScript) and runs it: npm run bench -- --help
import { mkdirSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { build } from 'esbuild'

const root = join(dirname(fileURLToPath(import.meta.url)), '..')
const results = join(root, 'bench/results')
mkdirSync(results, { recursive: true })
const outfile = join(results, `.bench.${process.pid}.mjs`)
await build({
  absWorkingDir: root,
  entryPoints: ['bench/main.ts'],
  outfile,
  bundle: true,
  platform: 'node',
  format: 'esm',
  target: 'node20.19',
  sourcemap: 'inline',
  logLevel: 'warning',
})
const { main } = await import(outfile)
await main({ root, results, bundle: outfile, argv: process.argv.slice(2) })
