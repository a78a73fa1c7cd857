import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { breachesOf, type SourceFile } from './floors/check-floors.ts'
import { scanSource } from './floors/scan-source.ts'

const ROOT = join(import.meta.dirname, '..')

function sources(): SourceFile[] {
  return readdirSync(join(ROOT, 'src'), { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.ts'))
    .sort()
    .map((name) => ({ path: `src/${name}`, text: readFileSync(join(ROOT, 'src', name), 'utf8') }))
}

/** `{ 'os/a': "import …" }` as source files. */
function madeUp(files: Record<string, string>): SourceFile[] {
  return Object.entries(files).map(([name, text]) => ({ path: `src/${name}.ts`, text }))
}

describe('the floors of the house', () => {
  it('finds the files it is to check', () => {
    expect(sources().length).toBeGreaterThan(50)
  })

  it('holds for every file of src', () => {
    expect(breachesOf(sources())).toEqual([])
  })
})

describe('the check of the floors', () => {
  const clean: Record<string, string> = {
    'os/a': "import koffi from 'koffi'\nimport { readFileSync } from 'node:fs'",
    'lifecycle/b': "import type { X } from '../config/c.ts'\nimport { y } from '../rollout/d.ts'",
    'rollout/d': 'export const y = 1',
    'config/c': "import { z } from '../os/a.ts'\nexport type X = 1",
    'supervisor/e': "import { y } from '../lifecycle/b.ts'",
    'worker/f': "import { g } from '../wire/g.ts'\nimport net from 'node:net'",
    'wire/g': 'export const g = 1',
    'cli/h': "import { spawn } from 'node:child_process'\nimport { e } from '../supervisor/e.ts'",
    index: "export { e } from './supervisor/e.ts'",
  }

  it('finds nothing where there is nothing', () => {
    expect(breachesOf(madeUp(clean))).toEqual([])
  })

  it.each<[string, Record<string, string>, RegExp]>([
    [
      'an import that goes up',
      { 'os/a': "import { b } from '../config/c.ts'" },
      /src\/os\/a\.ts \(floor 0\) imports src\/config\/c\.ts \(floor 1\)/,
    ],
    ['a re-export that goes up', { 'logs/a': "export * from '../control/c.ts'" }, /floor 2\) imports .* \(floor 4\)/],
    ['a type that comes from above', { 'wire/a': "import type { B } from '../config/c.ts'" }, /floor 0\) imports/],
    ['an import over several lines', { 'os/a': "import {\n  b,\n  c,\n} from '../config/c.ts'" }, /floor 0\) imports/],
    ['a dynamic import that goes up', { 'os/a': "const b = await import('../config/c.ts')" }, /floor 0\) imports/],
    ['an import for its effect', { 'os/a': "import '../cli/h.ts'" }, /floor 0\) imports/],
    ['a folder on no floor', { 'plugins/a': '' }, /plugins is on no floor/],
    ['an import from outside of src', { 'os/a': "import x from '../../test/x.ts'" }, /outside of src/],
    ['an import of the worker from below', { 'supervisor/a': "import x from '../worker/f.ts'" }, /stands apart/],
    [
      'a circle',
      { 'os/a': "import './b.ts'", 'os/b': "import './a.ts'" },
      /a circle: src\/os\/a\.ts → src\/os\/b\.ts → src\/os\/a\.ts/,
    ],
    ['a file that imports itself', { 'os/a': "import './a.ts'" }, /a circle/],
    [
      'node:* in the core',
      { 'lifecycle/a': "import { join } from 'node:path'" },
      /imports node:path: the core is pure/,
    ],
    ['a package in the core', { 'rollout/a': "import x from 'valibot'" }, /imports valibot/],
    [
      'node:* behind the core',
      { 'lifecycle/a': "import { c } from '../config/x.ts'", 'config/x': "import 'node:fs'" },
      /reaches node:fs through src\/config\/x\.ts/,
    ],
    ['a clock in the core', { 'lifecycle/a': 'const now = Date.now()' }, /uses Date/],
    ['another clock', { 'election/a': 'const now = performance.now()' }, /uses performance/],
    ['dice in the core', { 'rollout/a': 'const x = Math.random()' }, /uses Math\.random/],
    ['a timer in the core', { 'rollout/a': 'setTimeout(() => {}, 1)' }, /uses setTimeout/],
    ['the environment in the core', { 'lifecycle/a': 'const x = process.env' }, /uses process\./],
    [
      'child_process in the supervisor',
      { 'supervisor/a': "import { spawn } from 'node:child_process'" },
      /uses node:child_process/,
    ],
    [
      'child_process by another door',
      { 'os/a': "process.getBuiltinModule('node:child_process')" },
      /uses node:child_process/,
    ],
    ['child_process without prefix', { 'config/a': "require('child_process')" }, /uses node:child_process/],
    ['koffi outside of os', { 'logs/a': "import koffi from 'koffi'" }, /uses koffi/],
    ['a worker that needs a package', { 'worker/a': "import x from 'pino'" }, /imports pino: the worker/],
    [
      'a worker that needs the house',
      { 'worker/a': "import type { X } from '../config/effective.ts'" },
      /imports src\/config\/effective\.ts: the worker/,
    ],
    ['a long file', { 'os/a': 'x\n'.repeat(401) }, /has 401 lines/],
    ['a name that says nothing', { 'os/string-utils': '' }, /"utils" does not say/],
  ])('sees %s', (_, files, expected) => {
    const breaches = breachesOf(madeUp(files))
    expect(breaches).toContainEqual(expect.stringMatching(expected))
  })

  it.each<[string, Record<string, string>]>([
    ['a circle of types', { 'os/a': "import type { B } from './b.ts'", 'os/b': "import { a } from './a.ts'" }],
    ['imports in comments', { 'os/a': "// import x from '../cli/x.ts'\n/* import '../cli/x.ts' */" }],
    ['imports in texts', { 'os/a': "const x = `import y from '../cli/x.ts'`\nconst z = \"import '../cli/x.ts'\"" }],
    ['quotes in a regular expression', { 'os/a': "const x = /['\"]/.test(y)\n// import '../cli/x.ts'" }],
    [
      'a process that is a variable',
      { 'lifecycle/a': 'const { process } = state\nconst date = { at: process, Date: 1 }' },
    ],
    ['the evaluation of a config', { 'config/evaluate-in-child': "import { spawn } from 'node:child_process'" }],
    ['a file of 400 lines', { 'os/a': 'x\n'.repeat(400) }],
  ])('lets %s be', (_, files) => {
    expect(breachesOf(madeUp(files))).toEqual([])
  })

  it('reads imports after templates with code in them', () => {
    const { imports } = scanSource("const a = `x${b ? `y${'z'}` : '}'}`\nimport { c } from './c.ts'")
    expect(imports).toEqual([{ specifier: './c.ts', typeOnly: false }])
  })
})
