// Reads the main file and everything it includes.
import { realpath } from 'node:fs/promises'
import { dirname, relative } from 'node:path'
import { type ConfigFile, readSettings } from './config-file.ts'
import type { Findings, Standing } from './findings.ts'
import { matchFiles } from './include-glob.ts'
import { type Problem, problemOf } from './problem.ts'
import { type FileOptions, type ReadFailure, readConfigFile } from './read-file.ts'
import { readConfigText } from './read-source.ts'
import { ReadingBudget } from './reading-budget.ts'
import type { SourceFile } from './source-file.ts'
import { isObject, shorten } from './written-scalar.ts'

export interface GatherOptions extends Omit<FileOptions, 'budget'> {
  readonly directory: string
  readonly cpus: number
}

/** The main file first, then the included ones, each once; everything that is wrong goes to `findings`. */
export async function gatherFiles(
  file: string,
  options: GatherOptions,
  findings: Findings,
): Promise<readonly ConfigFile[]> {
  const budget = new ReadingBudget(options.moduleTimeout)
  const main = await readConfigFile(file, { ...options, budget })
  if (!('file' in main)) {
    findings.add(await failureProblem(file, main))
    return []
  }
  return gatherFrom(main, options, findings, budget)
}

/** The same from a main file that has been read already, or never was one. */
export async function gatherFrom(
  main: SourceFile,
  options: GatherOptions,
  findings: Findings,
  budget = new ReadingBudget(options.moduleTimeout),
): Promise<readonly ConfigFile[]> {
  const files: ConfigFile[] = []
  await addWithIncludes(main, [], { options: { ...options, budget }, findings, files, isStopped: false })
  return files
}

interface Gathering {
  readonly options: GatherOptions & FileOptions
  readonly findings: Findings
  readonly files: ConfigFile[]
  /** The budget is used up, or a pattern finds too much, and that has been told. */
  isStopped: boolean
}

async function addWithIncludes(
  source: SourceFile,
  includedBy: readonly ConfigFile[],
  gathering: Gathering,
): Promise<void> {
  const read = readSettings(source, includedBy.length > 0, gathering.options, gathering.findings)
  const file: ConfigFile = { source, ...read, includedBy }
  gathering.files.push(file)
  const patterns = file.settings.include ?? []
  for (const [index, pattern] of patterns.entries()) {
    const isList = Array.isArray(isObject(source.tree) ? source.tree.include : null)
    const path = isList ? ['include', index] : ['include']
    await includePattern(pattern, file, { source, path, standsAt: path }, gathering)
  }
}

async function includePattern(pattern: string, from: ConfigFile, where: Standing, gathering: Gathering): Promise<void> {
  const { findings } = gathering
  if (gathering.isStopped) return
  const matches = await matchFiles(pattern, dirname(from.source.file))
  if (!matches.ok) {
    // Nothing of it is read: what such a pattern finds was not meant.
    gathering.isStopped = true
    return refuse(matches, where, findings)
  }
  if (matches.files.length === 0) findings.warn(where, 'value', `"${shorten(pattern)}" matches no file`, NO_MATCH)
  for (const file of matches.files) await includeFile(file, matches.isGlob, from, where, gathering)
}

const NO_MATCH =
  'It is relative to this file. A pattern that does not end as a file name does, as *.yaml, finds .yaml, .yml and .json only.'

function refuse({ problem, mend }: { problem: string; mend: string }, where: Standing, findings: Findings): void {
  findings.error(where, 'value', 'HF_CONFIG_INCLUDE', { problem, mend })
}

async function includeFile(
  file: string,
  byGlob: boolean,
  from: ConfigFile,
  where: Standing,
  gathering: Gathering,
): Promise<void> {
  const { findings, files, options } = gathering
  const real = await realpath(file).catch(() => file)
  const chain = [...from.includedBy, from]
  const known = chain.findIndex(({ source }) => source.file === real)
  // `*.yaml` beside the file itself does not mean the file itself.
  if (known >= 0 && byGlob && known === chain.length - 1) return
  if (known >= 0) {
    const names = [...chain.slice(known).map(({ source }) => source.file), real].map((name) =>
      relative(options.directory, name),
    )
    findings.error(where, 'value', 'HF_CONFIG_CYCLE', {
      what: 'files include each other',
      circle: names.join(' → '),
      mend: 'Take one of the includes out.',
    })
    return
  }
  if (files.some(({ source }) => source.file === real) || gathering.isStopped) return
  const problem = options.budget.exceeded
  if (problem !== null) {
    gathering.isStopped = true
    return refuse({ problem, mend: 'Name the files to include more exactly.' }, where, findings)
  }
  const source = await readConfigFile(real, options)
  if ('file' in source) return addWithIncludes(source, chain, gathering)
  if (source.line !== undefined) return findings.add(await failureProblem(real, source))
  refuse({ problem: `${relative(options.directory, real)}: ${source.problem}`, mend: source.mend }, where, findings)
}

/** A file that could not be read as a whole; a module that threw is shown at the line. */
async function failureProblem(file: string, { code, problem, mend, line, column = 1 }: ReadFailure): Promise<Problem> {
  const issue = { code, detail: { problem, mend } }
  if (line === undefined) return problemOf(file, [], issue, null)
  const read = await readConfigText(file)
  const lineText = read.ok ? (read.text.split(/\r?\n/)[line - 1] ?? '') : ''
  return problemOf(file, [], issue, { line, column, length: 1, lineText })
}
