// What one file says, read by the settings tables.
import type { Findings } from './findings.ts'
import { problemOf } from './problem.ts'
import { readTable } from './read-table.ts'
import type { Sparse } from './setting.ts'
import { includedSettings, supervisorSettings } from './settings/supervisor.ts'
import type { SourceFile } from './source-file.ts'
import { type Environment, substitute } from './substitute.ts'
import { type ReadContext, reportRefusal, wrongType } from './value-type.ts'
import { isObject, plainValue } from './written-scalar.ts'

export type FileSettings = Sparse<typeof supervisorSettings>

/** A file, what it says, and the files that include it, outermost first. */
export interface ConfigFile {
  readonly source: SourceFile
  readonly settings: FileSettings
  readonly includedBy: readonly ConfigFile[]
}

export interface ReadSettingsOptions {
  readonly environment: Environment
  readonly directory: string
  readonly cpus: number
}

/** Everything that is wrong in it goes to `findings`. */
export function readSettings(
  source: SourceFile,
  isIncluded: boolean,
  options: ReadSettingsOptions,
  findings: Findings,
): FileSettings {
  const report = findings.reporter(source)
  for (const { range, path, code, detail } of source.faults)
    findings.add(problemOf(source.file, path, { code, detail }, source.spotOf(range)))
  // What a broken text seems to say would only be more errors.
  if (source.faults.some(({ code }) => code === 'HF_CONFIG_SYNTAX')) return {}
  const context: ReadContext = { directory: options.directory, cpus: options.cpus, report }
  const tree = source.mayHaveVariables ? substitute(source.tree, options.environment, report) : source.tree
  if (plainValue(tree) === null) return {}
  if (!isObject(tree)) {
    reportRefusal(wrongType('an object with `services`', tree), [], context)
    return {}
  }
  const entries = Object.entries(tree).filter(
    ([key]) => !key.startsWith('x-') && !(isIncluded && refuseInIncluded(key, context)),
  )
  return readTable(supervisorSettings, Object.fromEntries(entries), [], context)
}

function refuseInIncluded(key: string, context: ReadContext): boolean {
  if (!Object.hasOwn(supervisorSettings, key) || Object.hasOwn(includedSettings, key)) return false
  const detail = { problem: `"${key}" can not stand in an included file`, mend: 'Put it into the main config file.' }
  context.report({ code: 'HF_CONFIG_CONFLICT', path: [key], at: 'key', detail })
  return true
}
