// The declarations of the package as those meet them who install it: tsc, with their settings, and without `skipLibCheck`.
import { spawnSync } from 'node:child_process'
import { cpSync, mkdirSync, mkdtempSync, readdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { publicNames } from '../../scripts/api-page/public-names.ts'

const ROOT = join(import.meta.dirname, '../..')
const STRICT = { target: 'es2023', lib: ['es2023'], module: 'nodenext', types: ['node'], strict: true, noEmit: true }

interface Checked {
  readonly status: number | null
  readonly output: string
}

/** A project that has installed the package. */
function project(): string {
  const directory = mkdtempSync(join(tmpdir(), 'holdfast-types-'))
  onTestFinished(() => rmSync(directory, { recursive: true, force: true }))
  mkdirSync(join(directory, 'node_modules'))
  symlinkSync(ROOT, join(directory, 'node_modules/holdfast'))
  for (const name of ['@types', 'vitest'])
    symlinkSync(join(ROOT, 'node_modules', name), join(directory, 'node_modules', name))
  writeFileSync(join(directory, 'package.json'), '{ "type": "module" }')
  return directory
}

function check(directory: string, options: object): Checked {
  writeFileSync(join(directory, 'tsconfig.json'), JSON.stringify({ compilerOptions: { ...STRICT, ...options } }))
  const tsc = join(ROOT, 'node_modules/typescript/bin/tsc')
  const { status, stdout } = spawnSync(process.execPath, [tsc, '-p', directory], { encoding: 'utf8' })
  return { status, output: stdout }
}

/** Of docs/reference/api.md, each a file of its own. */
function writeExamples(directory: string): number {
  const examples = publicNames(ROOT).flatMap(({ name, doc }) =>
    doc.tags.filter((tag) => tag.name === 'example').map(({ text }) => [name, text] as const),
  )
  for (const [index, [name, text]] of examples.entries()) {
    const [, code = ''] = /^```ts\n(.*?)^```$/ms.exec(text) ?? []
    // There is a `worker` and a `Worker`.
    writeFileSync(join(directory, `${index}-${name}.ts`), code)
  }
  return examples.length
}

test.each([
  ['as strict as can be', { exactOptionalPropertyTypes: true, noUncheckedIndexedAccess: true, skipLibCheck: false }],
  ['with a bundler', { module: 'esnext', moduleResolution: 'bundler', skipLibCheck: false }],
])('every example compiles: %s', (_, options) => {
  const directory = project()
  expect(writeExamples(directory)).toBeGreaterThan(20)
  expect(check(directory, options)).toEqual({ status: 0, output: '' })
})

test('the types hold for those who install the package, also from CommonJS', () => {
  const directory = project()
  const tests = join(ROOT, 'test/types')
  for (const name of readdirSync(tests)) cpSync(join(tests, name), join(directory, name))
  writeFileSync(
    join(directory, 'common.cts'),
    "import holdfast = require('holdfast')\nimport sdk = require('holdfast/worker')\n" +
      "export const code: Promise<number> = holdfast.defineServer({ name: 'a' }).command('status')\nsdk.worker.ready()\n",
  )
  expect(
    check(directory, { exactOptionalPropertyTypes: true, noUncheckedIndexedAccess: true, skipLibCheck: true }),
  ).toEqual({ status: 0, output: '' })
})

test.each(['node16', 'node18', 'nodenext'])('a project of CommonJS: module %s', (module) => {
  const directory = project()
  writeFileSync(join(directory, 'package.json'), '{ "type": "commonjs" }')
  writeFileSync(
    join(directory, 'shop.ts'),
    "import { defineServer, HoldfastError, type ServerOptions } from 'holdfast'\nimport { worker } from 'holdfast/worker'\n" +
      "const options: ServerOptions<{ port: number }> = { name: 'a', config: { port: 80 }, worker: { run: (ctx) => ctx.config.port } }\n" +
      'export const code: Promise<number | HoldfastError> = defineServer(options).command("status")\nworker.ready()\n',
  )
  const strict = { exactOptionalPropertyTypes: true, noUncheckedIndexedAccess: true, skipLibCheck: false }
  expect(check(directory, { module, ...strict })).toEqual({ status: 0, output: '' })
})

test('what is wrong is seen', () => {
  const directory = project()
  writeFileSync(
    join(directory, 'wrong.ts'),
    "import { defineServer } from 'holdfast'\ndefineServer({ name: 'shop', wokers: 2, worker: { run() {} } })\n",
  )
  const { status, output } = check(directory, {})
  expect(status).not.toBe(0)
  expect(output).toMatch(/wrong\.ts\(2,\d+\): error TS2561: .*'wokers' does not exist.*'workers'/)
})
