import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { apiPage } from '../../scripts/api-page/api-page.ts'
import { type PublicName, publicNames } from '../../scripts/api-page/public-names.ts'

const ROOT = join(import.meta.dirname, '../..')
const names = publicNames(ROOT)

describe('docs/reference/api.md', () => {
  test('is what scripts/docs.mjs makes of the docstrings', () => {
    expect(readFileSync(join(ROOT, 'docs/reference/api.md'), 'utf8')).toBe(apiPage(names))
  })

  test('has what the package exports when it runs', async () => {
    const modules = {
      holdfast: await import('../../src/index.ts'),
      'holdfast/worker': await import('../../src/worker/index.ts'),
    }
    for (const [module, found] of Object.entries(modules)) {
      const values = names.filter((one) => one.module === module && !['interface', 'type'].includes(one.kind))
      expect(values.map(({ name }) => name).sort()).toEqual(Object.keys(found).sort())
    }
  })
})

describe('what the package exports', () => {
  test.each(names.map((one) => [one.name, one] as const))('%s has a docstring, and each of its members', (_, one) => {
    expect(undocumented(one)).toEqual([])
  })

  test.each(names.filter(needsExample).map((one) => [one.name, one] as const))('%s has an example', (_, { doc }) => {
    expect(doc.tags.filter(({ name }) => name === 'example')).toHaveLength(1)
  })

  test('names no type that can not be imported', () => {
    const known = new Set(names.map(({ name }) => name))
    const strange = names.flatMap(({ name, signature, members }) => {
      const text = [signature, ...members.flatMap(({ signatures }) => signatures)].join('\n')
      return typesIn(text)
        .filter((type) => !known.has(type))
        .map((type) => `${name}: ${type}`)
    })
    expect(strange).toEqual([])
  })
})

function undocumented({ name, doc, members }: PublicName): string[] {
  const bare = members.filter((member) => member.doc.text === '' && member.doc.tags.length === 0)
  return [...(doc.text === '' ? [name] : []), ...bare.map((member) => `${name}.${member.name}`)]
}

const WRITTEN =
  /(Config|Context|Definition|Hooks|Map|Options|Settings)$|^(OperationRequest|RunningServer|Server|Supervisor|Worker)$/

/** What somebody calls, or writes an object of. */
function needsExample({ name, kind }: PublicName): boolean {
  const isValue = kind === 'function' || kind === 'class' || kind === 'value'
  return isValue || WRITTEN.test(name)
}

/** Words in capitals that are ours: not of the language, of Node, or a parameter. */
function typesIn(text: string): string[] {
  const code = text.replace(/\/\*.*?\*\/|'[^']*'/gs, '')
  const words = code.match(/(?<![\w.])[A-Z]\w+/g) ?? []
  return words.filter((word) => !OF_OTHERS.has(word))
}

const OF_OTHERS = new Set([
  'AbortSignal',
  'Config',
  'Date',
  'Error',
  'Exclude',
  'NodeJS',
  'Omit',
  'Pick',
  'Promise',
  'Readonly',
  'Record',
  'SharedArrayBuffer',
  'URL',
])
