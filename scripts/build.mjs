// Builds dist/ and swaps it in with one rename, so that a running `holdfast` never meets half a build.
// Does nothing when dist/ was built from the same sources.
import { execFileSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import {
  chmodSync,
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { dirname, join, relative } from 'node:path'
import { fileURLToPath } from 'node:url'

/** esbuild's ESM output has no `require`, which koffi (CommonJS, native) is loaded with. */
const requireShim = "const require = process.getBuiltinModule('node:module').createRequire(import.meta.url);"

const root = join(dirname(fileURLToPath(import.meta.url)), '..')
const dist = join(root, 'dist')
const force = process.argv.includes('--force')

const fingerprint = hashOfSources()
if (
  !force &&
  existsSync(join(dist, '.built-from')) &&
  readFileSync(join(dist, '.built-from'), 'utf8') === fingerprint
) {
  process.exit(0)
}
if (!existsSync(join(root, 'node_modules/esbuild'))) {
  // Installed as somebody's dependency: the package already carries dist/.
  process.exit(0)
}
const { recordBytecode } = await import('./bytecode.mjs')
const { build } = await import('esbuild')
const version = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')).version
const staging = join(root, `dist.${process.pid}`)
rmSync(staging, { recursive: true, force: true })
mkdirSync(staging)
try {
  await bundleAll(staging)
  escapeWideCharacters(staging)
  writeDeclarations(staging)
  await writeSchema(staging)
  chmodSync(join(staging, 'cli.cjs'), 0o755)
  tryToRecordBytecode(staging)
  writeFileSync(join(staging, '.built-from'), fingerprint)
  swapIn(staging)
} finally {
  rmSync(staging, { recursive: true, force: true })
}

function tryToRecordBytecode(directory) {
  try {
    recordBytecode(directory, join(root, 'scripts'))
  } catch (error) {
    const reason = String(error.stderr || error.message).trim()
    for (const name of readdirSync(directory)) if (name.endsWith('.bytecode')) rmSync(join(directory, name))
    console.error(`holdfast: built without V8 bytecode, commands start some milliseconds later: ${reason}`)
  }
}

async function bundleAll(outdir) {
  const common = {
    absWorkingDir: root,
    bundle: true,
    platform: 'node',
    target: 'node20.19',
    external: ['koffi', './run-worker.js', './fork-worker.js', './fork-node-runner.cjs'],
    define: { __HOLDFAST_VERSION__: JSON.stringify(version) },
    legalComments: 'none',
    logLevel: 'warning',
    metafile: true,
  }
  const cjs = {
    ...common,
    format: 'cjs',
    minifyWhitespace: true,
    minifySyntax: true,
    supported: { 'dynamic-import': false },
  }
  // The hot verbs load main.cjs alone; what a dynamic import names is a bundle of its own beside it.
  const bundles = await Promise.all([
    build({
      ...cjs,
      // Compiling is half of what a short command costs beyond Node itself: 46 KB instead of 61.
      minifyIdentifiers: true,
      entryPoints: ['src/cli/main.ts'],
      outfile: join(outdir, 'main.cjs'),
      plugins: [neighbours()],
    }),
    build({
      ...cjs,
      entryPoints: ['src/cli/start.ts'],
      outfile: join(outdir, 'cli.cjs'),
      banner: { js: '#!/usr/bin/env node' },
    }),
    build({
      ...cjs,
      entryPoints: ['src/cli/supervise.ts'],
      outfile: join(outdir, 'supervise.cjs'),
      plugins: [neighbours()],
    }),
    build({ ...cjs, entryPoints: ['src/cli/offline.ts'], outfile: join(outdir, 'offline.cjs') }),
    build({
      ...cjs,
      entryPoints: ['src/server/server-bundle.ts'],
      outfile: join(outdir, 'server.cjs'),
      plugins: [neighbours()],
    }),
    build({ ...cjs, entryPoints: ['src/config/load.ts'], outfile: join(outdir, 'load.cjs') }),
    build({ ...cjs, entryPoints: ['src/index.ts'], outfile: join(outdir, 'index.cjs'), plugins: [neighbours()] }),
    build({
      ...common,
      format: 'esm',
      // An import of CommonJS reads all of it for the names of its exports, in JavaScript: 100 ms for server.cjs on Node 20.
      supported: { 'dynamic-import': false },
      entryPoints: ['src/index.ts'],
      outfile: join(outdir, 'index.js'),
      plugins: [neighbours(), builtinsByName()],
      banner: { js: requireShim },
    }),
    ...['run-worker', 'fork-worker'].map((name) =>
      build({
        ...common,
        format: 'esm',
        entryPoints: [`src/server/${name}.ts`],
        outfile: join(outdir, `${name}.js`),
        plugins: [builtinsByName()],
        banner: { js: requireShim },
      }),
    ),
    build({ ...common, format: 'esm', entryPoints: ['src/worker/index.ts'], outfile: join(outdir, 'worker.js') }),
    build({ ...cjs, entryPoints: ['src/worker/index.ts'], outfile: join(outdir, 'worker.cjs') }),
    build({ ...cjs, entryPoints: ['src/forkserver/node/main.ts'], outfile: join(outdir, 'fork-node.cjs') }),
    build({ ...cjs, entryPoints: ['src/forkserver/node/runner.ts'], outfile: join(outdir, 'fork-node-runner.cjs') }),
  ])
  cpSync(join(root, 'src/config/evaluate-module.mjs'), join(outdir, 'evaluate-module.mjs'))
  cpSync(join(root, 'src/forkserver/python/holdfast_fork.py'), join(outdir, 'fork-python.py'))
  cpSync(join(root, 'src/forkserver/perl/holdfast-fork.pl'), join(outdir, 'fork-perl.pl'))
  cpSync(join(root, 'src/forkserver/ruby/holdfast_fork.rb'), join(outdir, 'fork-ruby.rb'))
  writeNotices(outdir, bundles)
}

/**
 * One character beyond Latin-1, and V8 holds the whole source in two bytes for each: half a megabyte in each server. esbuild
 * escapes them in texts; what is left stands in comments and regular expressions, where the escape means the same.
 */
function escapeWideCharacters(directory) {
  for (const name of readdirSync(directory)) {
    if (!/\.c?js$/.test(name)) continue
    const file = join(directory, name)
    const text = readFileSync(file, 'utf8')
    const escaped = text.replace(/[^\x00-\xff]/g, (wide) => `\\u${wide.charCodeAt(0).toString(16).padStart(4, '0')}`)
    if (escaped !== text) writeFileSync(file, escaped)
  }
}

/** Dynamic imports of these modules stay imports, of the bundle that stands beside. */
function neighbours() {
  const own = {
    'cli/supervise.ts': './supervise.cjs',
    'cli/offline.ts': './offline.cjs',
    'config/load.ts': './load.cjs',
    'server/server-bundle.ts': './server.cjs',
  }
  return {
    name: 'neighbours',
    setup(hooks) {
      hooks.onResolve({ filter: /\.ts$/ }, (args) => {
        if (args.kind !== 'dynamic-import') return undefined
        const target = relative(join(root, 'src'), join(args.resolveDir, args.path))
        const bundle = own[target]
        return bundle ? { path: bundle, external: true } : undefined
      })
    },
  }
}

/**
 * `import 'node:util'` in an ES module loads all that the module's getters would load when they are asked: a dozen of Node's own
 * modules in each process that imports ours.
 */
function builtinsByName() {
  const namespace = 'builtin'
  return {
    name: 'builtins-by-name',
    setup(hooks) {
      hooks.onResolve({ filter: /^node:/ }, ({ path, kind }) =>
        kind === 'import-statement' ? { path, namespace } : undefined,
      )
      hooks.onLoad({ filter: /.*/, namespace }, ({ path }) => ({
        contents: `module.exports = process.getBuiltinModule('${path}')`,
      }))
    },
  }
}

function writeNotices(outdir, bundles) {
  const packages = new Set()
  for (const { metafile } of bundles) {
    for (const input of Object.keys(metafile.inputs)) {
      const match = /node_modules\/((?:@[^/]+\/)?[^/]+)/.exec(input)
      if (match) packages.add(match[1])
    }
  }
  const sections = [...packages].sort().map((name) => {
    const directory = join(root, 'node_modules', name)
    const manifest = JSON.parse(readFileSync(join(directory, 'package.json'), 'utf8'))
    const license = readdirSync(directory).find((file) => /^licen[cs]e/i.test(file))
    return `${name} ${manifest.version} (${manifest.license})\n\n${license ? readFileSync(join(directory, license), 'utf8') : ''}`
  })
  writeFileSync(join(outdir, 'THIRD-PARTY-NOTICES.txt'), sections.join('\n---\n\n'))
}

function writeDeclarations(outdir) {
  const types = join(outdir, 'types')
  execFileSync(
    process.execPath,
    [join(root, 'node_modules/typescript/bin/tsc'), '-p', 'tsconfig.types.json', '--outDir', types],
    {
      cwd: root,
      stdio: 'inherit',
    },
  )
  // The same text once more: whether a declaration is an ES module's or a CommonJS one's stands in the package.json beside it.
  const commonjs = join(outdir, 'types-commonjs')
  cpSync(types, commonjs, { recursive: true })
  writeFileSync(join(commonjs, 'package.json'), '{ "type": "commonjs" }\n')
}

async function writeSchema(outdir) {
  const scratch = join(outdir, 'schema.tmp.mjs')
  await build({
    absWorkingDir: root,
    bundle: true,
    platform: 'node',
    format: 'esm',
    entryPoints: ['src/config/json-schema.ts'],
    outfile: scratch,
    logLevel: 'warning',
  })
  const { jsonSchema } = await import(scratch)
  rmSync(scratch)
  writeFileSync(join(outdir, 'schema.json'), `${JSON.stringify(jsonSchema(), null, 2)}\n`)
}

function swapIn(directory) {
  const old = join(root, `dist.old.${process.pid}`)
  if (existsSync(dist)) renameSync(dist, old)
  renameSync(directory, dist)
  rmSync(old, { recursive: true, force: true })
}

function hashOfSources() {
  const hash = createHash('sha256')
  const scripts = ['scripts/build.mjs', 'scripts/bytecode.mjs', 'scripts/record-bytecode.cjs']
  const files = ['package.json', 'package-lock.json', 'tsconfig.json', 'tsconfig.types.json', ...scripts]
  for (const file of [...files, ...walk(join(root, 'src'))].map((file) =>
    join(root, relative(root, join(root, file))),
  )) {
    if (!existsSync(file)) continue
    hash.update(relative(root, file)).update('\0').update(readFileSync(file)).update('\0')
  }
  return hash.digest('hex')
}

function walk(directory) {
  if (!existsSync(directory)) return []
  return readdirSync(directory, { withFileTypes: true, recursive: true })
    .filter((entry) => entry.isFile())
    .map((entry) => relative(root, join(entry.parentPath ?? entry.path, entry.name)))
    .sort()
}
