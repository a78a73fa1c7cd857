import { describe, expect, test } from 'vitest'
import { type Command, parseCommand } from '../../src/cli/parse-command.ts'
import { GLOBAL_OPTIONS as globalRows, VERBS } from '../../src/cli/verb-table.ts'
import { HoldfastError } from '../../src/errors/holdfast-error.ts'

function command(line: string): Command {
  const parsed = parseCommand(words(line))
  if (parsed.is !== 'command') throw new Error(`parsed as ${parsed.is}`)
  return parsed.command
}

function refusal(line: string): HoldfastError {
  try {
    parseCommand(words(line))
  } catch (error) {
    if (error instanceof HoldfastError) return error
    throw error
  }
  throw new Error(`accepted: ${line}`)
}

const words = (line: string) => (line === '' ? [] : line.split(' '))

describe('options', () => {
  test.each([
    ['status', [], {}],
    ['status web db/1 @blue', ['web', 'db/1', '@blue'], {}],
    ['status --watch --memory', [], { watch: true, memory: true }],
    ['logs -f -n 5 web', ['web'], { follow: true, lines: 5 }],
    ['logs -fn5 web', ['web'], { follow: true, lines: 5 }],
    ['logs web --since 5m --stream err', ['web'], { since: 300_000, stream: 'err' }],
    ['logs --since=90', [], { since: 90_000 }],
    ['restart web --cold --replace --timeout 500ms', ['web'], { cold: true, replace: true, timeout: 500 }],
    ['stop web --no-wait --with-dependents', ['web'], { 'no-wait': true, 'with-dependents': true }],
    ['scale web 4', ['web', '4'], {}],
    ['scale web +1', ['web', '+1'], {}],
    ['scale web -2', ['web', '-2'], {}],
    ['scale -q web -2 --timeout 3', ['web', '-2'], { timeout: 3000 }],
    ['signal HUP web/0 --group', ['HUP', 'web/0'], { group: true }],
    ['up --detach --clean', [], { detach: true, clean: true }],
    ['check --no-host', [], { 'no-host': true }],
    ['apply --dry-run', [], { 'dry-run': true }],
    ['config schema', ['schema'], {}],
  ])('%s', (line, args, options) => {
    const { arguments: given, options: read } = command(line)
    expect(given).toEqual(args)
    expect(read).toEqual(options)
  })

  test.each([
    '-c a.yaml --json --no-color -q status web',
    'status -c a.yaml --json --no-color -q web',
    'status web --config=a.yaml --json --no-color --quiet',
    '--config a.yaml status web --json --no-color -q',
  ])('global ones before or after the verb: %s', (line) => {
    const { verb, arguments: given, global } = command(line)
    expect(verb.name).toBe('status')
    expect(given).toEqual(['web'])
    expect(global).toEqual({ config: 'a.yaml', socket: null, json: true, noColor: true, quiet: true })
  })

  test('the value of a global option is not taken for the verb', () => {
    expect(command('-c up status').verb.name).toBe('status')
    expect(command('--socket down status').global.socket).toBe('down')
  })

  test('-- ends the options', () => {
    expect(command('why -- --odd').arguments).toEqual(['--odd'])
  })
})

describe('mistakes exit with 2 and say what is meant', () => {
  test.each([
    ['', 'no command given'],
    ['stat', 'unknown command "stat"; did you mean "status"?'],
    ['restrat web', 'unknown command "restrat"; did you mean "restart"?'],
    ['frobnicate', 'unknown command "frobnicate"'],
    ['restart', 'TARGET… is missing: holdfast restart TARGET… [options]'],
    ['scale web', 'N|+N|-N is missing: holdfast scale TARGET N|+N|-N [options]'],
    ['why a b', 'unexpected argument "b": holdfast why TARGET'],
    ['up now', 'unexpected argument "now": holdfast up [options]'],
    ['logs --lnes 4', 'unknown option --lnes of "holdfast logs"; did you mean --lines?'],
    ['status -z', 'unknown option -z of "holdfast status"'],
    ['logs -n', '-n needs a value: -n N'],
    ['logs -n few', '-n needs a whole number, not "few"'],
    ['logs --stream both', '--stream must be out or err, not "both"'],
    ['down --timeout soon', '--timeout needs a duration such as 500ms, 10s or 5m, not "soon"'],
    ['up --detach=yes', '--detach takes no value'],
    ['status -c', '-c needs a value: -c FILE'],
  ])('%s', (line, message) => {
    const error = refusal(line)
    expect(error.message).toBe(message)
    expect(error.exit).toBe(2)
    expect(error.hint).toMatch(/^See: holdfast( \w+)? --help$/)
  })
})

describe('help and version', () => {
  test.each(VERBS.map((verb) => verb.name))('holdfast %s --help', (name) => {
    expect(parseCommand([name, '--help'])).toMatchObject({ is: 'help', verb: { name } })
    expect(parseCommand(['-h', name])).toMatchObject({ is: 'help', verb: { name } })
    expect(parseCommand(['help', name])).toMatchObject({ is: 'help', verb: { name } })
  })

  test('without a verb', () => {
    expect(parseCommand(['--help'])).toEqual({ is: 'help', verb: null })
    expect(parseCommand(['help'])).toEqual({ is: 'help', verb: null })
    expect(parseCommand(['--version'])).toEqual({ is: 'version' })
    expect(parseCommand(['status', '--version'])).toEqual({ is: 'version' })
  })
})

describe('what is not built yet says so and exits with 1', () => {
  const later = 'upgrade top exec run lock doctor console import unit completion'.split(' ')
  test.each([...later, 'exec web -- ls', 'up --guard', 'up --takeover', 'up --takeover --detach'])('%s', (line) => {
    const error = refusal(line)
    expect(error.message).toMatch(/ is not available yet$/)
    expect(error.exit).toBe(1)
  })
})

test('no verb has an option that a global one has taken', () => {
  for (const verb of VERBS) {
    const names = [...verb.options, ...globalRows].flatMap(({ long, short }) => [long, ...(short ? [`-${short}`] : [])])
    expect(new Set(names).size, verb.name).toBe(names.length)
  }
})
