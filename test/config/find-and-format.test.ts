import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { findConfig } from '../../src/config/find-config.ts'
import { formatProblems, loadConfig } from '../../src/config/load.ts'
import { defaultName, defaultRuntimeDir, pointerBases, runtimeBase } from '../../src/config/runtime-base.ts'
import { filesIn, loadProblems } from './temporary-config.ts'

describe('which config is meant', () => {
  test('the first of the known names in the directory, else that of the system', () => {
    const directory = filesIn({
      'holdfast.ts': '',
      'holdfast.json': '',
      'other.yaml': '',
      'system.yaml': '',
      'sub/holdfast.mjs': '',
      'sub2/holdfast.yaml/x': '',
    })
    const system = join(directory, 'system.yaml')
    expect(findConfig(directory, null, system)).toBe(join(directory, 'holdfast.json'))
    expect(findConfig(join(directory, 'sub'), undefined, system)).toBe(join(directory, 'sub/holdfast.mjs'))
    expect(findConfig(join(directory, 'sub2'), '', system)).toBe(system)
    expect(findConfig('/nowhere', null, system)).toBe(system)
    expect(findConfig('/nowhere', null, '/nowhere/holdfast.yaml')).toBeNull()
  })

  test('the named one, whether it exists or not', () => {
    expect(findConfig('/srv', 'a.yaml')).toBe('/srv/a.yaml')
    expect(findConfig('/srv', '/etc/a.yaml')).toBe('/etc/a.yaml')
  })
})

describe('where runtime directories lie', () => {
  test('by user and environment', () => {
    expect(runtimeBase({ XDG_RUNTIME_DIR: '/run/user/7' }, 0)).toBe('/run/holdfast')
    expect(runtimeBase({ XDG_RUNTIME_DIR: '/run/user/7' }, 7)).toBe('/run/user/7/holdfast')
    expect(runtimeBase({ XDG_RUNTIME_DIR: 'relative' }, 7)).toBe('/tmp/holdfast-7')
    expect(runtimeBase({}, 7)).toBe('/tmp/holdfast-7')
    expect(defaultRuntimeDir({}, 7, 'shop')).toBe('/tmp/holdfast-7/shop')
    expect(pointerBases({ XDG_RUNTIME_DIR: '/x' }, 7)).toEqual([
      '/x/holdfast',
      '/run/holdfast',
      '/run/user/7/holdfast',
      '/tmp/holdfast-7',
    ])
    expect(pointerBases({}, 0)).toEqual(['/run/holdfast', '/run/user/0/holdfast', '/tmp/holdfast-0'])
  })

  test.each([
    ['/srv/shop/holdfast.yaml', 'shop'],
    ['/srv/My Shop 2/holdfast.yaml', 'My-Shop-2'],
    ['/srv/.config/holdfast.yaml', 'config'],
    ['/srv/2024/holdfast.yaml', 'holdfast'],
    ['/holdfast.yaml', 'holdfast'],
    ['/srv/ü/holdfast.yaml', 'holdfast'],
    ['/srv/by-config/holdfast.yaml', 'holdfast'],
    [`/srv/${'a'.repeat(80)}/holdfast.yaml`, 'a'.repeat(63)],
  ])('the name of %s is %s', (file, name) => expect(defaultName(file)).toBe(name))

  test('the commands that must be quick load no parser for it', () => {
    for (const name of ['find-config', 'runtime-base', 'did-you-mean']) {
      const source = readFileSync(join(import.meta.dirname, `../../src/config/${name}.ts`), 'utf8')
      const imports = [...source.matchAll(/from '([^']+)'/g)].map(([, from]) => from)
      expect(imports.filter((from) => from !== 'node:path' && from !== 'node:fs')).toEqual([])
    }
  })
})

describe('problems for a terminal', () => {
  const formatted = async (yaml: string, color = false) =>
    formatProblems(await loadProblems(yaml), { color }).replaceAll(/\/\S*\/holdfast\.yaml/g, 'holdfast.yaml')

  test('place, path, message, caret and hint', async () => {
    expect(await formatted('services:\n  web:\n    command: x\n    restrat: {}\n    instances: four\n')).toBe(`\
holdfast.yaml:4:5: services.web.restrat: unknown key "restrat"
      restrat: {}
      ^^^^^^^
  Did you mean "restart"?

holdfast.yaml:5:16: services.web.instances: expected a number of workers, found text "four"
      instances: four
                 ^^^^
  Write a whole number from 0 to 10000, cpus, or cpus-1.
`)
  })

  test('in colour', async () => {
    const text = await formatted('nme: a\n', true)
    expect(text).toContain('\x1b[31munknown key "nme"\x1b[0m')
    expect(text.replaceAll(/\x1b\[\d+m/g, '')).toBe(await formatted('nme: a\n'))
  })

  test('without a position where there is none', async () => {
    const result = await loadConfig('/nowhere/holdfast.yaml', {})
    expect(result.ok ? '' : formatProblems(result.problems, { color: false })).toBe(
      '/nowhere/holdfast.yaml: cannot open it: no such file or directory\n  Check the path and its permissions.\n',
    )
  })

  test('a config can not drive the terminal', async () => {
    const text = await formatted('services:\n  "a\\e[31m": { command: x }\nx\u009b31m: 1\n')
    expect(text).not.toMatch(/[\x00-\x09\x0b-\x1f\x7f-\x9f]/)
  })

  test('a long line is cut around the place, tabs stay', async () => {
    const [problem] = await loadProblems(
      `{\t"services":\t{ "a": { "command": "${'x'.repeat(500)}", "comand": 1, "description": "${'y'.repeat(500)}" } } }`,
    )
    expect(problem?.excerpt).toMatch(/^….*"comand".*…$/)
    expect(problem?.excerpt.slice(problem.caret.length - 8, problem.caret.length)).toBe('"comand"')
  })

  test('hundreds of problems are counted, not all shown', async () => {
    const text = await formatted(Array.from({ length: 80 }, (_, index) => `k${index}: 1`).join('\n'))
    expect(text.match(/unknown key/g)).toHaveLength(50)
    expect(text).toContain('… and 30 more\n')
  })
})
