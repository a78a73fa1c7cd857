// Whatever stands in a config: the answer comes soon, as a list of problems, each with a place and a way to mend it.
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { Worker } from 'node:worker_threads'
import fc from 'fast-check'
import { expect, onTestFinished, test } from 'vitest'
import { formatProblems, loadConfig, type Problem } from '../../src/config/load.ts'
import { temporaryDirectory } from './temporary-config.ts'

const examples = [
  ...[...readFileSync('docs/configuration.md', 'utf8').matchAll(/```yaml\n([\s\S]*?)```/g)].map(
    ([, text]) => text ?? '',
  ),
  'services:\n  a:\n    command: |\n      x\n    env: "x\n     y"\n',
  'a: &a [*a]\nservices: *a\n? b\n: c\n',
  '{ "services": { "web": { "command": ["a", "b"] } } }',
]

const BITS = [
  ...['[', ']', '{', '}', '"', "'", ',', ': ', ':', '- ', '? ', '|', '>', '|2-', '>+1', '#', '\\', '\\u', '~', '='],
  ...['&a ', '*a', '<<: *a', '<<', '---\n', '...\n', '%YAML 1.1\n', '%TAG ! x\n', '!!set', '!!binary ', '!<x> ', '!'],
  ...['\t', '\n', '\r', '\r\n', '\n\t', '\n  ', '    ', '\0', '\x07', '\u2028', '\ufeff', 'é', '😀', '@', '`'],
  ...['${', '${A', '${A:-', '$${', '${A}', 'null', '0x1F', '1e999', '.inf', '1:30:00', 'never', '-1', '10s', '64KB'],
  ...['include: /**\n', 'include: "*"\n', '**', '{a,b}', '{1..9999999}', '+(a|b)', '[!', 'services:\n', '  web:\n'],
]

interface Edit {
  readonly do: 'delete' | 'duplicate' | 'insert' | 'repeat' | 'swap lines' | 'indent'
  readonly at: number
  readonly length: number
  readonly bit: string
}

const edits = fc.array(
  fc.record<Edit>({
    do: fc.constantFrom('delete', 'duplicate', 'insert', 'insert', 'insert', 'repeat', 'swap lines', 'indent'),
    at: fc.nat(1_000_000),
    length: fc.integer({ min: 1, max: 40 }),
    bit: fc.oneof({ weight: 9, arbitrary: fc.constantFrom(...BITS) }, fc.string({ unit: 'binary', maxLength: 8 })),
  }),
  { minLength: 1, maxLength: 12 },
)

function edited(text: string, { do: what, at, length, bit }: Edit): string {
  const here = at % (text.length + 1)
  const [before, after] = [text.slice(0, here), text.slice(here)]
  if (what === 'delete') return before + after.slice(length)
  if (what === 'duplicate') return before + after.slice(0, length) + after
  if (what === 'insert') return before + bit + after
  if (what === 'repeat') return before + bit.repeat(length * 5) + after
  const lines = text.split('\n')
  const line = at % lines.length
  const [taken = ''] = lines.splice(line, 1)
  if (what === 'swap lines') lines.splice(length % (lines.length + 1), 0, taken)
  else lines.splice(line, 0, ' '.repeat(length % 9) + taken.trimStart())
  return lines.join('\n')
}

/** A config that never ends would only stop the test run, and nobody would know which. */
const WATCHDOG = `
  const { parentPort } = require('node:worker_threads')
  let timer
  parentPort.on('message', (text) => {
    clearTimeout(timer)
    timer = setTimeout(() => {
      require('node:fs').writeSync(2, 'a config that never ends: ' + JSON.stringify(text) + '\\n')
      process.kill(process.pid, 'SIGKILL')
    }, 10000)
  })`

test('a broken config ends soon, and every problem says what, where, and how to mend it', async () => {
  const file = join(temporaryDirectory(), 'holdfast.yaml')
  const watchdog = new Worker(WATCHDOG, { eval: true })
  onTestFinished(async () => void (await watchdog.terminate()))
  await fc.assert(
    fc.asyncProperty(fc.constantFrom(...examples), edits, async (example, changes) => {
      const text = changes.reduce(edited, example)
      writeFileSync(file, text)
      watchdog.postMessage(text)
      const startedAt = performance.now()
      const result = await loadConfig(file, { A: 'b' }, { uid: 0, moduleTimeout: 1000 })
      const problems = result.ok ? result.warnings : result.problems
      formatProblems(problems, { color: false })
      // Milliseconds; the bound is for a machine that is busy.
      expect(performance.now() - startedAt).toBeLessThan(2000)
      expect(result.ok || problems.length > 0).toBe(true)
      const lines = text.split('\n').length
      expect(problems.filter((problem) => !isHelpful(problem, lines))).toEqual([])
    }),
    { numRuns: 1000 },
  )
}, 60_000)

function isHelpful({ message, hint, line, column }: Problem, lines: number): boolean {
  const isPlaced = line >= 1 && line <= lines + 1 && column >= 1
  return isPlaced && message !== '' && hint !== '' && message.length <= 1000 && hint.length <= 1000
}
