// From argv to a checked command, by the verb table. Every mistake is one HF_USAGE sentence.
import { nearestName } from '../config/did-you-mean.ts'
import { parseDuration } from '../config/values/duration.ts'
import { HoldfastError } from '../errors/holdfast-error.ts'
import { tokenize } from './option-tokens.ts'
import { GLOBAL_OPTIONS, type OptionRow, VERBS, type VerbRow } from './verb-table.ts'

export interface GlobalOptions {
  readonly config: string | null
  readonly socket: string | null
  readonly json: boolean
  readonly noColor: boolean
  readonly quiet: boolean
}

export interface Command {
  readonly verb: VerbRow
  readonly arguments: readonly string[]
  /** By long name: true for a flag, ms for a duration, a number for a count, else the text. */
  readonly options: Readonly<Record<string, string | number | true>>
  readonly global: GlobalOptions
}

export type Parsed = { is: 'command'; command: Command } | { is: 'help'; verb: VerbRow | null } | { is: 'version' }

/** @throws HoldfastError HF_USAGE, HF_NOT_AVAILABLE */
export function parseCommand(argv: readonly string[]): Parsed {
  const at = findVerb(argv)
  const name = at < 0 ? null : (argv[at] ?? null)
  if (name === 'help') return helpFor(argv[at + 1])
  const verb = name === null ? null : verbNamed(name)
  const rest = argv.filter((_, index) => index !== at)
  const { options, positionals } = readOptions(rest, verb)
  if (options.version) return { is: 'version' }
  if (options.help || verb === null) return helpOrComplain(options.help === true, verb)
  if (verb.later) throw new HoldfastError('HF_NOT_AVAILABLE', { what: `holdfast ${verb.name}` })
  const { config, socket, json, quiet, 'no-color': noColor, ...own } = options
  checkArguments(verb, positionals)
  const global: GlobalOptions = {
    config: typeof config === 'string' ? config : null,
    socket: typeof socket === 'string' ? socket : null,
    json: json === true,
    noColor: noColor === true,
    quiet: quiet === true,
  }
  return { is: 'command', command: { verb, arguments: positionals, options: own, global } }
}

/** The first word that is neither a global option nor the value of one. */
function findVerb(argv: readonly string[]): number {
  for (let i = 0; i < argv.length; i++) {
    const word = argv[i] ?? ''
    if (word === '--') return -1
    if (!word.startsWith('-') || word === '-') return i
    if (GLOBAL_OPTIONS.some(({ long, short, value }) => value && (word === `--${long}` || word === `-${short}`))) i++
  }
  return -1
}

export function verbNamed(name: string): VerbRow {
  const verb = VERBS.find((row) => row.name === name)
  if (verb) return verb
  const names = VERBS.filter((row) => !row.hidden).map((row) => row.name)
  const near = names.find((known) => known.startsWith(name)) ?? nearestName(name, names)
  throw usage(`unknown command "${name}"${near ? `; did you mean "${near}"?` : ''}`, '')
}

type Options = Record<string, string | number | true>

function readOptions(words: readonly string[], verb: VerbRow | null): { options: Options; positionals: string[] } {
  const rows = [...GLOBAL_OPTIONS, ...(verb?.options ?? [])]
  const options: Options = {}
  const positionals: string[] = []
  for (const token of tokenize(words, rows)) {
    if (token.kind === 'positional') {
      positionals.push(token.value)
      continue
    }
    const row = rows.find(({ long }) => long === token.name)
    if (!row) throw unknownOption(token.rawName, rows, verb)
    if (row.later) throw new HoldfastError('HF_NOT_AVAILABLE', { what: `holdfast ${verb?.name} --${row.long}` })
    options[row.long] = optionValue(row, token.rawName, token.value, verb)
  }
  return { options, positionals }
}

function optionValue(
  row: OptionRow,
  raw: string,
  text: string | undefined,
  verb: VerbRow | null,
): string | number | true {
  const verbName = verb?.name ?? ''
  if (!row.value) {
    if (text !== undefined) throw usage(`${raw} takes no value`, verbName)
    return true
  }
  if (text === undefined || text === '') throw usage(`${raw} needs a value: ${raw} ${row.value}`, verbName)
  if (row.kind === 'count' && !/^\d{1,9}$/.test(text))
    throw usage(`${raw} needs a whole number, not "${text}"`, verbName)
  if (row.kind === 'count') return Number(text)
  if (row.choices && !row.choices.includes(text))
    throw usage(`${raw} must be ${row.choices.join(' or ')}, not "${text}"`, verbName)
  if (row.kind !== 'duration') return text
  const millis = parseDuration(text)
  if (millis === null) throw usage(`${raw} needs a duration such as 500ms, 10s or 5m, not "${text}"`, verbName)
  return millis
}

function unknownOption(raw: string, rows: readonly OptionRow[], verb: VerbRow | null): HoldfastError {
  const near = nearestName(
    raw.replace(/^-+/, ''),
    rows.map((row) => row.long),
  )
  const where = verb ? ` of "holdfast ${verb.name}"` : ''
  return usage(
    `unknown option ${raw}${where}${near && raw.startsWith('--') ? `; did you mean --${near}?` : ''}`,
    verb?.name ?? '',
  )
}

function checkArguments(verb: VerbRow, given: readonly string[]): void {
  const wanted = verb.arguments
  const needed = wanted.filter((word) => !word.startsWith('[')).length
  const endless = wanted.some((word) => word.includes('…'))
  const missing = wanted[given.length]
  if (given.length < needed) throw usage(`${missing} is missing: ${usageLine(verb)}`, verb.name)
  if (!endless && given.length > wanted.length) {
    throw usage(`unexpected argument "${given[wanted.length]}": ${usageLine(verb)}`, verb.name)
  }
}

export function usageLine(verb: VerbRow): string {
  const options = verb.options.length > 0 ? ['[options]'] : []
  return ['holdfast', verb.name, ...verb.arguments, ...options].join(' ')
}

function helpFor(name: string | undefined): Parsed {
  return { is: 'help', verb: name === undefined ? null : verbNamed(name) }
}

function helpOrComplain(asked: boolean, verb: VerbRow | null): Parsed {
  if (asked) return { is: 'help', verb }
  throw usage('no command given', '')
}

function usage(problem: string, verb: string): HoldfastError {
  return new HoldfastError('HF_USAGE', { problem, verb: verb === '' ? '' : ` ${verb}` })
}
