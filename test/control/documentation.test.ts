import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { GLOBAL_OPTIONS, VERBS } from '../../src/cli/verb-table.ts'
import { ROUTES } from '../../src/control/routes.ts'

const docs = join(import.meta.dirname, '../../docs')
const api = readFileSync(join(docs, 'control-api.md'), 'utf8')
const cli = readFileSync(join(docs, 'cli.md'), 'utf8')
const rows = api.split('\n').filter((line) => line.startsWith('| `'))

describe('docs/control-api.md', () => {
  test.each(ROUTES.map((route) => [`${route.method} ${route.path}`, route] as const))(
    'has a row for %s',
    (name, route) => {
      const row = rows.find((line) => line.startsWith(`| \`${name}\` |`)) ?? ''
      expect(row).not.toBe('')
      for (const option of [...Object.keys(route.query), ...Object.keys(route.body)])
        expect(row).toContain(`\`${option}`)
      expect(row.includes('| owner |')).toBe(route.access === 'owner')
    },
  )

  test('and for nothing else', () => {
    expect(rows).toHaveLength(ROUTES.length)
  })
})

describe('docs/cli.md', () => {
  test.each(VERBS.filter(({ hidden }) => !hidden).map((verb) => [verb.name, verb] as const))(
    'tells of %s',
    (name, verb) => {
      expect(cli).toMatch(new RegExp(`[\`* ]${name}[\` ]`))
      for (const option of verb.options) expect(cli).toContain(`--${option.long}`)
    },
  )

  test('and of the options for every command', () => {
    for (const option of GLOBAL_OPTIONS) expect(cli).toContain(`\`--${option.long}`)
  })
})
