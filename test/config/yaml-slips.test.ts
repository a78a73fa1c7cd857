// Slips in YAML: each is told once, at its place, in plain words.
import { describe, expect, test } from 'vitest'
import { load, loadProblems } from './temporary-config.ts'

type Slip = readonly [what: string, yaml: string, told: readonly string[], hint: string]

const inWeb = (body: string) => `services:\n  web:\n    command: node a.js\n${body.replace(/^/gm, '    ')}\n`
const BRACES = 'Within { } and [ ] YAML takes the braces for its own.'
const COLUMNS = 'What belongs together begins in the same column; what belongs to a key is indented below it.'

describe('YAML', () => {
  test.each<Slip>([
    [
      'a variable in braces',
      inWeb('env: { A: ${HOME} }\ntags: [a, "${X}"]'),
      ['4:15 ${HOME} needs quotes here'],
      `${BRACES} Write it in quotes: "\${HOME}".`,
    ],
    [
      'a variable in brackets, as a part',
      inWeb('stop: { command: [kill, --port=${PORT}/x, b] }'),
      ['4:29 --port=${PORT}/x needs quotes here'],
      `${BRACES} Write it in quotes: "--port=\${PORT}/x".`,
    ],
    ['a tab', 'services:\n\tweb: x\n', ['2:1 a tab is used to indent'], 'YAML indents with blanks.'],
    [
      'indented too little',
      'services:\n  web:\n    command: x\n   instances: 2\n',
      ['4:4 this line is not indented as those around it'],
      COLUMNS,
    ],
    [
      'indented too much',
      'services:\n  web:\n    command: x\n      instances: 2\n',
      ['4:7 this line is not indented as those around it'],
      COLUMNS,
    ],
    [
      'no colon',
      'services:\n  web\n    command: x\n',
      ['2:3 there is no ":" after this key'],
      'Write KEY: VALUE, or KEY: with what belongs to it indented below.',
    ],
    [
      'a colon in a value',
      inWeb('description: note: it works # yes'),
      ['4:18 this value has a ": " in it'],
      'Write it in quotes: "note: it works".',
    ],
    ['an open quote', inWeb('description: "abc'), ['4:18 this quote is not closed'], 'Close it with ".'],
    ['an open single quote', inWeb("description: 'abc"), ['4:18 this quote is not closed'], "Close it with '."],
    [
      'an open bracket',
      inWeb('tags: [a, b\ncwd: x'),
      ['4:11 this [ is not closed'],
      'Close it with ]; what stands between must be indented.',
    ],
    [
      'an open brace',
      'services:\n  web: { command: "{x}"\n  db: { command: y }\n',
      ['2:8 this { is not closed'],
      'Close it with }; what stands between must be indented.',
    ],
    [
      'an open brace in JSON',
      '{ "services": { "web": { "command": "x" } }',
      ['1:1 this { is not closed'],
      'Close it with }; what stands between must be indented.',
    ],
    [
      'a brace too many',
      'services: { web: { command: x }}}\n',
      ['1:33 this } closes nothing'],
      'Take it out, or open it before.',
    ],
    ['an at sign', inWeb('description: @web'), ['4:18 a value can not begin with @'], 'Write it in quotes: "@web".'],
    [
      'a backslash',
      inWeb('ready: { log: "\\d+" }'),
      ['4:20 \\d means nothing in double quotes'],
      'Use single quotes, or write the backslash twice.',
    ],
    [
      'a star',
      'include: *.yaml\n',
      ['1:10 there is no anchor &.yaml before this alias'],
      'If *.yaml is meant as text, write it in quotes; else put the anchor first.',
    ],
    [
      'no blank after a colon',
      inWeb('env: { PORT:8080, URL: "a:b" }'),
      ['4:12 a blank is missing after the colon'],
      'Write PORT: 8080.',
    ],
    [
      'text after a quote',
      inWeb('cwd: "a" b'),
      ['4:14 the value has ended before this'],
      'Put the whole value in quotes.',
    ],
    [
      'an INI file',
      '; of supervisord\n\n[program:web]\ncommand=node x\n',
      ['3:1 this is an INI file, as of supervisord or systemd'],
      'Holdfast reads YAML: services: { web: { command: … } }. See docs/coming-from.md.',
    ],
    [
      'a module',
      '// pm2\nmodule.exports = { apps: [{ name: "a" }] }\n',
      ['2:1 this is a JavaScript module'],
      'Name the file holdfast.mjs (or .js, .ts), or write YAML.',
    ],
  ])('%s', async (_what, yaml, told, hint) => {
    const problems = await loadProblems(yaml)
    expect(problems.map(({ line, column, message }) => `${line}:${column} ${message}`)).toEqual(told)
    expect(problems[0]?.hint).toBe(hint)
  })

  test('slips on two lines are two errors', async () => {
    const problems = await loadProblems(inWeb('description: a: b\ncwd: c: d'))
    expect(problems.map(({ line, message }) => `${line} ${message}`)).toEqual([
      '4 this value has a ": " in it',
      '5 this value has a ": " in it',
    ])
  })

  test('what is sound stays sound', async () => {
    const sound = [
      'env: { "a:b": x, URL: http://x:80/, TIME: 12:30 }',
      'command: "echo ${HOME}"',
      'description: \'a: "b" [c] {d}\'',
      'description: |\n  "not closed\n  [ { and so on',
      'description: a # it\'s "a" comment {',
    ]
    for (const body of sound) {
      const yaml = `services:\n  web:\n    command: x\n${body.replace(/^command/, 'cwd').replace(/^/gm, '    ')}\n`
      expect(await load(yaml, { environment: { HOME: 'x' } })).toMatchObject({ ok: true })
    }
  })
})
